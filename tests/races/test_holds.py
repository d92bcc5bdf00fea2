"""Races 50 to 53: goods come back while a crowd wants them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import sleep

import pytest
from django.utils import timezone

from accounts.models import User
from catalog.models import Product
from checkout import services as checkout
from inventory import services as inventory
from inventory.errors import InsufficientStock
from inventory.models import Hold, HoldState, RestockAlert, Stock
from orders.models import Order
from outbox.models import Event
from tests.concurrency import run_together, told
from tests.factories import ProductFactory, receive
from tests.races import hold_mutants
from tests.races.mutants import altered_sql
from tests.races.stage import purchase, shoppers, unpaid_order


@dataclass(frozen=True)
class Outcome:
    told: dict[str, int]
    # By place in the line, what became of the wish.
    line: list[str]
    orders: int
    on_hand: int
    reserved: int


def _outcome(results: dict[str, int], product: Product) -> Outcome:
    stock = Stock.objects.get(pk=product.pk)
    alerts = RestockAlert.objects.filter(product=product).order_by("pk")
    return Outcome(
        told=results,
        line=list(alerts.values_list("state", flat=True)),
        orders=Order.objects.count(),
        on_hand=stock.on_hand,
        reserved=stock.reserved,
    )


def _line(product: Product, users: list[User]) -> None:
    for user in users:
        inventory.alert(product_id=product.pk, user_id=user.pk, email="", language="en")


def _try_for_a_while(user: User, product: Product) -> None:
    for _ in range(15):
        try:
            checkout.place_and_pay(purchase(user, product))
        except InsufficientStock:
            sleep(0.01)
        else:
            return
    checkout.place_and_pay(purchase(user, product))


def back_in_a_storm() -> Outcome:
    """Let 4 units come back for 6 who wait, while 20 others want one."""
    product = ProductFactory.create(stock_on_hand=0)
    _line(product, shoppers(6))
    strangers = shoppers(20)

    def act(number: int) -> None:
        if number < len(strangers):
            _try_for_a_while(strangers[number], product)
        else:
            sleep(0.02)
            receive(product, 1)

    results = run_together(act, times=len(strangers) + 4)
    inventory.keep_overlooked()
    return _outcome(told(results), product)


def holder_buys_many_times_at_once() -> Outcome:
    [holder], product = shoppers(1), ProductFactory.create(stock_on_hand=0)
    _line(product, [holder])
    receive(product, 1)
    with slow_claims(0.05):
        results = run_together(
            lambda _: checkout.place_and_pay(purchase(holder, product)), times=6
        )
    return _outcome(told(results), product)


@contextmanager
def slow_claims(seconds: float) -> Iterator[None]:
    """Let time pass between the begin of a purchase with a hold and its claim."""
    claim = "AND hold.expires_at > now()"
    nap = f"{claim} AND pg_sleep({seconds}) IS NOT NULL"
    with altered_sql(inventory, "SELL_HELD_SQL", (claim, nap)):
        yield


def purchase_begun_in_time() -> Outcome:
    """Let a hold's time be up while its holder's purchase is being written."""
    [holder], product = shoppers(1), ProductFactory.create(stock_on_hand=0)
    _line(product, [holder])
    receive(product, 1)
    soon = timezone.now() + timedelta(seconds=1)
    Hold.objects.update(expires_at=soon)
    hold = Hold.objects.get()

    def act(number: int) -> bool:
        if number == 0:
            checkout.place_and_pay(purchase(holder, product))
            return True
        while not Hold.objects.due().exists():
            sleep(0.02)
        return inventory.lapse(hold.pk)

    with slow_claims(1.5):
        results = run_together(act, times=2)
    return _outcome(told(results), product)


def many_hands_let_go() -> tuple[int, Outcome]:
    """Let 4 workers at once take back 5 holds whose time is up."""
    product = ProductFactory.create(stock_on_hand=0)
    _line(product, shoppers(8))
    receive(product, 5)
    Hold.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    results = run_together(lambda _: inventory.lapse_due(), times=4)
    # What one stepped over because another was at it.
    lapsed = sum(item for item in results if isinstance(item, int))
    lapsed += inventory.lapse_due()
    return lapsed, _outcome(told(results), product)


def flapping_stock() -> Outcome:
    """Let 8 orders be called off at once, time and again, before 5 who wait."""
    users, product = shoppers(8), ProductFactory.create(stock_on_hand=8)
    orders = [unpaid_order(user, product) for user in users]
    _line(product, shoppers(5))
    results = run_together(
        lambda number: checkout.cancel(
            order_id=orders[number],
            user_id=users[number].pk,
            actor_id=None,
            reason="changed my mind",
        ),
        times=8,
    )
    return _outcome(told(results), product)


def _letters() -> int:
    return Event.objects.filter(topic="stock.back").count()


def test_race_50_units_that_come_back_are_for_the_line() -> None:
    outcome = back_in_a_storm()

    assert outcome == Outcome(
        told={"insufficient_stock": 20, "ok": 4},
        line=["offered"] * 4 + ["waiting"] * 2,
        orders=0,
        on_hand=4,
        reserved=4,
    )
    assert _letters() == 4
    product = Product.objects.get()
    waiting = [alert.user for alert in RestockAlert.objects.order_by("pk")]
    results = run_together(
        lambda number: checkout.place_and_pay(
            purchase(waiting[number] or User(), product)
        ),
        times=6,
    )
    assert _outcome(told(results), product) == Outcome(
        told={"insufficient_stock": 2, "ok": 4},
        line=["claimed"] * 4 + ["waiting"] * 2,
        orders=4,
        on_hand=0,
        reserved=0,
    )


def test_race_50_mutant_is_caught() -> None:
    with hold_mutants.everybody_before_the_line():
        outcome = back_in_a_storm()

    assert outcome.orders > 0
    assert outcome.line.count("offered") < 4


def test_race_50_one_hold_buys_once() -> None:
    assert holder_buys_many_times_at_once() == Outcome(
        told={"insufficient_stock": 5, "ok": 1},
        line=["claimed"],
        orders=1,
        on_hand=0,
        reserved=0,
    )


def test_race_50_one_hold_buys_once_mutant_is_caught() -> None:
    with hold_mutants.holds_used_again_and_again():
        outcome = holder_buys_many_times_at_once()

    assert outcome.orders > 1
    assert outcome.on_hand < 0


def test_race_51_hold_is_bought_or_lapses() -> None:
    assert purchase_begun_in_time() == Outcome(
        told={"ok": 2}, line=["claimed"], orders=1, on_hand=0, reserved=0
    )
    assert Hold.objects.get().state == HoldState.CLAIMED


def test_race_51_mutant_is_caught() -> None:
    with hold_mutants.lapsing_without_a_second_look():
        outcome = purchase_begun_in_time()

    assert outcome.orders == 1
    assert outcome.reserved == -1


def test_race_52_hold_lapses_once_whoever_lets_it_go() -> None:
    lapsed, outcome = many_hands_let_go()

    assert lapsed == 5
    assert outcome == Outcome(
        told={"ok": 4},
        line=["lapsed"] * 5 + ["offered"] * 3,
        orders=0,
        on_hand=5,
        reserved=3,
    )
    assert _letters() == 8


def test_race_52_mutant_is_caught() -> None:
    with hold_mutants.lapsing_without_a_second_look():
        lapsed, outcome = many_hands_let_go()

    assert lapsed > 5
    assert outcome.reserved == 5 - lapsed


def test_race_53_flapping_stock_writes_to_nobody_twice() -> None:
    assert flapping_stock() == Outcome(
        told={"ok": 8}, line=["offered"] * 5, orders=8, on_hand=8, reserved=5
    )
    assert _letters() == 5


def test_race_53_mutant_is_caught() -> None:
    with hold_mutants.telling_again_and_again():
        flapping_stock()

        assert _letters() == 8


@pytest.mark.parametrize("turn", range(3))
def test_race_51_holders_and_workers_at_the_last_moment(turn: int) -> None:
    holders, product = shoppers(6), ProductFactory.create(stock_on_hand=0)
    _line(product, [*holders, *shoppers(6)])
    receive(product, 6)
    edge = timezone.now() + timedelta(seconds=0.1 + turn / 100)
    Hold.objects.update(expires_at=edge)

    def act(number: int) -> None:
        if number % 2:
            sleep(0.09)
            inventory.lapse_due()
        else:
            sleep(0.02 * number)
            checkout.place_and_pay(purchase(holders[number // 2], product))

    said = told(run_together(act, times=12))
    inventory.lapse_due()

    bought = Order.objects.count()
    assert set(said) <= {"ok", "insufficient_stock"}
    assert Hold.objects.filter(state=HoldState.CLAIMED).count() == bought
    assert Hold.objects.filter(state=HoldState.RELEASED).count() == 6 - bought
    assert Stock.objects.get().on_hand == 6 - bought
