"""Pitfalls 43, 46 and 47: messages and sales."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from threading import Event
from time import sleep

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from analytics import selectors
from analytics import services as analytics
from analytics.models import DailySales, DirtyDay, RollupRun
from catalog.models import Product
from checkout import services as checkout
from common.days import bounds, shop_day
from orders.models import Order, OrderLine
from outbox import services as outbox
from outbox.models import Dispatch
from outbox.services import DELIVERED, Outcome, OutgoingEvent
from payments.models import RefundLine
from tests.concurrency import STUCK_AFTER, run_together, told
from tests.factories import ProductFactory
from tests.races.stage import purchase, shoppers

pytestmark = pytest.mark.django_db(transaction=True)

TOPIC = "product.changed"
heard: list[str] = []


def choosy(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Take everything but what is poison."""
    return [_judge(event) for event in events]


def _judge(event: OutgoingEvent) -> Outcome:
    if event.payload.get("is_poison"):
        return Outcome(error="HTTP 400", is_final=True)
    heard.append(event.aggregate)
    return DELIVERED


def test_pitfall_43_one_bad_message_does_not_block_the_others(
    settings: Settings,
) -> None:
    settings.OUTBOX_SUBSCRIPTIONS = {TOPIC: [f"{__name__}.choosy"]}
    heard.clear()
    for number in range(5):
        with transaction.atomic():
            outbox.publish(
                topic=TOPIC,
                aggregate=f"product/{number}",
                payload={"is_poison": number == 0},
            )

    while outbox.deliver_due():
        pass

    assert sorted(heard) == [f"product/{number}" for number in (1, 2, 3, 4)]
    dead = Dispatch.objects.dead().get()
    assert (dead.aggregate, dead.attempts) == ("product/0", 1)
    assert dead.last_error == "HTTP 400"
    assert not Dispatch.objects.waiting().exists()


# --- 46: the rollup ------------------------------------------------------------------


def _sell(user: User, product: Product, quantity: int, paid_at: datetime) -> Order:
    draft = checkout.place_and_pay(
        purchase(user, product, quantities={product.pk: quantity})
    )
    Order.objects.filter(pk=draft.id).update(paid_at=paid_at)
    OrderLine.objects.filter(order_id=draft.id).update(paid_at=paid_at)
    return Order.objects.get(pk=draft.id)


def _cancel(order: Order) -> None:
    checkout.cancel(order_id=order.pk, user_id=None, actor_id=None, reason="broken")


def _sales() -> dict[date, tuple[int, int, int, int, int]]:
    return {
        row.day: (
            row.units,
            row.orders,
            row.revenue,
            row.refunded_units,
            row.refunded,
        )
        for row in DailySales.objects.all()
    }


def _today() -> date:
    return shop_day(timezone.now())


def test_pitfall_46_days_are_shop_days() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    start, end = bounds(_today())
    for moment in (start, end - timedelta(microseconds=1)):
        _sell(user, product, 1, moment)
    _sell(user, product, 1, start - timedelta(microseconds=1))

    yesterday = _today() - timedelta(days=1)
    for day in (yesterday, _today()):
        analytics.roll_up_day(day)

    # Midnight in Seoul is 15:00 of the day before in Greenwich.
    assert start.hour == 15
    assert _sales() == {
        yesterday: (1, 1, 10_000, 0, 0),
        _today(): (2, 2, 20_000, 0, 0),
    }


def test_pitfall_46_double_run_changes_nothing() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    _sell(user, product, 3, timezone.now())

    # The product's row and that of the takings.
    assert analytics.roll_up_day(_today()) == 2
    before = _sales()
    assert analytics.roll_up_day(_today()) == 0
    assert _sales() == before == {_today(): (3, 1, 30_000, 0, 0)}


def test_pitfall_46_order_of_a_finished_day_that_shows_late_is_counted() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    start, _end = bounds(_today())
    yesterday = _today() - timedelta(days=1)
    RollupRun.objects.create(day=yesterday)
    RollupRun.objects.update(computed_at=start + timedelta(minutes=5))
    _sell(user, product, 1, start - timedelta(seconds=1))

    analytics.roll_up_fresh_days()

    assert _sales()[yesterday] == (1, 1, 10_000, 0, 0)


def test_pitfall_46_refund_stands_on_its_own_day() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    start, _end = bounds(_today())
    yesterday = _today() - timedelta(days=1)
    order = _sell(user, product, 2, start - timedelta(hours=1))
    analytics.roll_up_day(yesterday)
    _cancel(order)

    for day in (yesterday, _today()):
        analytics.roll_up_day(day)

    assert RefundLine.objects.get().quantity == 2
    assert _sales() == {
        yesterday: (2, 1, 20_000, 0, 0),
        _today(): (0, 0, 0, 2, 20_000),
    }


def test_pitfall_46_day_that_was_marked_is_made_again() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    long_ago = _today() - timedelta(days=20)
    _sell(user, product, 1, bounds(long_ago)[0])
    analytics.roll_up_fresh_days()
    assert long_ago not in _sales()

    analytics.mark_dirty(long_ago)
    analytics.roll_up_fresh_days()

    assert _sales()[long_ago] == (1, 1, 10_000, 0, 0)
    assert not DirtyDay.objects.exists()


def test_pitfall_46_mark_made_during_a_run_is_not_lost() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    long_ago = _today() - timedelta(days=20)
    analytics.mark_dirty(long_ago)
    is_marked = Event()

    def act(number: int) -> None:
        if number:
            is_marked.wait(STUCK_AFTER)
            analytics.roll_up_day(long_ago)
            return
        with transaction.atomic():
            analytics.mark_dirty(long_ago)
            _sell(user, product, 1, bounds(long_ago)[0])
            is_marked.set()
            # Long enough for the run to get as far as it can.
            sleep(0.3)

    assert told(run_together(act, times=2)) == {"ok": 2}

    analytics.roll_up_fresh_days()
    assert _sales()[long_ago] == (1, 1, 10_000, 0, 0)


def test_pitfall_46_day_without_its_only_sale_has_no_row() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    order = _sell(user, product, 1, timezone.now())
    analytics.roll_up_day(_today())
    OrderLine.objects.filter(order=order).update(
        paid_at=bounds(_today())[0] - timedelta(days=2)
    )

    assert analytics.roll_up_day(_today()) == 1

    assert _today() not in _sales()


# --- 47: the best sellers ------------------------------------------------------------


def _ranking() -> list[tuple[int, int, int]]:
    best = selectors.best_sellers()
    return [(item.rank, item.product_id, item.units) for item in best.items]


def _sold(product: Product, units: int, revenue: int, *, days_ago: int = 0) -> None:
    DailySales.objects.create(
        day=_today() - timedelta(days=days_ago),
        product=product,
        units=units,
        orders=1,
        revenue=revenue,
    )


def test_pitfall_47_ties_go_to_revenue_and_then_to_the_older_product() -> None:
    first, second, third = ProductFactory.create_batch(3)
    _sold(second, 5, 100)
    _sold(third, 5, 200)
    _sold(first, 5, 100)

    assert _ranking() == [(1, third.pk, 5), (2, first.pk, 5), (3, second.pk, 5)]


def test_pitfall_47_window_is_three_shop_days_with_today() -> None:
    inside, outside = ProductFactory.create_batch(2)
    _sold(inside, 1, 10, days_ago=2)
    _sold(outside, 99, 990, days_ago=3)

    best = selectors.best_sellers()

    assert _ranking() == [(1, inside.pk, 1)]
    assert (best.first_day, best.last_day) == (_today() - timedelta(days=2), _today())


def test_pitfall_47_window_moves_at_midnight_of_the_shop() -> None:
    product = ProductFactory.create()
    _sold(product, 1, 10, days_ago=2)
    _start, end = bounds(_today())

    with time_machine.travel(end - timedelta(seconds=1), tick=False):
        assert _ranking() == [(1, product.pk, 1)]
    with time_machine.travel(end, tick=False):
        assert _ranking() == []


def test_pitfall_47_what_was_given_back_does_not_count() -> None:
    [user] = shoppers(1)
    kept, returned = ProductFactory.create_batch(2)
    _sell(user, kept, 1, timezone.now())
    _cancel(_sell(user, returned, 5, timezone.now()))
    analytics.roll_up_day(_today())

    assert _ranking() == [(1, kept.pk, 1)]
