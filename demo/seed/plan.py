"""Who buys what, when, and what becomes of it; drawn twice from the same seed.

First to learn how much of everything has to be in stock, then to write it. So nothing
of it has to be kept, however many orders there are.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from heapq import merge
from random import Random

from common.days import shop_zone
from common.money import allocate
from demo.seed.goods import Goods
from demo.seed.moments import DAY, HOUR, MINUTE, aware
from demo.seed.people import People

# By the shop's clock: lunch and the evening are busy, the small hours are not.
HOURS = (
    *(9, 5, 3, 2, 2, 3, 7, 14, 22, 30, 36, 40),
    *(48, 42, 36, 36, 38, 40, 44, 52, 64, 70, 58, 26),
)
# Monday first.
WEEKDAYS = (100, 96, 94, 98, 104, 118, 126)
GROWTH = 2  # per cent a day
BASKETS, BASKET_CHANCES = (1, 2, 3, 4, 5, 7), (36, 28, 17, 10, 6, 3)
QUANTITIES, QUANTITY_CHANCES = (1, 2, 3, 5), (74, 18, 6, 2)
# Of something as dear as this nobody takes two.
DEAR = 150_000
# How much likelier an early shopper is to come again.
LOYALTY = 1.3
# These buy only what the script says.
SCRIPTED_SHOPPERS = 2


class Fate(Enum):
    """What becomes of an order."""

    PAID_AT_ONCE = auto()
    PAID_LATER = auto()
    CANCELLED_UNPAID = auto()
    CANCELLED_PAID = auto()
    EXPIRED = auto()


FATES = tuple(Fate)
FATE_CHANCES = (78, 12, 2, 4, 4)
MINJI, DANIEL = range(2)
# How long ago, who, and what became of it: so that each status can be seen.
SCRIPT = (
    (19 * DAY + 97 * MINUTE, MINJI, Fate.PAID_AT_ONCE),
    (15 * DAY + 433 * MINUTE, MINJI, Fate.PAID_AT_ONCE),
    (11 * DAY + 21 * MINUTE, MINJI, Fate.PAID_LATER),
    (9 * DAY + 148 * MINUTE, DANIEL, Fate.PAID_AT_ONCE),
    (8 * DAY + 189 * MINUTE, MINJI, Fate.CANCELLED_PAID),
    (6 * DAY + 52 * MINUTE, MINJI, Fate.EXPIRED),
    (5 * DAY + 316 * MINUTE, DANIEL, Fate.CANCELLED_UNPAID),
    (4 * DAY + 34 * MINUTE, MINJI, Fate.PAID_AT_ONCE),
    (44 * HOUR + 11 * MINUTE, MINJI, Fate.PAID_AT_ONCE),
    (31 * HOUR + 43 * MINUTE, DANIEL, Fate.PAID_AT_ONCE),
    (20 * HOUR + 28 * MINUTE, MINJI, Fate.PAID_AT_ONCE),
    (3 * HOUR + 17 * MINUTE, MINJI, Fate.PAID_AT_ONCE),
    (6 * MINUTE, MINJI, Fate.EXPIRED),
)

# So far along the catalogue stands what is often bought with something.
COMPANION = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """One order; ``items`` are quantities by the product's place."""

    at: int
    user: int
    items: dict[int, int]
    fate: Fate
    # Told in advance: takes exactly as long as usual, uses no coupon.
    is_scripted: bool


@dataclass(frozen=True, slots=True)
class Planner:
    """Draws the plans between ``start`` and ``now``, in the order of time."""

    goods: Goods
    people: People
    orders: int
    seed: int
    start: int
    now: int

    def plans(self) -> Iterator[Plan]:
        """Yield the orders; the same each time."""
        rng = Random(f"plans {self.seed}")
        script = [step for step in SCRIPT if self.now - step[0] > self.start]
        script = script[-self.orders :] if self.orders else []
        scripted = ((self.now - ago, user, fate) for ago, user, fate in script)
        random = ((at, -1, None) for at in self._times(self.orders - len(script), rng))
        for at, user, fate in merge(scripted, random, key=lambda step: step[0]):
            yield self._plan(at, user, fate, rng)

    def demand(self) -> "array[int]":
        """Return what has to be delivered of each product for all of it to happen."""
        needed = array("q", self.goods.targets)
        for plan in self.plans():
            for place, quantity in plan.items.items():
                needed[place] += quantity
        return needed

    def _plan(self, at: int, user: int, fate: Fate | None, rng: Random) -> Plan:
        items = self._items(rng)
        drawn = rng.choices(FATES, FATE_CHANCES)[0]
        if any(self.goods.is_scarce(place) for place in items):
            drawn = Fate.PAID_AT_ONCE
        if fate is None:
            return Plan(at, self._shopper(at, rng), items, drawn, is_scripted=False)
        items = {p: q for p, q in items.items() if not self.goods.is_scarce(p)}
        return Plan(at, user, items or {self._plentiful(): 1}, fate, is_scripted=True)

    def _items(self, rng: Random) -> dict[int, int]:
        size = rng.choices(BASKETS, BASKET_CHANCES)[0]
        chances = self.goods.chances
        places = {
            bisect_right(chances, rng.random() * chances[-1]) for _ in range(size)
        }
        places = self._fitting(places)
        return {
            place: 1
            if self.goods.prices[place] >= DEAR
            else rng.choices(QUANTITIES, QUANTITY_CHANCES)[0]
            for place in sorted(places)
        }

    def _fitting(self, places: set[int]) -> set[int]:
        """Let most baskets hold two things that go together."""
        first, last = min(places), max(places)
        if first == last or sum(places) % 3 == 0:
            return places
        return places - {last} | {(first + COMPANION) % len(self.goods)}

    def _plentiful(self) -> int:
        return max(range(len(self.goods)), key=self.goods.targets.__getitem__)

    def _shopper(self, at: int, rng: Random) -> int:
        present = bisect_right(self.people.registered, at) - SCRIPTED_SHOPPERS
        if present < 1:
            return 0
        return SCRIPTED_SHOPPERS + int(present * rng.random() ** LOYALTY)

    def _times(self, count: int, rng: Random) -> Iterator[int]:
        hours = range(self.start, self.now, HOUR)
        weights = [self._weight(hour) for hour in hours]
        for hour, orders in zip(hours, allocate(count, weights), strict=True):
            length = min(HOUR, self.now - hour)
            yield from sorted(hour + rng.randrange(length) for _ in range(orders))

    def _weight(self, hour: int) -> int:
        local = aware(hour).astimezone(shop_zone())
        growth = 100 + GROWTH * (hour - self.start) // DAY
        length = min(HOUR, self.now - hour) // MINUTE
        return HOURS[local.hour] * WEEKDAYS[local.weekday()] * growth * length
