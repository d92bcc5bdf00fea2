"""Race 28: the sales of a day while orders of that day are still being committed."""

from dataclasses import dataclass
from datetime import date, timedelta
from threading import Event

import pytest
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from analytics import services as analytics
from analytics.models import DailySales, RollupRun
from catalog.models import Product
from checkout import services as checkout
from common.days import bounds, shop_day
from orders import invoicing
from orders.models import Order, OrderLine
from tests.concurrency import STUCK_AFTER, run_together, told
from tests.factories import ProductFactory
from tests.races import mutants
from tests.races.stage import purchase, shoppers


@dataclass(frozen=True)
class Outcome:
    told: dict[str, int]
    # Units by day, and how many rows a further run changes.
    units: dict[date, int]
    changed_again: int


def _outcome(said: dict[str, int], *days: date) -> Outcome:
    sums = DailySales.objects.values_list("day").annotate(Sum("units"))
    return Outcome(
        told=said,
        units=dict(sums.order_by("day")),
        changed_again=sum(analytics.roll_up_day(day) for day in days),
    )


def _today() -> date:
    return shop_day(timezone.now())


def rollups_in_a_storm_of_orders() -> Outcome:
    users, product = shoppers(40), ProductFactory.create(stock_on_hand=100)

    def act(number: int) -> object:
        if number % 5 == 0:
            return analytics.roll_up_fresh_days()
        return checkout.place_and_pay(purchase(users[number % 40], product))

    said = told(run_together(act, times=50))
    analytics.roll_up_fresh_days()
    return _outcome(said, _today())


def order_that_commits_late() -> Outcome:
    """Let an order be written before a run and be committed after it."""
    [user], product = shoppers(1), ProductFactory.create()
    is_written, is_rolled_up = Event(), Event()

    def act(number: int) -> None:
        if number == 0:
            with transaction.atomic():
                checkout.place_and_pay(purchase(user, product))
                is_written.set()
                is_rolled_up.wait(STUCK_AFTER)
        else:
            is_written.wait(STUCK_AFTER)
            analytics.roll_up_fresh_days()
            is_rolled_up.set()

    said = told(run_together(act, times=2))
    assert not DailySales.objects.exists()
    analytics.roll_up_fresh_days()
    return _outcome(said, _today())


def orders_around_midnight() -> Outcome:
    """Let one order be paid in the last second of yesterday, one in the first of today.

    Yesterday was rolled up soon after its end, when its last order was not there yet.
    """
    users, product = shoppers(2), ProductFactory.create()
    start, _end = bounds(_today())
    RollupRun.objects.create(day=_today() - timedelta(days=1))
    RollupRun.objects.update(computed_at=start + timedelta(minutes=1))
    for user, seconds in zip(users, (-1, 1), strict=True):
        _paid_at(user, product, seconds_after_midnight=seconds)
    # Midnight may be hours ago: by now the orders have their invoices.
    invoicing.issue_missing()
    analytics.roll_up_fresh_days()
    return _outcome({}, _today(), _today() - timedelta(days=1))


def _paid_at(user: User, product: Product, *, seconds_after_midnight: int) -> None:
    draft = checkout.place_and_pay(purchase(user, product))
    moment = bounds(_today())[0] + timedelta(seconds=seconds_after_midnight)
    Order.objects.filter(pk=draft.id).update(paid_at=moment)
    OrderLine.objects.filter(order_id=draft.id).update(paid_at=moment)


def test_race_28_rollups_in_a_storm_count_every_order_once() -> None:
    assert rollups_in_a_storm_of_orders() == Outcome(
        told={"ok": 50}, units={_today(): 40}, changed_again=0
    )


def test_race_28_order_that_commits_late_lands_in_its_day() -> None:
    assert order_that_commits_late() == Outcome(
        told={"ok": 2}, units={_today(): 1}, changed_again=0
    )


def test_race_28_orders_around_midnight_land_in_their_shop_days() -> None:
    assert orders_around_midnight() == Outcome(
        told={}, units={_today() - timedelta(days=1): 1, _today(): 1}, changed_again=0
    )


def test_race_28_adding_mutant_is_caught() -> None:
    with mutants.sales_added_up():
        outcome = rollups_in_a_storm_of_orders()

    assert outcome.units[_today()] > 40


def test_race_28_utc_mutant_is_caught() -> None:
    with mutants.days_in_utc():
        outcome = orders_around_midnight()

    # Midnight in Seoul is 15:00 in Greenwich: both orders seem to be of one day.
    assert outcome.units == {_today() - timedelta(days=1): 2}


def test_race_28_grace_mutant_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analytics, "GRACE", timedelta())

    outcome = orders_around_midnight()

    assert outcome.units == {_today(): 1}
