"""Many shoppers, few goods."""

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from accounts.models import User
from catalog.models import Product
from checkout import services as checkout
from common import db
from drill.crowd import Tally, race
from drill.outcome import Outcome, errors, judged
from drill.processes import race_in_processes
from drill.stage import (
    everybody_reads_first,
    product,
    products,
    purchase,
    receive,
    shoppers,
)
from inventory import services as inventory
from inventory.errors import StockChanged
from inventory.models import Stock
from orders.models import Order, OrderLine

FOUND_MORE = 3  # units that a count finds behind the others


def buy(number: int, *, product_id: int, first_user_id: int) -> None:
    """Buy one; called in processes of its own."""
    user = User.objects.get(pk=first_user_id + number)
    checkout.place_and_pay(purchase(user, Product(pk=product_id)))


def last_units(*, buyers: int, units: int) -> Outcome:
    """Let all buyers see the last units, and then all buy one."""
    users, wanted = shoppers(buyers), product(stock=units)
    with everybody_reads_first(buyers):
        tally = race(
            lambda number: buy(number, product_id=wanted.pk, first_user_id=users[0].pk),
            times=buyers,
        ).tally
    return _sold_out(tally, users, wanted, units)


def last_units_in_processes(*, buyers: int, units: int, clients: int) -> Outcome:
    """Let crowds in two processes buy one each while there are any."""
    users, wanted = shoppers(buyers), product(stock=units)
    tally = race_in_processes(
        buy,
        times=buyers,
        clients=clients,
        product_id=wanted.pk,
        first_user_id=users[0].pk,
    )
    return _sold_out(tally, users, wanted, units)


def opposite_order(*, buyers: int, kinds: int = 10) -> Outcome:
    """Let every second buyer name the same products from the far end."""
    users, shelf = shoppers(buyers), products(kinds, stock=2 * buyers)
    # A repetition would hide a deadlock.
    with patch.object(db, "MAX_RETRIES", 0):
        tally = race(
            lambda number: checkout.place_and_pay(
                purchase(users[number], *shelf[:: -1 if number % 2 else 1])
            ),
            times=buyers,
        ).tally
    found = _found(users, shelf)
    return judged(
        tally,
        winners=found["orders"],
        expected=buyers,
        told={"ok": buyers},
        found=found,
        wanted={
            "orders": buyers,
            "lines": kinds * buyers,
            "on_hand": [buyers] * kinds,
            "reserved": [0] * kinds,
        },
        became="no deadlock" if tally.told == {"ok": buyers} else "",
    )


def import_against_sale(*, hands: int, units: int) -> Outcome:
    """Let an import receive and count goods while they are being sold.

    Of every four hands two buy, one takes in a unit, and one counts a few more than
    it has read, and counts once more whenever something was sold meanwhile.
    """
    users, wanted = shoppers(hands), product(stock=units)

    def act(number: int) -> None:
        if number % 4 == 0:
            receive(wanted.pk, 1)
        elif number % 4 == 1:
            _count_until_it_holds(wanted.pk)
        else:
            checkout.place_and_pay(purchase(users[number], wanted))

    run = race(act, times=hands)
    found = _found(users, [wanted])
    received, counted = (
        sum(result is None for result in run.results[place::4]) for place in (0, 1)
    )
    left = units + received + FOUND_MORE * counted - found["orders"]
    return judged(
        run.tally,
        winners=run.tally.told.get("ok", 0),
        expected=hands,
        found={**found, "errors": errors(run.tally, "insufficient_stock")},
        wanted={"on_hand": [left], "reserved": [0], "errors": {}},
        became=f"{units} + {received} received + {FOUND_MORE * counted} found"
        f" - {found['orders']} sold = {found['on_hand'][0]} left",
    )


def _count_until_it_holds(product_id: int) -> None:
    while True:
        seen = Stock.objects.get(pk=product_id)
        try:
            inventory.count(
                product_id=product_id,
                on_hand=seen.on_hand + FOUND_MORE,
                expected_version=seen.version,
                reason="counted",
                actor_id=None,
            )
        except StockChanged:
            continue
        return


def _found(users: Sequence[User], shelf: Sequence[Product]) -> dict[str, Any]:
    """Return what was written for the users, and what is left of each product."""
    stocks = Stock.objects.filter(product__in=list(shelf)).order_by("pk")
    return {
        "orders": Order.objects.filter(user__in=list(users)).count(),
        "lines": OrderLine.objects.filter(product__in=list(shelf)).count(),
        "on_hand": [stock.on_hand for stock in stocks],
        "reserved": [stock.reserved for stock in stocks],
    }


def _sold_out(
    tally: Tally, users: Sequence[User], wanted: Product, units: int
) -> Outcome:
    found = _found(users, [wanted])
    return judged(
        tally,
        winners=found["orders"],
        expected=units,
        told={"insufficient_stock": len(users) - units, "ok": units},
        found=found,
        wanted={"orders": units, "lines": units, "on_hand": [0], "reserved": [0]},
    )
