"""Pitfalls 1 to 6: stock."""

import re
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.models import User
from catalog.models import Product
from checkout import services as checkout
from checkout.services import Purchase
from common.idempotency import Claim, Reply
from inventory import services as inventory
from inventory.errors import InsufficientStock
from inventory.models import Stock, StockMovement
from orders.models import Order, OrderLine, OrderStatus
from payments.models import Payment, PaymentState
from tests.api.client import Api
from tests.concurrency import run_together, told
from tests.factories import CouponFactory, ProductFactory, UserFactory
from tests.paying import set_out
from tests.pitfalls.sql import captured_sql, tables_locked
from tests.races.stage import (
    between_reading_and_writing,
    everybody_reads_first,
    fill_cart,
    overdue,
    purchase,
    shoppers,
    unpaid_order,
)

pytestmark = pytest.mark.django_db(transaction=True)


def _stock(product: Product) -> tuple[int, int]:
    stock = Stock.objects.get(product=product)
    return stock.on_hand, stock.reserved


def _of(product: Product, left: int) -> dict[str, list[dict[str, int]]]:
    return {"available": [{"product_id": product.pk, "available": left}]}


def test_pitfall_01_last_unit_is_not_sold_to_several() -> None:
    users, product = shoppers(3), ProductFactory.create(stock_on_hand=1)

    with everybody_reads_first(3):
        results = run_together(
            lambda number: checkout.place_and_pay(purchase(users[number], product)),
            times=3,
        )

    losers = [error for error in results if isinstance(error, InsufficientStock)]
    assert told(results) == {"insufficient_stock": 2, "ok": 1}
    assert [error.extra for error in losers] == [_of(product, 0)] * 2
    assert _stock(product) == (0, 0)
    with pytest.raises(IntegrityError, match="stock_reserved_within_on_hand"):
        Stock.objects.update(on_hand=-1)


def test_pitfall_02_check_counts_what_others_reserved_before() -> None:
    first, second = shoppers(2)
    product = ProductFactory.create(stock_on_hand=10)
    unpaid_order(first, product, quantities={product.pk: 4})

    with pytest.raises(InsufficientStock) as refusal:
        checkout.place_and_pay(purchase(second, product, quantities={product.pk: 7}))

    assert refusal.value.extra == _of(product, 6)
    assert _stock(product) == (10, 4)
    checkout.place_and_pay(purchase(second, product, quantities={product.pk: 6}))
    assert _stock(product) == (4, 4)


def test_pitfall_02_check_does_not_trust_what_was_read_before_the_lock() -> None:
    first, second = shoppers(2)
    product = ProductFactory.create(stock_on_hand=10)
    wish = purchase(second, product, quantities={product.pk: 7})
    others = purchase(first, product, quantities={product.pk: 4})

    def buy_4_first(wish_now: Purchase) -> None:
        if wish_now is wish:
            checkout.place_and_pay(others)

    with (
        between_reading_and_writing(buy_4_first),
        pytest.raises(InsufficientStock) as refusal,
    ):
        checkout.place_and_pay(wish)

    assert refusal.value.extra == _of(product, 6)
    assert _stock(product) == (6, 0)


def test_pitfall_03_same_product_twice_is_one_line() -> None:
    user, product = UserFactory.create(points=100_000), ProductFactory.create()
    items = [
        {"product_id": product.pk, "quantity": 2},
        {"product_id": product.pk, "quantity": 3},
    ]

    answer = Api(user).post("/api/v1/orders", {"items": items, "pay": True})

    assert answer.status == 201
    assert [line["quantity"] for line in answer.body["items"]] == [5]
    assert OrderLine.objects.get().quantity == 5
    assert _stock(product) == (5, 0)


def test_pitfall_03_same_product_twice_is_checked_as_a_sum() -> None:
    user = UserFactory.create(points=100_000)
    product = ProductFactory.create(stock_on_hand=4)
    items = [{"product_id": product.pk, "quantity": 3}] * 2

    answer = Api(user).post("/api/v1/orders", {"items": items, "pay": True})

    assert (answer.status, answer.code) == (409, "insufficient_stock")
    assert not Order.objects.exists()
    assert _stock(product) == (4, 0)


# --- 4: the order of locks -----------------------------------------------------------

LOCK_ORDER = [
    "common_idempotencyrecord",
    "orders_order",
    "cart_cart",
    "payments_payment",
    "points_pointaccount",
    "coupons_coupon",
    "inventory_stock",
]


def _locks(statements: list[str]) -> list[str]:
    """Return the rows others can wait for; new rows elsewhere are nobody's but ours."""
    return [table for table in tables_locked(statements) if table in LOCK_ORDER]


def _unpaid_with_coupon(user: User, product: Product) -> UUID:
    coupon = CouponFactory.create(user=user)
    return unpaid_order(user, product, coupon_id=coupon.pk)


def test_pitfall_04_purchase_locks_in_the_lock_order() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    cart = fill_cart(user, product)
    wish = replace(
        purchase(user, product, coupon_id=CouponFactory.create(user=user).pk),
        cart=checkout.CartVersion(cart.pk, cart.version),
    )
    claim = Claim(f"u:{user.pk}", "POST", "/api/v1/orders", "key", "f" * 64)

    with captured_sql() as statements:
        checkout.purchase_once(
            wish, OrderStatus.PAID, claim=claim, render=lambda _draft: Reply(201, "")
        )

    assert _locks(statements) == LOCK_ORDER


def test_pitfall_04_later_steps_lock_in_the_lock_order() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    paid, called_off, expired = (_unpaid_with_coupon(user, product) for _ in range(3))
    overdue(expired)
    place = {table: rank for rank, table in enumerate(LOCK_ORDER)}

    for step in (
        lambda: checkout.pay_with_points(user_id=user.pk, order_id=paid),
        lambda: checkout.cancel(
            order_id=paid, user_id=user.pk, actor_id=user.pk, reason=""
        ),
        lambda: checkout.cancel(
            order_id=called_off, user_id=user.pk, actor_id=user.pk, reason=""
        ),
        lambda: checkout.expire(expired),
    ):
        with captured_sql() as statements:
            step()

        locks = _locks(statements)
        assert locks[0] == "orders_order"
        assert locks[-1] == "inventory_stock"
        assert locks == sorted(locks, key=lambda table: place[table])


def test_pitfall_04_stock_rows_are_locked_by_product_id() -> None:
    [user] = shoppers(1)
    products = ProductFactory.create_batch(3)
    order_id = checkout.place_order(purchase(user, *reversed(products))).id

    with captured_sql() as selling:
        checkout.place_and_pay(purchase(user, *reversed(products)))
    with captured_sql() as committing:
        checkout.pay_with_points(user_id=user.pk, order_id=order_id)

    by_product = re.compile(
        r'ORDER BY "?\w+"?\."?product_id"?( ASC)?\s+FOR NO KEY UPDATE'
    )
    for statements in (selling, committing):
        locking = [sql for sql in statements if "FOR NO KEY UPDATE" in sql]
        assert any(by_product.search(sql) for sql in locking if "_stock" in sql)


def test_pitfall_04_opposite_line_order_does_not_deadlock() -> None:
    users = shoppers(12)
    products = ProductFactory.create_batch(6, stock_on_hand=100)
    waiting = [
        checkout.place_order(purchase(user, *reversed(products))).id for user in users
    ]

    def act(number: int) -> object:
        user, order_id = users[number % 12], waiting[number % 12]
        if number < 12:
            return checkout.place_and_pay(purchase(user, *products))
        if number % 2:
            return checkout.pay(user_id=user.pk, order_id=order_id)
        return checkout.cancel(
            order_id=order_id, user_id=user.pk, actor_id=None, reason=""
        )

    assert told(run_together(act, times=24)) == {"ok": 24}
    assert [_stock(product) for product in products] == [(82, 0)] * 6


# --- 5 and 6: giving back ------------------------------------------------------------


def test_pitfall_05_nothing_is_given_back_twice() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=10)
    order_id = unpaid_order(user, product)
    checkout.cancel(order_id=order_id, user_id=user.pk, actor_id=None, reason="")
    assert _stock(product) == (10, 0)

    checkout.cancel(order_id=order_id, user_id=user.pk, actor_id=None, reason="")
    assert not checkout.expire(order_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        inventory.release(order_id=order_id, quantities={product.pk: 1})

    assert _stock(product) == (10, 0)
    assert StockMovement.objects.filter(order_id=order_id).count() == 2


def test_pitfall_05_nothing_is_given_back_that_was_never_taken() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=10)
    paid = checkout.place_and_pay(purchase(user, product)).id

    with (
        pytest.raises(IntegrityError, match="stock_reserved_within_on_hand"),
        transaction.atomic(),
    ):
        inventory.release(order_id=paid, quantities={product.pk: 1})

    assert _stock(product) == (9, 0)


def test_pitfall_06_order_does_not_expire_while_its_payment_is_processing() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=10)
    order_id = unpaid_order(user, product)
    payment = set_out(user, order_id)
    overdue(order_id)

    assert checkout.expire_overdue() == 0
    assert not checkout.expire(order_id)

    assert Order.objects.get().status == OrderStatus.PENDING
    assert _stock(product) == (10, 1)
    Payment.objects.filter(pk=payment.pk).update(state=PaymentState.FAILED)
    assert checkout.expire_overdue() == 1
    assert _stock(product) == (10, 0)


def test_pitfall_06_going_to_pay_gives_the_order_more_time() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    order_id = unpaid_order(user, product)
    soon = Now() + timedelta(seconds=30)
    Order.objects.filter(pk=order_id).update(expires_at=soon)

    set_out(user, order_id)

    order = Order.objects.get()
    assert order.expires_at is not None
    left = order.expires_at - order.placed_at
    assert timedelta(minutes=19) < left < timedelta(minutes=21)
