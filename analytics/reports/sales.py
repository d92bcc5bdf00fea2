"""Sales over time and by what was sold, from the daily rollups.

Sales stand on the day they were paid and refunds on the day they were given, so a
day's net can be below zero.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db.models import F, Max, QuerySet, Sum

from analytics.models import DailySales, DailyTakings, RollupRun
from analytics.reports.periods import Grain, Period

GOODS_SUMS = {
    "sum_units": Sum(F("units") - F("refunded_units")),
    "sum_revenue": Sum("revenue"),
    "sum_refunded": Sum("refunded"),
}
TAKINGS_SUMS = {
    "sum_orders": Sum("orders"),
    "sum_revenue": Sum(F("goods") - F("discount") + F("delivery")),
    "sum_refunded": Sum(F("refunded_goods") + F("refunded_delivery")),
}


@dataclass(frozen=True, slots=True)
class Sales:
    """What something came to; ``key`` says what: a step of time, or an id or a code.

    ``orders`` is ``None`` where they cannot be told apart: one order can have several
    products of a category. ``units`` are net, and ``None`` for ways of delivery.
    """

    key: Any
    name: str
    orders: int | None
    units: int | None
    revenue: int
    refunded: int

    @property
    def net(self) -> int:
        """What is left of the revenue."""
        return self.revenue - self.refunded

    @property
    def average(self) -> int:
        """The revenue of an order (AOV), rounded down; 0 without orders."""
        return self.revenue // self.orders if self.orders else 0


def total(rows: Iterable[Sales]) -> Sales:
    """Add rows up that do not overlap."""
    rows = list(rows)
    return Sales(
        key=None,
        name="",
        orders=_sum(row.orders for row in rows),
        units=_sum(row.units for row in rows),
        revenue=sum(row.revenue for row in rows),
        refunded=sum(row.refunded for row in rows),
    )


def over_time(
    period: Period, grain: Grain, *, delivery_method: str | None = None
) -> list[Sales]:
    """Return the takings with delivery by step of time, oldest first, none left out.

    Units are those of all products, or ``None`` for one way of delivery.
    """
    days = takings_by_day(period, delivery_method=delivery_method)
    if delivery_method is None:
        units = {row[0]: row[1] for row in _goods_by_day(_goods(period))}
        days = [replace(day, units=units.get(day.key, 0)) for day in days]
    return _by_step(days, period, grain)


def takings_by_day(
    period: Period, *, delivery_method: str | None = None
) -> list[Sales]:
    """Return the takings with delivery of each day, oldest first; units are unknown."""
    takings = DailyTakings.objects.filter(day__range=(period.first, period.last))
    if delivery_method is not None:
        takings = takings.filter(delivery_method=delivery_method)
    sums = (
        takings.values("day").annotate(**TAKINGS_SUMS).values_list("day", *TAKINGS_SUMS)
    )
    by_day = {day: numbers for day, *numbers in sums}
    found = []
    for day in period.days():
        orders, revenue, refunded = by_day.get(day, (0, 0, 0))
        found.append(Sales(day, "", orders, None, revenue, refunded))
    return found


def by_product(
    period: Period, *, limit: int, categories: Collection[int] | None = None
) -> list[Sales]:
    """Return the products with the highest net revenue, with their names."""
    goods = _goods(period)
    if categories is not None:
        goods = goods.filter(product__category__in=categories)
    sums = (
        goods.values("product_id", "product__name")
        .annotate(net=Sum(F("revenue") - F("refunded")), n=Sum("orders"), **GOODS_SUMS)
        .order_by("-net", "product_id")
        .values_list("product_id", "product__name", "n", *GOODS_SUMS)
    )
    return [Sales(*row) for row in sums[:limit]]


def by_category(period: Period) -> list[Sales]:
    """Return all categories that sold something, by net revenue."""
    sums = (
        _goods(period)
        .values("product__category_id", "product__category__name")
        .annotate(net=Sum(F("revenue") - F("refunded")), **GOODS_SUMS)
        .order_by("-net", "product__category_id")
        .values_list("product__category_id", "product__category__name", *GOODS_SUMS)
    )
    return [Sales(key, name, None, *numbers) for key, name, *numbers in sums]


def by_delivery(period: Period) -> list[Sales]:
    """Return all ways of delivery, by net revenue; the key is the method's code."""
    sums = (
        DailyTakings.objects.filter(day__range=(period.first, period.last))
        .values("delivery_method")
        .annotate(**TAKINGS_SUMS)
        .values_list("delivery_method", *TAKINGS_SUMS)
    )
    rows = [Sales(code, code, n, None, *numbers) for code, n, *numbers in sums]
    return sorted(rows, key=lambda row: (-row.net, row.key))


def computed_at(period: Period) -> datetime | None:
    """Return when a day of the period was last rolled up; ``None`` for never."""
    runs = RollupRun.objects.filter(day__range=(period.first, period.last))
    at: datetime | None = runs.aggregate(at=Max("computed_at"))["at"]
    return at


def _goods(period: Period) -> QuerySet[DailySales]:
    return DailySales.objects.filter(day__range=(period.first, period.last))


def _goods_by_day(goods: QuerySet[DailySales]) -> Iterable[Sequence[Any]]:
    sums = goods.values("day").annotate(**GOODS_SUMS, n=Sum("orders"))
    return sums.values_list("day", *GOODS_SUMS, "n")


def _by_step(days: list[Sales], period: Period, grain: Grain) -> list[Sales]:
    steps: dict[date, list[Sales]] = {step: [] for step in period.steps(grain)}
    for day in days:
        steps[grain.step_of(day.key)].append(day)
    summed = {step: total(parts) for step, parts in steps.items()}
    return [
        Sales(step, "", row.orders, row.units, row.revenue, row.refunded)
        for step, row in summed.items()
    ]


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
