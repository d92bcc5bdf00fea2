"""The rollup is what a slow count of the same orders says, whatever happened."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import Settings

from analytics import services as analytics
from analytics.models import DailySales, DailyTakings, DirtyDay
from catalog.models import Product
from checkout import services as checkout
from common.days import bounds, shop_day
from config.schedule import SCHEDULE
from orders.models import Order, OrderLine, OrderStatus
from payments.models import Refund, RefundLine
from tests.analytics.history import given_back, sold
from tests.factories import ProductFactory
from tests.races.stage import purchase, shoppers

pytestmark = pytest.mark.django_db

FIRST = date(2026, 3, 27)
DAYS = [FIRST + timedelta(days=number) for number in range(5)]
# Seoul has no summer time; Berlin's begins on one of the days; Chatham is 12:45 ahead.
ZONES = ("Asia/Seoul", "Europe/Berlin", "Pacific/Chatham", "America/New_York")
METHODS = ("", "standard", "express")
Sums = dict[tuple[date, object], tuple[int, ...]]


@contextmanager
def forgotten() -> Iterator[None]:
    """Undo what an example wrote."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def slow_sales(zone: str) -> Sums:
    """Count sales by day and product, one line after the other."""
    sums: dict[tuple[date, object], list[int]] = defaultdict(lambda: [0] * 5)
    for line in OrderLine.objects.exclude(paid_at=None):
        assert line.paid_at is not None
        row = sums[line.paid_at.astimezone(ZoneInfo(zone)).date(), line.product_id]
        row[0] += line.quantity
        row[1] += 1
        row[2] += line.unit_price * line.quantity - line.discount_share
    for back in RefundLine.objects.all():
        row = sums[back.refunded_at.astimezone(ZoneInfo(zone)).date(), back.product_id]
        row[3] += back.quantity
        row[4] += back.amount
    return {key: tuple(row) for key, row in sums.items()}


def slow_takings(zone: str) -> Sums:
    """Count takings by day and way of delivery, one order after the other."""
    sums: dict[tuple[date, object], list[int]] = defaultdict(lambda: [0] * 6)
    for order in Order.objects.exclude(paid_at=None):
        assert order.paid_at is not None
        day = order.paid_at.astimezone(ZoneInfo(zone)).date()
        row = sums[day, order.delivery_method]
        row[0] += 1
        row[1] += order.subtotal
        row[2] += order.discount
        row[3] += order.delivery_cost
    for refund in Refund.objects.exclude(order=None).select_related("order"):
        assert refund.order is not None
        day = refund.refunded_at.astimezone(ZoneInfo(zone)).date()
        row = sums[day, refund.order.delivery_method]
        row[4] += refund.amount - refund.delivery_amount
        row[5] += refund.delivery_amount
    return {key: tuple(row) for key, row in sums.items()}


def kept_sales() -> Sums:
    return {
        (row.day, row.product_id): (
            row.units,
            row.orders,
            row.revenue,
            row.refunded_units,
            row.refunded,
        )
        for row in DailySales.objects.all()
    }


def kept_takings() -> Sums:
    return {
        (row.day, row.delivery_method): (
            row.orders,
            row.goods,
            row.discount,
            row.delivery,
            row.refunded_goods,
            row.refunded_delivery,
        )
        for row in DailyTakings.objects.all()
    }


MOMENTS = st.one_of(
    st.integers(0, 5 * 24 * 60 * 60 * 1000),
    # The last and the first instants around each midnight, whatever the zone's.
    st.builds(lambda hour, ms: max(0, hour * 3_600_000 + ms), st.integers(1, 119),
              st.sampled_from((-1, 0, 1, 2_700_000))),
)  # fmt: skip
SALES = st.tuples(
    MOMENTS,
    st.dictionaries(st.integers(0, 2), st.integers(1, 5), min_size=1),
    st.integers(0, 900),
    st.sampled_from(METHODS),
    st.sampled_from((OrderStatus.PAID, OrderStatus.CANCELLED, OrderStatus.DELIVERED)),
    # Which part goes back, and how long after.
    st.one_of(st.none(), st.tuples(st.integers(0, 900), MOMENTS)),
)


QUICKLY = examples(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("zone", ZONES)
def test_rollup_is_what_a_slow_count_says(zone: str, settings: Settings) -> None:
    settings.TIME_ZONE = zone
    products = [ProductFactory.create(price=price) for price in (777, 10_000, 3_333)]

    @QUICKLY
    @given(st.lists(SALES, min_size=4, max_size=10))
    def check(sales: list[Any]) -> None:
        with forgotten():
            _write(sales, products)
            days = {*DAYS, *(DAYS[-1] + timedelta(days=n) for n in range(1, 8))}
            changed = [analytics.roll_up_day(day) for day in sorted(days)]
            assert kept_sales() == slow_sales(zone)
            assert kept_takings() == slow_takings(zone)
            assert sum(changed) == DailySales.objects.count() + (
                DailyTakings.objects.count()
            )
            assert sum(analytics.roll_up_day(day) for day in sorted(days)) == 0

    check()


def _write(sales: list[Any], products: list[Product]) -> None:
    start = datetime(2026, 3, 27, 12, tzinfo=UTC)
    for moment, units, discount, method, status, back in sales:
        at = start + timedelta(milliseconds=moment)
        wish = {products[place]: number for place, number in units.items()}
        order = sold(
            at,
            wish,
            discount=min(discount, sum(p.price * n for p, n in wish.items())),
            delivery=3_000 if method else 0,
            delivery_method=method,
            status=status,
        )
        if back is not None:
            share, later = back
            some = dict(list(wish.items())[: 1 + share % len(wish)])
            given_back(
                at + timedelta(milliseconds=later),
                order,
                some,
                delivery=min(share, order.delivery_cost),
            )


def test_days_on_which_the_clocks_change_have_all_their_sales(
    settings: Settings,
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    berlin, product = ZoneInfo("Europe/Berlin"), ProductFactory.create()
    short, long = date(2026, 3, 29), date(2026, 10, 25)
    for day, hours in ((short, 23), (long, 25)):
        start, end = bounds(day)
        assert end - start == timedelta(hours=hours)
        for number in range(hours):
            sold(start + timedelta(hours=number, minutes=30), {product: 1})
        sold(start - timedelta(milliseconds=1), {product: 1})
        sold(end, {product: 1})
    # Half past two comes twice, and both are of the day.
    twice = [datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1)]
    assert [shop_day(moment) for moment in twice] == [long, long]

    for day in (short, long):
        analytics.roll_up_day(day)

    units = dict(DailySales.objects.values_list("day", "units"))
    assert units == {short: 23, long: 25}
    orders = dict(DailyTakings.objects.values_list("day", "orders"))
    assert orders == units


def test_late_refund_leaves_the_day_of_the_sale_and_its_takings_alone() -> None:
    product = ProductFactory.create(price=10_000)
    noon = datetime(2026, 3, 1, 3, tzinfo=UTC)
    order = sold(noon, {product: 3}, delivery=3_000, delivery_method="standard")
    given_back(noon + timedelta(days=40), order, {product: 1}, delivery=500)

    for day in (date(2026, 3, 1), date(2026, 4, 10)):
        analytics.roll_up_day(day)

    assert kept_takings() == {
        (date(2026, 3, 1), "standard"): (1, 30_000, 0, 3_000, 0, 0),
        (date(2026, 4, 10), "standard"): (0, 0, 0, 0, 10_000, 500),
    }


def test_takings_of_a_day_without_its_only_order_are_gone() -> None:
    product, noon = ProductFactory.create(), datetime(2026, 3, 1, 3, tzinfo=UTC)
    order = sold(noon, {product: 1})
    analytics.roll_up_day(date(2026, 3, 1))
    Order.objects.filter(pk=order.pk).update(paid_at=noon + timedelta(days=1))
    OrderLine.objects.update(paid_at=noon + timedelta(days=1))

    assert analytics.roll_up_day(date(2026, 3, 1)) == 2
    assert not DailyTakings.objects.exists()
    assert not DailySales.objects.exists()


def test_today_is_kept_fresh_within_a_minute() -> None:
    entry = SCHEDULE["roll up today's sales"]

    assert entry["task"] == "analytics.tasks.roll_up_fresh_days"
    assert entry["schedule"] <= timedelta(minutes=1)


def test_today_does_not_wait_for_days_that_are_dirty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [user], product = shoppers(1), ProductFactory.create()
    checkout.place_and_pay(purchase(user, product))
    for day in DAYS:
        analytics.mark_dirty(day)
    seen: list[date] = []

    def note(day: date) -> int:
        seen.append(day)
        return 0

    monkeypatch.setattr(analytics, "roll_up_day", note)
    analytics.roll_up_fresh_days()

    assert seen == sorted(seen, reverse=True)
    assert set(DAYS) <= set(seen)
    assert DirtyDay.objects.count() == len(DAYS)
