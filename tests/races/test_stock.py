"""Races 5 to 8: many shoppers, few goods."""

from collections import Counter
from dataclasses import dataclass

import pytest

from catalog.models import Product
from checkout import services as checkout
from drill.outcome import Outcome
from drill.races import stock as races
from inventory import services as inventory
from inventory.models import MovementKind, Stock
from orders.models import Order, OrderLine
from tests.concurrency import run_together, told
from tests.factories import ProductFactory
from tests.races import mutants
from tests.races.stage import everybody_reads_first, purchase, shoppers


@dataclass(frozen=True)
class Written:
    told: dict[str, int]
    # Orders and lines that were written, and what is left of each product.
    orders: int
    lines: int
    on_hand: list[int]
    reserved: list[int]


def _written(told: dict[str, int]) -> Written:
    stocks = Stock.objects.order_by("pk")
    return Written(
        told=told,
        orders=Order.objects.count(),
        lines=OrderLine.objects.count(),
        on_hand=[stock.on_hand for stock in stocks],
        reserved=[stock.reserved for stock in stocks],
    )


def in_all(outcome: Outcome) -> Written:
    """Return what all of the database has, besides what the race itself looked at."""
    written = _written(outcome.told)
    assert outcome.found["orders"] == outcome.winners == written.orders
    assert outcome.found["lines"] == written.lines
    assert outcome.found["on_hand"] == written.on_hand
    assert outcome.found["reserved"] == written.reserved
    return written


def carts_of_two_products() -> Written:
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
    return _written(told(results))


def staff_lowers_stock_in_a_storm(product: Product) -> Written:
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

    return _written(told(run_together(act, times=80)))


@pytest.mark.slow
def test_race_05_500_shoppers_in_two_processes_get_the_last_100() -> None:
    outcome = races.last_units_in_processes(buyers=500, units=100, clients=25)

    assert outcome.complaints() == []
    assert in_all(outcome) == Written(
        told={"insufficient_stock": 400, "ok": 100},
        orders=100,
        lines=100,
        on_hand=[0],
        reserved=[0],
    )


def test_race_05_shoppers_who_all_saw_the_last_10_get_10() -> None:
    outcome = races.last_units(buyers=50, units=10)

    assert outcome.complaints() == []
    assert in_all(outcome) == Written(
        told={"insufficient_stock": 40, "ok": 10},
        orders=10,
        lines=10,
        on_hand=[0],
        reserved=[0],
    )


def test_race_05_mutant_is_caught() -> None:
    with mutants.selling_without_looking():
        outcome = races.last_units(buyers=50, units=10)

    assert not outcome.is_good
    assert outcome.found["orders"] == 50
    assert outcome.found["on_hand"] == [-40]


def test_race_06_an_order_gets_all_of_its_products_or_none() -> None:
    assert carts_of_two_products() == Written(
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
    outcome = races.opposite_order(buyers=40)

    assert outcome.complaints() == []
    assert in_all(outcome) == Written(
        told={"ok": 40}, orders=40, lines=400, on_hand=[40] * 10, reserved=[0] * 10
    )


def test_race_07_mutant_is_caught() -> None:
    with mutants.stock_locked_in_any_order():
        outcome = races.opposite_order(buyers=2)

    assert not outcome.is_good
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


def test_race_08_import_wipes_out_no_sale() -> None:
    outcome = races.import_against_sale(hands=40, units=40)

    assert outcome.complaints() == []
    assert outcome.told == {"ok": 40}
    # Twenty were sold, ten came in, and each of ten counts found three more.
    assert outcome.found["orders"] == Order.objects.count() == 20
    assert outcome.found["on_hand"] == [40 - 20 + 10 + 30]


def test_race_08_import_mutant_is_caught() -> None:
    with mutants.counting_without_looking():
        outcome = races.import_against_sale(hands=40, units=40)

    assert not outcome.is_good
    assert outcome.told == {"ok": 40}
    assert outcome.found["on_hand"] != [60]
