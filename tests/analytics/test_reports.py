"""Each report says what a slow count in Python says."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from math import sqrt
from random import Random
from statistics import mean, median_low, variance
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from analytics import funnel as counting
from analytics import selectors, trends
from analytics import services as analytics
from analytics.models import (
    Behaviour,
    BehaviourEvent,
    DailyFunnel,
    DailySales,
    ProductScore,
)
from analytics.reports import campaigns, customers, funnel, sales
from analytics.reports.campaigns import Band, Confidence, compare
from analytics.reports.periods import Grain, Period
from catalog.models import Popularity, Product
from common.days import bounds, shop_day
from orders.models import Order, OrderStatus
from tests.analytics.history import given_back, sold
from tests.factories import (
    CategoryFactory,
    CouponBatchFactory,
    CouponFactory,
    ProductFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _day_stands_still() -> Iterator[None]:
    """Keep midnight from coming in the middle of a test."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


NOON = timedelta(hours=12)


def day(ago: int) -> date:
    return shop_day(timezone.now()) - timedelta(days=ago)


def at(ago: int) -> datetime:
    """Return an instant of a shop day, the first of today's."""
    return bounds(day(ago))[0] + (NOON if ago else timedelta())


def roll_up(days: int) -> None:
    for ago in range(days):
        analytics.roll_up_day(day(ago))


# --- Sales ----------------------------------------------------------------------------


def test_sales_by_what_was_sold_are_what_the_orders_add_up_to() -> None:
    rng, shelves = Random(1), [CategoryFactory.create() for _ in range(3)]
    products = [
        ProductFactory.create(category=shelf, price=price)
        for shelf, price in zip(shelves, (900, 1_700, 25_000), strict=True)
    ]
    sums: dict[Any, list[int]] = {}

    def add(key: object, **numbers: int) -> None:
        row = sums.setdefault(key, [0, 0, 0])
        for place, name in enumerate(("orders", "revenue", "refunded")):
            row[place] += numbers.get(name, 0)

    for _ in range(40):
        ago, product, units = rng.randrange(20), rng.choice(products), rng.randint(1, 3)
        method, goods = rng.choice(["", "express"]), product.price * units
        order = sold(at(ago), {product: units}, delivery=500, delivery_method=method)
        keys = (Grain.WEEK.step_of(day(ago)), method)
        for key in keys:
            add(key, orders=1, revenue=goods + 500)
        add(product.category_id, revenue=goods)
        if rng.random() < 0.3:
            back = rng.randrange(ago + 1)
            given_back(at(back), order, {product: 1}, delivery=100)
            add(Grain.WEEK.step_of(day(back)), refunded=product.price + 100)
            add(method, refunded=product.price + 100)
            add(product.category_id, refunded=product.price)
    roll_up(20)
    period = Period(day(19), day(0))

    def told(rows: list[sales.Sales]) -> dict[Any, list[int]]:
        return {r.key: [r.orders or 0, r.revenue, r.refunded] for r in rows}

    weeks = told(sales.over_time(period, Grain.WEEK))
    assert weeks == {step: sums.get(step, [0, 0, 0]) for step in weeks}
    by_category = told(sales.by_category(period))
    assert by_category == {shelf.pk: sums[shelf.pk] for shelf in shelves}
    assert told(sales.by_delivery(period)) == {"": sums[""], "express": sums["express"]}
    ranked = sales.by_product(period, limit=9)
    assert [row.net for row in ranked] == sorted((r.net for r in ranked), reverse=True)


def test_average_order_leaves_out_days_without_orders() -> None:
    product = ProductFactory.create(price=1_000)
    for units in (1, 2, 4):
        sold(at(1), {product: units})
    roll_up(3)

    [empty, full, _today] = sales.over_time(Period(day(2), day(0)), Grain.DAY)

    assert (empty.average, full.average, full.orders) == (0, 2_333, 3)


# --- Popular and trending -------------------------------------------------------------


def write_days(product: Product, orders: dict[int, int], units: int = 1) -> None:
    DailySales.objects.bulk_create(
        DailySales(
            day=day(ago), product=product, orders=n, units=n * units, revenue=n * 10
        )
        for ago, n in orders.items()
    )


def looked(product: Product, ago: int, visits: int) -> None:
    BehaviourEvent.objects.bulk_create(
        BehaviourEvent(
            event_id=uuid4(),
            kind=Behaviour.VIEW,
            actor=uuid4(),
            session=uuid4(),
            product=product,
            at=at(ago),
        )
        for _ in range(visits)
    )


def test_scores_are_what_a_slow_count_gives() -> None:
    rng = Random(7)
    products: list[Product] = ProductFactory.create_batch(6)
    history = {
        product: {ago: rng.randint(0, 6) for ago in range(40) if rng.random() < 0.6}
        for product in products
    }
    history[products[0]][39] = 1
    for product, orders in history.items():
        write_days(product, orders, units=2)
        looked(product, ago=1, visits=4)

    trends.score_products()

    for score in ProductScore.objects.all():
        orders = history[score.product]
        recent = sum(orders.get(ago, 0) for ago in range(3))
        usual = [orders.get(ago, 0) for ago in range(3, 31)]
        middle = mean(usual)
        spread = max(mean(n * n for n in usual) - middle**2, middle)
        decayed = sum(n * 2 ** (-ago / 3) for ago, n in orders.items() if ago < 30)
        assert score.recent_orders == recent
        assert score.usual_orders == pytest.approx(3 * middle, abs=1e-3)
        z = (recent - 3 * middle) / sqrt(3 * spread + 1)
        assert score.z == pytest.approx(z, abs=1e-3)
        looks = 0.05 * 4 * 2 ** (-1 / 3)
        assert score.score == pytest.approx(decayed + looks, abs=1e-3)
        assert score.recent_views == 4
        month = sum(n for ago, n in orders.items() if ago < 30)
        assert score.units_month == 2 * month
        assert score.units_ever == 2 * sum(orders.values())
    assert ProductScore.objects.count() == 6


def test_second_run_changes_nothing_and_what_is_gone_goes() -> None:
    stays, goes = ProductFactory.create_batch(2)
    write_days(stays, dict.fromkeys(range(9), 3))
    write_days(goes, {1: 1})

    assert trends.refresh() == 2
    assert trends.refresh() == 0
    DailySales.objects.filter(product=goes).delete()
    assert trends.refresh() == 1

    assert list(ProductScore.objects.values_list("product", flat=True)) == [stays.pk]
    popularity = dict(Popularity.objects.values_list("product", "score"))
    assert popularity == {stays.pk: ProductScore.objects.get().score}


def test_one_bulk_order_makes_no_trend() -> None:
    bulk, risen = ProductFactory.create_batch(2)
    for product in (bulk, risen):
        write_days(product, dict.fromkeys(range(3, 20), 1))
    write_days(bulk, {0: 1}, units=999)
    write_days(risen, {0: 9})
    trends.refresh()

    found = selectors.trending(limit=5).items

    assert [(item.product_id, item.reason) for item in found] == [
        (risen.pk, "rising"),
        (bulk.pk, "in_demand"),
    ]


def test_young_shop_is_not_compared_with_days_before_it_opened() -> None:
    product = ProductFactory.create()
    write_days(product, dict.fromkeys(range(10), 4))

    trends.refresh()

    score = ProductScore.objects.get()
    assert (score.recent_orders, score.usual_orders, score.z) == (12, 12.0, 0.0)


def test_popular_is_of_a_month_or_ever_and_on_sale() -> None:
    once, now, gone = ProductFactory.create_batch(3)
    write_days(once, {60: 9})
    write_days(now, {1: 2})
    write_days(gone, {1: 5})
    Product.objects.filter(pk=gone.pk).update(published_at=None)
    trends.refresh()

    ever, month = selectors.popular(limit=9), selectors.popular(limit=9, days=30)

    assert [item.product_id for item in ever] == [once.pk, now.pk]
    assert [item.product_id for item in month] == [now.pk]
    only = selectors.popular(limit=9, categories=[now.category_id])
    assert [(item.rank, item.product_id) for item in only] == [(1, now.pk)]


# --- Customers ------------------------------------------------------------------------


def test_preferences_are_what_the_orders_say() -> None:
    rng, user, other = Random(3), UserFactory.create(), UserFactory.create()
    shelves = [CategoryFactory.create() for _ in range(5)]
    products = [
        ProductFactory.create(category=shelf, price=1_000 * (place + 1))
        for place, shelf in enumerate(shelves)
    ]
    units = dict.fromkeys((shelf.pk for shelf in shelves), 0)
    prices, spent, last = [], 0, 99
    for _ in range(12):
        product, number, ago = (
            rng.choice(products),
            rng.randint(1, 4),
            rng.randint(2, 80),
        )
        order = sold(at(ago), {product: number}, user=user)
        units[product.category_id] += number
        prices.append(product.price)
        spent += number * product.price
        last = min(last, ago)
        if rng.random() < 0.4:
            given_back(at(1), order, {product: 1})
            units[product.category_id] -= 1
            spent -= product.price
    sold(at(0), {products[0]: 9}, user=user, status=OrderStatus.CANCELLED)
    sold(at(0), {products[0]: 9}, user=other)

    [one] = customers.preferences_of([user.pk])

    assert (one.frequency, one.monetary, one.recency_days) == (12, spent, last)
    favourites = sorted((-n, key) for key, n in units.items() if n > 0)[:3]
    assert [(-f.units, f.category_id) for f in one.favourites] == favourites
    assert one.price_middle == median_low(prices)
    assert min(prices) <= one.price_low <= one.price_middle <= one.price_high
    # The thirds of 1,000 … 5,000 end at 2,000 and 4,000.
    expected = "low" if one.price_middle <= 2_000 else "middle"
    assert one.band == (expected if one.price_middle <= 4_000 else "high")


def test_best_customers_are_those_of_the_time_in_the_order_asked_for() -> None:
    product = ProductFactory.create(price=1_000)
    rich, often, before = (UserFactory.create() for _ in range(3))
    sold(at(5), {product: 9}, user=rich)
    for ago in (2, 3, 4):
        sold(at(ago), {product: 1}, user=often)
    sold(at(40), {product: 90}, user=before)
    sold(at(1), {product: 1})  # a guest's
    start, end = Period(day(29), day(0)).bounds()

    def best(sort: str) -> list[int]:
        found = customers.best_customers(start=start, end=end, sort=sort, limit=9)
        return [one.user_id for one in found]

    assert best("monetary") == [rich.pk, often.pk]
    assert best("frequency") == best("recency") == [often.pk, rich.pk]


# --- Campaigns ------------------------------------------------------------------------


def test_uplift_is_the_weighted_difference_of_means() -> None:
    holders, others = [[5.0, 9.0, 4.0], [20.0, 30.0]], [[3.0, 1.0], [18.0, 19.0, 26.0]]
    bands = [
        Band(len(h), len(o), mean(h), mean(o), variance(h), variance(o))
        for h, o in zip(holders, others, strict=True)
    ]
    # Nobody to compare with: left out, and out of the weights.
    bands.append(Band(7, 1, 99.0, 0.0, 5.0, 0.0))

    found = compare(bands)

    amount = 3 / 5 * (6 - 2) + 2 / 5 * (25 - 21)
    error = sqrt((3 / 5) ** 2 * (7 / 3 + 2 / 2) + (2 / 5) ** 2 * (50 / 2 + 19 / 3))
    assert (found.holders, found.others) == (5, 5)
    assert found.amount == pytest.approx(amount)
    assert found.error == pytest.approx(error)
    assert found.confidence == Confidence.SMALL
    assert compare([Band(9, 1, 1.0, 1.0, 0.0, 0.0)]).confidence == Confidence.NONE


def test_confidence_says_plainly_what_chance_could_do() -> None:
    def of(difference: float) -> Confidence:
        return compare([Band(100, 100, 10 + difference, 10, 50, 50)]).confidence

    # The interval reaches 1.96 to both sides.
    assert of(1.9) == of(-1.9) == Confidence.CHANCE
    assert of(2.0) == of(-2.0) == Confidence.LIKELY


def test_campaign_is_followed_from_issue_to_revenue_and_compared_by_band() -> None:
    now, product = timezone.now(), ProductFactory.create(price=1_000)
    opened = now - timedelta(days=10)
    batch = CouponBatchFactory.create(opens_at=opened, valid_from=opened, quantity=90)
    spending: dict[bool, list[int]] = {True: [], False: []}
    old = now - timedelta(days=200)
    for place in range(12):
        holds, user = place % 2 == 0, UserFactory.create()
        User.objects.filter(pk=user.pk).update(created_at=old)
        spent = place + 1
        order = sold(now - timedelta(days=5), {product: spent}, user=user)
        spending[holds].append(spent * 1_000)
        # Not while it was valid, but alike: nothing before says they differ.
        sold(opened - timedelta(days=91), {product: 50}, user=user)
        if holds:
            coupon = CouponFactory.create(user=user, batch=batch)
            if place % 4 == 0:
                Order.objects.filter(pk=order.pk).update(
                    adjustments=[
                        {"kind": "promotion", "label": "x", "amount": -7},
                        {"kind": "coupon", "label": "y", "amount": -100},
                        {"kind": "delivery", "label": "z", "amount": 50},
                    ]
                )
                type(coupon).objects.filter(pk=coupon.pk).update(
                    state="used", order=order
                )

    [one] = campaigns.batches(start=opened, end=now, limit=9)

    assert (one.issued, one.used, one.cost, one.new_buyers) == (6, 3, 300, 0)
    assert one.revenue == (1 + 5 + 9) * 1_000
    assert one.uplift is not None
    assert (one.uplift.holders, one.uplift.others) == (6, 6)
    more = mean(spending[True]) - mean(spending[False])
    assert one.uplift.amount == pytest.approx(more)
    spread = variance(spending[True]) / 6 + variance(spending[False]) / 6
    assert one.uplift.error == pytest.approx(sqrt(spread))


def test_who_had_spent_alike_is_compared_and_nobody_else() -> None:
    now, product = timezone.now(), ProductFactory.create(price=1_000)
    opened = now - timedelta(days=10)
    batch = CouponBatchFactory.create(opens_at=opened, valid_from=opened, quantity=90)
    old = now - timedelta(days=200)
    # Big spenders hold the coupon more often, and spend as others like them do.
    for before, spent, holders, others in ((90, 30, 6, 2), (1, 2, 2, 6)):
        for place in range(holders + others):
            user = UserFactory.create()
            User.objects.filter(pk=user.pk).update(created_at=old)
            sold(opened - timedelta(days=9), {product: before}, user=user)
            sold(now - timedelta(days=1), {product: spent}, user=user)
            if place < holders:
                CouponFactory.create(user=user, batch=batch)

    found = campaigns.uplift(batch, now=now)

    assert (found.holders, found.others) == (8, 8)
    assert (found.amount, found.error) == (0.0, 0.0)


def test_batch_that_is_not_valid_yet_has_nothing_to_compare() -> None:
    later = timezone.now() + timedelta(days=1)
    batch = CouponBatchFactory.create(valid_from=later, issued=3)

    assert campaigns.uplift(batch, now=timezone.now()) == campaigns.NO_UPLIFT


# --- The funnel -----------------------------------------------------------------------


def acted(actor: Any, ago: int, *kinds: Behaviour) -> None:
    product = ProductFactory.create()
    BehaviourEvent.objects.bulk_create(
        BehaviourEvent(
            event_id=uuid4(),
            kind=kind,
            actor=actor,
            session=actor,
            product=product,
            at=at(ago),
        )
        for kind in kinds
    )


def test_funnel_counts_a_shoppers_day_once_and_all_orders() -> None:
    view, add, bought = Behaviour.VIEW, Behaviour.ADD, Behaviour.PURCHASE
    one, two, three = uuid4(), uuid4(), uuid4()
    acted(one, 1, view, view, add, bought)
    acted(two, 1, view)
    acted(three, 1, Behaviour.SHOWN)
    acted(one, 0, view)
    sold(timezone.now(), {ProductFactory.create(): 1})

    assert counting.count_fresh_days() == 4
    assert counting.count_fresh_days() == 0

    told = {s.step: s for s in funnel.over_time(Period(day(1), day(0)), Grain.DAY)}
    before = told[day(1)]
    assert (before.visits, before.viewed, before.added, before.bought) == (3, 2, 1, 1)
    assert (told[day(0)].visits, told[day(0)].viewed) == (1, 1)
    whole = funnel.whole(Period(day(9), day(0)))
    assert (whole.visits, whole.placed, whole.paid) == (4, 1, 1)
    assert funnel.computed_at() is not None


def test_funnel_of_a_day_whose_behaviour_is_forgotten_stays() -> None:
    DailyFunnel.objects.create(day=day(91), visits=5, viewed=3)

    assert counting.count_day(day(91)) == 0
    assert DailyFunnel.objects.get().visits == 5


# --- Days -----------------------------------------------------------------------------


def test_steps_begin_on_mondays_and_on_the_first() -> None:
    period = Period(date(2026, 2, 27), date(2026, 3, 9))

    assert period.steps(Grain.WEEK) == [
        date(2026, 2, 23),
        date(2026, 3, 2),
        date(2026, 3, 9),
    ]
    assert period.steps(Grain.MONTH) == [date(2026, 2, 1), date(2026, 3, 1)]
    assert period.before == Period(date(2026, 2, 16), date(2026, 2, 26))
    start, end = period.bounds()
    assert start == datetime(2026, 2, 26, 15, tzinfo=UTC)
    assert end == datetime(2026, 3, 9, 15, tzinfo=UTC)
