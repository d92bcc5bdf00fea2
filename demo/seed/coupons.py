"""Coupon batches at every stage of their life, and who holds what of them."""

from bisect import bisect_right
from dataclasses import dataclass
from random import Random
from uuid import UUID

from coupons.models import CouponState, DiscountKind
from demo.seed.moments import DAY, HOUR, MINUTE, SECOND, aware
from demo.seed.people import People
from demo.seed.plan import DANIEL, MINJI, SCRIPTED_SHOPPERS
from demo.seed.tables import BATCHES, COUPONS, Writer
from promotions.pricing import CouponTerms


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch; times are relative to now, ``taken`` is the share that is gone."""

    id: int
    name: str
    kind: DiscountKind
    value: int
    cap: int | None
    min_spend: int
    # For each 60 shoppers.
    quantity: int
    taken: float
    opens: int
    until: int
    # How long the claims took.
    rush: int


BATCHES_OF_THE_DEMO = (
    Batch(
        *(1, "Harvest week", DiscountKind.PERCENT, 10, 15_000, 30_000),
        *(50, 0.9, -20 * DAY, -6 * DAY, 3 * DAY),
    ),
    Batch(
        *(2, "Welcome gift", DiscountKind.FIXED, 5_000, None, 40_000),
        *(120, 0.35, -18 * DAY, 45 * DAY, 17 * DAY),
    ),
    Batch(
        *(3, "Late autumn", DiscountKind.PERCENT, 15, 20_000, 50_000),
        *(40, 1.0, -9 * DAY, 12 * DAY, 40 * MINUTE),
    ),
    Batch(
        *(4, "First frost", DiscountKind.FIXED, 10_000, None, 70_000),
        *(50, 0.86, -90 * MINUTE, 9 * DAY, 80 * MINUTE),
    ),
    Batch(
        *(5, "Flash hour", DiscountKind.PERCENT, 30, 30_000, 60_000),
        *(100, 0.0, 2 * HOUR, 7 * DAY, MINUTE),
    ),
)
# What the shoppers of the demo's logins have; the others they can still claim.
GIFTS = {2: (MINJI, DANIEL), 3: (MINJI,)}
PER_SHOPPERS = 60


@dataclass(slots=True)
class Held:
    """A coupon that a shopper claimed."""

    id: int
    batch: Batch
    user: int
    serial: int
    issued: int
    until: int
    order_id: UUID | None = None
    used: int | None = None

    def could_pay(self, at: int, subtotal: int) -> bool:
        return (
            self.order_id is None
            and self.issued <= at < self.until
            and subtotal >= self.batch.min_spend
        )

    def terms(self) -> CouponTerms:
        is_percent = self.batch.kind == DiscountKind.PERCENT
        return CouponTerms(
            coupon_id=self.id,
            name=self.batch.name,
            percent=self.batch.value if is_percent else None,
            fixed=None if is_percent else self.batch.value,
            max_discount=self.batch.cap,
            min_spend=self.batch.min_spend,
        )


class Wallets:
    """All coupons that were claimed, by shopper."""

    def __init__(self, people: People, rng: Random, now: int) -> None:
        self._now = now
        self._people = people
        self._held: list[Held] = []
        self._by_user: dict[int, list[Held]] = {}
        self._sizes: dict[int, tuple[int, int]] = {}
        for batch in BATCHES_OF_THE_DEMO:
            self._claim(batch, rng)

    def usable(self, user: int, at: int, subtotal: int) -> Held | None:
        """Return a coupon the shopper could put on an order, if there is one."""
        return next(
            (
                held
                for held in self._by_user.get(user, ())
                if held.could_pay(at, subtotal)
            ),
            None,
        )

    def write_batches(self, writer: Writer) -> None:
        """Write the batches, with what was issued of each."""
        for batch in BATCHES_OF_THE_DEMO:
            quantity, issued = self._sizes[batch.id]
            opens = aware(self._full_hour(batch.opens))
            terms = (batch.kind.value, batch.value, batch.cap, batch.min_spend)
            row = (batch.id, batch.name, *terms, quantity, issued, opens, opens)
            until = aware(self._full_hour(batch.until))
            writer.add(BATCHES, (*row, until, True))

    def settle(self, writer: Writer) -> None:
        """Write where each coupon has come to."""
        for held in self._held:
            used = None if held.used is None else aware(held.used)
            row = (held.id, held.batch.id, self._people.id_of(held.user), held.serial)
            state = self._state(held).value
            writer.add(COUPONS, (*row, state, held.order_id, aware(held.issued), used))

    def _state(self, held: Held) -> CouponState:
        if held.order_id is not None:
            return CouponState.RESERVED if held.used is None else CouponState.USED
        return CouponState.EXPIRED if held.batch.until < 0 else CouponState.ISSUED

    def _claim(self, batch: Batch, rng: Random) -> None:
        opens, until = self._full_hour(batch.opens), self._full_hour(batch.until)
        present = bisect_right(self._people.registered, opens)
        quantity = batch.quantity * max(1, len(self._people) // PER_SHOPPERS)
        first = [user for user in GIFTS.get(batch.id, ()) if user < present]
        others = range(SCRIPTED_SHOPPERS, present)
        issued = min(int(quantity * batch.taken), len(first) + len(others))
        if batch.taken == 1.0:
            # Gone means gone, however few shoppers there are.
            quantity = max(1, issued)
        users = first + rng.sample(others, max(0, issued - len(first)))
        times = sorted(rng.randrange(SECOND, batch.rush) for _ in users)
        for serial, (user, after) in enumerate(zip(users, times, strict=True), 1):
            number = len(self._held) + 1
            held = Held(number, batch, user, serial, opens + after, until)
            self._held.append(held)
            self._by_user.setdefault(user, []).append(held)
        self._sizes[batch.id] = (quantity, len(users))

    def _full_hour(self, after: int) -> int:
        at = self._now + after
        return at - at % HOUR
