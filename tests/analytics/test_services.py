"""Which days are rolled up, and how fresh the ranking says it is."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from analytics import selectors
from analytics import services as analytics
from analytics.models import DailySales, RollupRun
from analytics.tasks import roll_up_fresh_days
from catalog.models import Product
from checkout import services as checkout
from common.days import bounds, shop_day
from tests.factories import ProductFactory
from tests.races.stage import purchase, shoppers

pytestmark = pytest.mark.django_db


def _today() -> date:
    return shop_day(timezone.now())


def _day(days_ago: int) -> date:
    return _today() - timedelta(days=days_ago)


def _done(day: date, *, minutes_after_its_end: int) -> None:
    end = bounds(day)[1]
    RollupRun.objects.create(
        day=day, computed_at=end + timedelta(minutes=minutes_after_its_end)
    )


def test_fresh_days_are_today_and_those_that_are_not_final() -> None:
    _done(_day(1), minutes_after_its_end=14)
    _done(_day(2), minutes_after_its_end=15)
    before = dict(RollupRun.objects.values_list("day", "computed_at"))

    roll_up_fresh_days()

    after = dict(RollupRun.objects.values_list("day", "computed_at"))
    assert set(after) == {_day(0), _day(1), _day(2), _day(3)}
    # In the first minutes of a day the other moment is still to come.
    assert after[_day(1)] != before[_day(1)]
    assert after[_day(2)] == before[_day(2)]


def test_after_an_outage_every_day_since_the_last_run_is_rolled_up() -> None:
    _done(_day(7), minutes_after_its_end=15)
    RollupRun.objects.create(day=_day(6), computed_at=bounds(_day(6))[0])

    roll_up_fresh_days()

    days = RollupRun.objects.values_list("day", flat=True)
    assert set(days) == {_day(back) for back in range(8)}
    assert RollupRun.objects.get(day=_day(6)).computed_at > bounds(_day(6))[1]


def test_sale_counts_units_orders_and_revenue() -> None:
    [user] = shoppers(1)
    product = ProductFactory.create(price=10_000)
    checkout.place_and_pay(purchase(user, product, quantities={product.pk: 2}))

    assert analytics.roll_up_day(_today()) == 2

    row = DailySales.objects.get()
    assert (row.day, row.product, row.units, row.orders) == (_today(), product, 2, 1)
    assert (row.revenue, row.refunded_units, row.refunded) == (20_000, 0, 0)


def test_unpaid_order_is_no_sale() -> None:
    [user] = shoppers(1)
    checkout.place_order(purchase(user, ProductFactory.create()))

    assert analytics.roll_up_day(_today()) == 0
    assert not DailySales.objects.exists()


def test_ranking_has_five_places_and_says_how_fresh_it_is() -> None:
    assert selectors.best_sellers().computed_at is None
    for units, product in enumerate(ProductFactory.create_batch(7), start=1):
        DailySales.objects.create(
            day=_today(), product=product, units=units, orders=1, revenue=units
        )
    run = RollupRun.objects.create(day=_today())
    run.refresh_from_db()

    best = selectors.best_sellers()

    assert [item.units for item in best.items] == [7, 6, 5, 4, 3]
    assert [item.rank for item in best.items] == [1, 2, 3, 4, 5]
    assert best.computed_at == run.computed_at
    assert len(selectors.best_sellers(limit=2).items) == 2


def test_product_off_sale_is_no_best_seller() -> None:
    product = ProductFactory.create()
    DailySales.objects.create(
        day=_today(), product=product, units=1, orders=1, revenue=1
    )
    Product.objects.update(published_at=None)

    assert selectors.best_sellers().items == ()
