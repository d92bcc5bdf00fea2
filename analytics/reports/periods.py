"""The stretch of shop days that a report is about, and how it is cut up."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from common.days import bounds, shop_day

LONGEST = 3 * 366  # days
# Of a calendar that every zone and the database can count in.
YEARS = range(2000, 3000)


class Grain(StrEnum):
    """How long the steps of a report are; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def step_of(self, day: date) -> date:
        """Return the first day of the step that ``day`` is in."""
        if self is Grain.WEEK:
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self is Grain.MONTH else day


@dataclass(frozen=True, slots=True)
class Period:
    """Shop days, the first and the last one included; ``ValueError`` if too many."""

    first: date
    last: date

    def __post_init__(self) -> None:
        is_known = self.first.year in YEARS and self.last.year in YEARS
        if not (is_known and 0 < self.length <= LONGEST):
            raise ValueError(f"{self.first} to {self.last}")

    @property
    def length(self) -> int:
        """How many days it is."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """The period of the same length just before."""
        length = timedelta(days=self.length)
        return Period(self.first - length, self.last - length)

    def days(self) -> Iterator[date]:
        """Go through the days, oldest first."""
        return (self.first + timedelta(days=n) for n in range(self.length))

    def steps(self, grain: Grain) -> list[date]:
        """Return the first days of all steps the period touches, oldest first."""
        return sorted({grain.step_of(day) for day in self.days()})

    def bounds(self) -> tuple[datetime, datetime]:
        """Return the half-open interval of the period's instants, in UTC."""
        return bounds(self.first)[0], bounds(self.last)[1]


def last_days(length: int, now: datetime) -> Period:
    """Return the last ``length`` shop days, today included."""
    today = shop_day(now)
    return Period(today - timedelta(days=length - 1), today)
