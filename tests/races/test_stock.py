"""Races 5 to 8: many shoppers, few goods."""

from collections import Counter
from dataclasses import dataclass
from unittest.mock import patch

import pytest

from accounts.models import User
from catalog.models import Product
from checkout import services as checkout
from common import db
from inventory import services as inventory
from inventory.models import MovementKind, Stock
from orders.models import Order, OrderLine
from tests.concurrency import run_in_processes, run_together, told
from tests.factories import ProductFactory
from tests.races import mutants
from tests.races.stage import everybody_reads_first, purchase, shoppers


@dataclass(frozen=True)
class Outcome:
    told: dict[str, int]
    # Orders and lines that were written, and what is left of each product.
    orders: int
    lines: int
    on_hand: list[int]
    reserved: list[int]


def _outcome(told: dict[str, int]) -> Outcome:
    stocks = Stock.objects.order_by("pk")
    return Outcome(
        told=told,
        orders=Order.objects.count(),
        lines=OrderLine.objects.count(),
        on_hand=[stock.on_hand for stock in stocks],
        reserved=[stock.reserved for stock in stocks],
    )


def buy(number: int, *, product_id: int, first_user_id: int) -> None:
    """Buy one; called in processes of its own."""
    user = User.objects.get(pk=first_user_id + number)
    checkout.place_and_pay(purchase(user, Product(pk=product_id)))


def last_of_a_product(*, buyers: int, stock: int) -> Outcome:
    users, product = shoppers(buyers), ProductFactory.create(stock_on_hand=stock)
    with everybody_reads_first(buyers):
        results = run_together(
            lambda number: buy(
                number, product_id=product.pk, first_user_id=users[0].pk
            ),
            times=buyers,
        )
    return _outcome(told(results))


def carts_of_two_products() -> Outcome:
    users = shoppers(50)
    plenty = ProductFactory.create(stock_on_hand=30)
    scarce = ProductFactory.create(stock_on_hand=20)
    with everybody_reads_first(50):
        results = run_together(
            lambda number: checkout.place_and_pay(
                purchase(users[number], plenty, scarce)
            ),
            times=50,
        )
    return _outcome(told(results))


def opposite_product_order(*, buyers: int) -> Outcome:
    users = shoppers(buyers)
    products = ProductFactory.create_batch(10, stock_on_hand=100)
    # A repetition would hide a deadlock.
    with patch.object(db, "MAX_RETRIES", 0):
        results = run_together(
            lambda number: checkout.place_and_pay(
                purchase(users[number], *products[:: -1 if number % 2 else 1])
            ),
            times=buyers,
        )
    return _outcome(told(results))


def staff_lowers_stock_in_a_storm(product: Product) -> Outcome:
    users = shoppers(60)

    def act(number: int) -> None:
        if number % 4:
            user = users[number - number // 4 - 1]
            checkout.place_order(purchase(user, product))
        else:
            inventory.adjust(
                product_id=product.pk,
                kind=MovementKind.DAMAGED,
                delta=-10,
                reason="fell off the shelf",
                actor_id=None,
            )

    return _outcome(told(run_together(act, times=80)))


@pytest.mark.slow
def test_race_05_500_shoppers_in_two_processes_get_the_last_100() -> None:
    users, product = shoppers(500), ProductFactory.create(stock_on_hand=100)

    said = run_in_processes(
        buy, times=500, clients=25, product_id=product.pk, first_user_id=users[0].pk
    )

    assert _outcome(said) == Outcome(
        told={"insufficient_stock": 400, "ok": 100},
        orders=100,
        lines=100,
        on_hand=[0],
        reserved=[0],
    )


def test_race_05_shoppers_who_all_saw_the_last_10_get_10() -> None:
    assert last_of_a_product(buyers=50, stock=10) == Outcome(
        told={"insufficient_stock": 40, "ok": 10},
        orders=10,
        lines=10,
        on_hand=[0],
        reserved=[0],
    )


def test_race_05_mutant_is_caught() -> None:
    with mutants.selling_without_looking():
        outcome = last_of_a_product(buyers=50, stock=10)

    assert outcome.orders == 50
    assert outcome.on_hand == [-40]


def test_race_06_an_order_gets_all_of_its_products_or_none() -> None:
    assert carts_of_two_products() == Outcome(
        told={"insufficient_stock": 30, "ok": 20},
        orders=20,
        lines=40,
        on_hand=[10, 0],
        reserved=[0, 0],
    )


def test_race_06_mutant_is_caught() -> None:
    with mutants.partial_orders():
        outcome = carts_of_two_products()

    assert outcome.orders == 50
    assert outcome.on_hand == [0, 0]


def test_race_07_opposite_product_order_does_not_deadlock() -> None:
    assert opposite_product_order(buyers=40) == Outcome(
        told={"ok": 40}, orders=40, lines=400, on_hand=[60] * 10, reserved=[0] * 10
    )


def test_race_07_mutant_is_caught() -> None:
    with mutants.stock_locked_in_any_order():
        outcome = opposite_product_order(buyers=2)

    assert outcome.told == {"OperationalError": 1, "ok": 1}


def test_race_08_staff_cannot_take_what_is_promised() -> None:
    outcome = staff_lowers_stock_in_a_storm(ProductFactory.create(stock_on_hand=100))

    said = Counter(outcome.told)
    shortages = said["insufficient_stock"] + said["stock_below_reserved"]
    assert said["ok"] + shortages == said.total() == 80
    lowered = 20 - said["stock_below_reserved"]
    assert outcome.reserved == [outcome.orders] == [60 - said["insufficient_stock"]]
    assert outcome.on_hand == [100 - 10 * lowered]
    assert outcome.reserved <= outcome.on_hand


def test_race_08_mutant_is_caught() -> None:
    product = ProductFactory.create(stock_on_hand=100)

    with mutants.adjusting_without_looking():
        outcome = staff_lowers_stock_in_a_storm(product)

    assert outcome.on_hand == [-100]
