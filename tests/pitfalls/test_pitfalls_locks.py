"""Pitfall 4 once more: what others pay, and what goes back, locks in the same order."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from checkout import returns, settling
from checkout import services as checkout
from orders.models import Order, OrderStatus
from payments.gateways.base import ProviderState, Sight
from payments.models import Payment
from tests.books import assert_books_balance
from tests.concurrency import run_together, told
from tests.factories import CouponFactory, ProductFactory, PromotionFactory
from tests.parcels import delivered_order, lines_of, paid_order
from tests.paying import captured, forgotten_payment, set_out
from tests.pitfalls.sql import captured_sql, tables_locked
from tests.races.stage import overdue, purchase, shoppers, unpaid_order

pytestmark = pytest.mark.django_db(transaction=True)

LOCK_ORDER = [
    "orders_order",
    "payments_payment",
    "points_pointaccount",
    "coupons_coupon",
    "inventory_stock",
    "promotions_promotionuse",
]
PLACES = {table: place for place, table in enumerate(LOCK_ORDER)}


def waiting(points_part: int = 0) -> tuple[UUID, Payment]:
    """Return an order with a coupon, and the payment its shopper is away for."""
    [user], product = shoppers(1), ProductFactory.create(price=10_000)
    coupon = CouponFactory.create(user=user)
    order_id = unpaid_order(user, product, coupon_id=coupon.pk)
    return order_id, set_out(user, order_id, points_part=points_part)


def failed(payment: Payment) -> Sight:
    return replace(captured(payment), state=ProviderState.FAILED)


def settle() -> Callable[[], object]:
    _order_id, payment = waiting(points_part=4_000)
    return lambda: settling.record(payment.pk, captured(payment))


def settle_another() -> Callable[[], object]:
    order_id, _payment = waiting(points_part=4_000)
    other = forgotten_payment(order_id, amount=8_000)
    return lambda: settling.record(other.pk, captured(other))


def settle_late() -> Callable[[], object]:
    order_id, payment = waiting(points_part=4_000)
    settling.record(payment.pk, failed(payment))
    checkout.expire(overdue(order_id))
    return lambda: settling.record(payment.pk, captured(payment))


def cancel_waiting() -> Callable[[], object]:
    order_id, _payment = waiting(points_part=4_000)
    return lambda: checkout.cancel(
        order_id=order_id, user_id=None, actor_id=None, reason=""
    )


def cancel_paid() -> Callable[[], object]:
    order_id, payment = waiting(points_part=4_000)
    settling.record(payment.pk, captured(payment))
    return lambda: checkout.cancel(
        order_id=order_id, user_id=None, actor_id=None, reason=""
    )


def refund_all() -> Callable[[], object]:
    order = paid_order(2, coupon_percent=10, points_part=4_000)
    [line] = lines_of(order)
    return lambda: checkout.refund(
        order_id=order.pk, quantities={line.pk: 2}, reason="", actor_id=None, key="k"
    )


def receive() -> Callable[[], object]:
    order = delivered_order(2, coupon_percent=10, points_part=4_000)
    [line] = lines_of(order)
    asked = returns.open_for_shopper(
        order_id=order.pk, quantities={line.pk: 2}, reason="x"
    )
    returns.approve(return_id=asked.pk, answer="")
    return lambda: returns.receive(
        return_id=asked.pk, restocked={line.pk: 1}, actor_id=None
    )


def expire_many() -> Callable[[], object]:
    for _ in range(2):
        [user], product = shoppers(1), ProductFactory.create()
        coupon = CouponFactory.create(user=user)
        overdue(unpaid_order(user, product, coupon_id=coupon.pk))
    return checkout.expire_overdue


MOVES_PROMOTIONS = {settle_late, cancel_waiting, cancel_paid, refund_all, expire_many}


@pytest.mark.parametrize(
    "prepare",
    [
        settle,
        settle_another,
        settle_late,
        cancel_waiting,
        cancel_paid,
        refund_all,
        receive,
        expire_many,
    ],
)
def test_pitfall_04_money_and_goods_that_move_lock_in_the_lock_order(
    prepare: Callable[[], Callable[[], object]],
) -> None:
    PromotionFactory.create(budget=10**9)
    step = prepare()

    with captured_sql() as statements:
        step()

    locks = [table for table in tables_locked(statements) if table in PLACES]
    assert locks[0] == "orders_order"
    assert "inventory_stock" in locks
    assert (locks[-1] == "promotions_promotionuse") == (prepare in MOVES_PROMOTIONS)
    assert locks == sorted(locks, key=lambda table: PLACES[table])
    assert_books_balance()


@pytest.mark.parametrize("seed", range(3))
def test_pitfall_04_late_money_and_a_purchase_want_the_same_coupon(seed: int) -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=9)
    coupon = CouponFactory.create(user=user)
    late = unpaid_order(user, product, coupon_id=coupon.pk)
    checkout.expire(overdue(late))
    payment = forgotten_payment(late)

    def act(number: int) -> object:
        if number == seed % 2:
            wish = purchase(user, product, coupon_id=coupon.pk)
            return checkout.place_order(wish)
        return settling.record(payment.pk, captured(payment))

    results = run_together(act, times=2)

    payment.refresh_from_db()
    is_revived = Order.objects.get(pk=late).status == OrderStatus.PAID
    assert (payment.settled_at is not None) == is_revived
    wanted = {"ok": 1, "coupon_already_used": 1} if is_revived else {"ok": 2}
    assert told(results) == wanted
    assert_books_balance()
