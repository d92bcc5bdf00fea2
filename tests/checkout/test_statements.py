"""How many statements a purchase takes, and how often it waits for an answer."""

from dataclasses import replace

import pytest
from django.db import connection

from accounts.models import User
from cart import services as carts
from checkout import services as checkout
from checkout.services import CartVersion, Purchase
from common.idempotency import Claim, Reply
from orders.models import OrderStatus
from tests.factories import (
    CouponBatchFactory,
    CouponFactory,
    ProductFactory,
    PromotionFactory,
)
from tests.races.stage import shoppers
from tests.wire import Wire, watched_wire

pytestmark = pytest.mark.django_db(transaction=True)

MOST_STATEMENTS = 10
MOST_ROUND_TRIPS = 4


def _purchase(user: User, lines: int) -> Purchase:
    products = ProductFactory.create_batch(lines, price=1_000)
    coupon = CouponFactory.create(user=user, batch=CouponBatchFactory.create())
    return Purchase(
        user_id=user.pk,
        email=user.email,
        quantities={product.pk: 1 for product in products},
        coupon_id=coupon.pk,
    )


def _buy(wish: Purchase, key: str) -> Wire:
    claim = Claim(f"u:{wish.user_id}", "POST", "/api/v1/orders", key, "f" * 64)
    with watched_wire() as wire:
        checkout.purchase_once(
            wish,
            OrderStatus.PAID,
            claim=claim,
            render=lambda draft: Reply(201, draft.number),
        )
    return wire


@pytest.mark.parametrize("lines", [1, 3, 20])
def test_purchase_keeps_to_its_budget_whatever_the_number_of_lines(lines: int) -> None:
    # The statements get their plans with the first purchases of a connection.
    for user in shoppers(3):
        _buy(_purchase(user, 1), "warm-up")
    [buyer] = shoppers(1)
    wish = _purchase(buyer, lines)

    wire = _buy(wish, "counted")

    assert wire.statements <= MOST_STATEMENTS
    assert wire.round_trips <= MOST_ROUND_TRIPS


@pytest.mark.parametrize("running", [1, 5])
def test_promotions_cost_a_purchase_one_statement_and_no_waiting(running: int) -> None:
    for number in range(running):
        PromotionFactory.create(value=1, budget=10**6 if number % 2 else None)
    for user in shoppers(3):
        _buy(_purchase(user, 1), "warm-up")
    [buyer] = shoppers(1)

    wire = _buy(_purchase(buyer, 3), "counted")

    assert wire.statements == MOST_STATEMENTS + 1
    assert wire.round_trips <= MOST_ROUND_TRIPS


def test_promotion_that_does_not_apply_costs_no_statement() -> None:
    PromotionFactory.create(min_spend=10**9, audience="new")
    for user in shoppers(3):
        _buy(_purchase(user, 1), "warm-up")
    [buyer] = shoppers(1)

    wire = _buy(_purchase(buyer, 3), "counted")

    assert wire.statements <= MOST_STATEMENTS
    assert wire.round_trips <= MOST_ROUND_TRIPS


def test_cart_costs_a_purchase_one_statement_and_no_waiting() -> None:
    for user in shoppers(3):
        _buy(_from_cart(_purchase(user, 1)), "warm-up")
    plain, fuller = (_purchase(user, 1) for user in shoppers(2))

    without_cart = _buy(plain, "counted")
    with_cart = _buy(_from_cart(fuller), "counted")

    assert with_cart.statements == without_cart.statements + 1
    assert with_cart.round_trips == without_cart.round_trips


def _from_cart(wish: Purchase) -> Purchase:
    cart = carts.of_user(wish.user_id or 0)
    cart.refresh_from_db()
    return replace(wish, cart=CartVersion(cart.pk, cart.version))


def test_watched_wire_counts_begin_commit_and_every_wait() -> None:
    connection.ensure_connection()
    with watched_wire() as wire:
        connection.connection.execute("BEGIN")
        connection.connection.execute("SELECT 1")
        with connection.connection.pipeline():
            connection.connection.execute("SELECT 2")
            connection.connection.execute("SELECT 3")
        connection.connection.execute("COMMIT")

    assert wire.statements == 5
    assert wire.round_trips == 4
