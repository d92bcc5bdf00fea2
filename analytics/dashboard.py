"""What staff look at in the morning: how the shop is doing."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

from django.db.models import Count, Max, Model, Q, QuerySet, Sum

from analytics.models import DailyFunnel, RollupRun
from analytics.reports import funnel, sales
from analytics.reports.periods import Period
from analytics.selectors import best_sellers
from catalog.models import Product
from common.days import bounds, shop_day
from orders.models import Order
from payments.models import Refund

M = TypeVar("M", bound=Model)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Takings:
    """What was sold in a stretch of time; money in minor units."""

    orders: int
    revenue: int
    refunds: int

    @property
    def average(self) -> int:
        return self.revenue // self.orders if self.orders else 0


@dataclass(frozen=True, slots=True)
class Conversion:
    """The visits of a shop day that may be observed, and those of them that bought."""

    visits: int = 0
    bought: int = 0

    @property
    def share(self) -> float | None:
        return self.bought / self.visits if self.visits else None


@dataclass(frozen=True, slots=True)
class Day:
    """A shop day as it was rolled up; money in minor units, with delivery."""

    day: date
    orders: int
    revenue: int
    refunded: int
    visits: Conversion

    @property
    def net(self) -> int:
        return self.revenue - self.refunded

    @property
    def average(self) -> int:
        return self.revenue // self.orders if self.orders else 0


@dataclass(frozen=True, slots=True)
class TopSeller:
    """A best seller with its name."""

    rank: int
    product_id: int
    name: str
    units: int
    revenue: int


@dataclass(frozen=True, slots=True)
class Freshness:
    """When the days were last rolled up, and the visits counted; ``None`` for never."""

    sales: datetime | None
    visits: datetime | None


def today_and_a_week_ago(now: datetime) -> tuple[Takings, Takings]:
    """Return today's takings, and those of the same weekday until the same time.

    They are counted now: no rollup knows the time of day.
    """
    today = shop_day(now)
    start, _end = bounds(today)
    before, _end = bounds(today - WEEK)
    windows = {"new": (start, now), "old": (before, before + (now - start))}
    paid = _sums(Order.objects.all(), "paid_at", "total", windows)
    given = _sums(Refund.objects.of_sales(), "refunded_at", "amount", windows)
    new, old = (
        Takings(
            orders=paid[f"{name}_count"],
            revenue=paid[f"{name}_sum"] or 0,
            refunds=given[f"{name}_sum"] or 0,
        )
        for name in windows
    )
    return new, old


def conversions(now: datetime) -> tuple[Conversion, Conversion]:
    """Return today's conversion so far, and that of the same weekday as a whole."""
    today = shop_day(now)
    found = _visits(Q(day__in=[today, today - WEEK]))
    return found.get(today, Conversion()), found.get(today - WEEK, Conversion())


def days(period: Period) -> list[Day]:
    """Return the shop days of a period as rolled up, oldest first, none left out."""
    visits = _visits(Q(day__range=(period.first, period.last)))
    return [
        Day(
            day=row.key,
            orders=row.orders or 0,
            revenue=row.revenue,
            refunded=row.refunded,
            visits=visits.get(row.key, Conversion()),
        )
        for row in sales.takings_by_day(period)
    ]


def freshness(period: Period) -> Freshness:
    """Say how old the numbers of the days are."""
    runs = RollupRun.objects.filter(day__range=(period.first, period.last))
    return Freshness(
        sales=runs.aggregate(at=Max("computed_at"))["at"],
        visits=funnel.computed_at(),
    )


def top_sellers() -> list[TopSeller]:
    """Return the best sellers of the last days, with their names."""
    items = best_sellers().items
    products = Product.objects.in_bulk([item.product_id for item in items])
    return [
        TopSeller(
            rank=item.rank,
            product_id=item.product_id,
            name=products[item.product_id].name,
            units=item.units,
            revenue=item.revenue,
        )
        for item in items
    ]


def _sums(
    rows: QuerySet[M],
    moment: str,
    amount: str,
    windows: dict[str, tuple[datetime, datetime]],
) -> dict[str, int]:
    """Count and add up rows of each window, in one statement."""
    within = {
        name: Q(**{f"{moment}__gte": start, f"{moment}__lt": end})
        for name, (start, end) in windows.items()
    }
    # Said twice, so that the index finds the rows of the windows alone.
    any_of = Q()
    for condition in within.values():
        any_of |= condition
    sums = {
        f"{name}_{what}": made(column, filter=condition)
        for name, condition in within.items()
        for what, made, column in (("count", Count, "pk"), ("sum", Sum, amount))
    }
    return rows.filter(any_of).aggregate(**sums)


def _visits(condition: Q) -> dict[date, Conversion]:
    rows = DailyFunnel.objects.filter(condition)
    return {
        day: Conversion(visits, bought)
        for day, visits, bought in rows.values_list("day", "visits", "bought")
    }
