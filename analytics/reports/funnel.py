"""From a visit to a paid order, by shop day.

Two things stand side by side and are never mixed: visits of those who let themselves be
observed, from a look to a purchase, and all orders, from placing to paying. What one
actor did on one shop day is a visit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import F, Sum

from analytics.models import DailyFunnel, ReportRun
from analytics.reports.periods import Grain, Period

SUMS = {
    f"sum_{name}": Sum(F(name))
    for name in ("visits", "viewed", "added", "bought", "placed", "paid")
}


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many visits came how far, and how many orders; ``step`` is the first day."""

    step: date
    visits: int
    viewed: int
    added: int
    bought: int
    placed: int
    paid: int


def whole(period: Period) -> Funnel:
    """Add the days of a period up."""
    days = DailyFunnel.objects.filter(day__range=(period.first, period.last))
    sums = days.aggregate(**SUMS)
    return Funnel(period.first, *(sums[name] or 0 for name in SUMS))


def over_time(period: Period, grain: Grain) -> list[Funnel]:
    """Return the funnel by step of time, oldest first, none left out."""
    sums = {step: [0] * len(SUMS) for step in period.steps(grain)}
    for day, *numbers in _days(period):
        step = sums[grain.step_of(day)]
        sums[grain.step_of(day)] = [a + b for a, b in zip(step, numbers, strict=True)]
    return [Funnel(step, *numbers) for step, numbers in sums.items()]


def computed_at() -> datetime | None:
    """Return when the last days were counted; ``None`` for never."""
    run = ReportRun.objects.filter(name=ReportRun.FUNNEL).first()
    return run.computed_at if run else None


def _days(period: Period) -> Iterator[tuple[date, int, int, int, int, int, int]]:
    days = DailyFunnel.objects.filter(day__range=(period.first, period.last))
    return days.values_list(
        "day", "visits", "viewed", "added", "bought", "placed", "paid"
    ).iterator()
