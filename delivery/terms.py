"""What a way of delivery costs, as values: no database, no clock, no settings.

Amounts are integers in minor units, weights in grams.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import time
from typing import Any


@dataclass(frozen=True, slots=True)
class RateTerms:
    """A line of a price table; ``weight_up_to`` ``None`` takes any weight."""

    weight_up_to: int | None
    value_from: int
    cost: int

    def fits(self, weight: int, value: int) -> bool:
        is_light = self.weight_up_to is None or weight <= self.weight_up_to
        return is_light and value >= self.value_from


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long a way of delivery takes, in its own working days.

    What is ordered before ``cut_off`` (shop time; ``None`` is midnight) leaves on the
    same day. Public holidays are no working days, weekends only where it says so.
    """

    cut_off: time | None = None
    days_min: int = 1
    days_max: int = 3
    works_weekends: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryTerms:
    """The price of a way of delivery to one address, and how long it takes.

    ``rates`` are those of the address's zone; ``None`` means that the way has no price
    table and ``cost`` and ``free_from`` hold everywhere.
    """

    code: str
    name: str
    cost: int
    free_from: int | None
    rates: tuple[RateTerms, ...] | None = None
    kind: str = "standard"
    # Who carries it; with a service, that one is asked for its price of the moment.
    carrier: str = ""
    service: str = ""
    schedule: Schedule = Schedule()
    # What the carrier asks for this parcel, if it has told.
    live_cost: int | None = None

    @property
    def is_live(self) -> bool:
        """Tell whether its price is the carrier's to say."""
        return bool(self.carrier and self.service)

    def cost_for(self, weight: int, value: int) -> int | None:
        """Return what a parcel costs; ``None`` if it is not taken to the address.

        What the shop gives free stays free, whatever the carrier asks.
        """
        cost = self.table_cost(weight, value)
        return self.live_cost if cost and self.live_cost is not None else cost

    def table_cost(self, weight: int, value: int) -> int | None:
        """Return the shop's own price: of the rates that fit, the closest one.

        That is the highest value reached, then the tightest weight.
        """
        if self.rates is None:
            is_free = self.free_from is not None and value >= self.free_from
            return 0 if is_free else self.cost
        fitting = [rate for rate in self.rates if rate.fits(weight, value)]
        return min(fitting, key=_closeness).cost if fitting else None

    def free_above(self, weight: int) -> int | None:
        """Return from which goods total a parcel of this weight is free, if ever."""
        if self.rates is None:
            return self.free_from
        values = sorted({rate.value_from for rate in self.rates if not rate.cost})
        free = (value for value in values if self.table_cost(weight, value) == 0)
        return next(free, None)

    def told(self, cost: int, days: int | None) -> "DeliveryTerms":
        """Return the same with what the carrier asks, and its days if it says."""
        schedule = self.schedule
        if days is not None:
            schedule = replace(schedule, days_min=days, days_max=days)
        return replace(self, live_cost=cost, schedule=schedule)


def terms_from(columns: Sequence[Any]) -> DeliveryTerms:
    """Read terms as ``delivery.selectors.WAY_SQL`` writes them."""
    code, name, cost, free_from, kind, carrier, service, *rest = columns
    cut_off, days_min, days_max, works_weekends, rates = rest
    return DeliveryTerms(
        code=code,
        name=name,
        cost=cost,
        free_from=free_from,
        rates=None if rates is None else tuple(RateTerms(*rate) for rate in rates),
        kind=kind,
        carrier=carrier,
        service=service,
        schedule=Schedule(
            cut_off=time.fromisoformat(cut_off) if cut_off else None,
            days_min=days_min,
            days_max=days_max,
            works_weekends=works_weekends,
        ),
    )


def postal_code_of(text: str) -> str:
    """Return a postal code as zones compare it: capital letters and digits only."""
    return "".join(character for character in text.upper() if character.isalnum())


def country_of(address: Mapping[str, str], home: str) -> str:
    """Return the country of an address; one without is at ``home``."""
    return (address.get("country") or home).upper()


def _closeness(rate: RateTerms) -> tuple[int, bool, int]:
    return (-rate.value_from, rate.weight_up_to is None, rate.weight_up_to or 0)
