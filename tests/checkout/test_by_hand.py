"""Money that came past all providers, as staff say; and what else only they can do."""

import pytest
from django.db import transaction

from checkout import paying, settling
from checkout import services as checkout
from checkout.errors import RefundKeyReused
from inventory import services as inventory
from inventory.errors import InsufficientStock
from inventory.models import MovementKind, Stock
from orders.errors import OrderNotPayable
from orders.models import Order, OrderEvent, OrderStatus
from outbox.models import Event
from payments import refunds
from payments.errors import NobodyToPay, PaymentMethodUnavailable
from payments.models import LegState, Payment, PaymentState, Refund, RefundLeg
from points import services as points
from tests.books import assert_books_balance
from tests.factories import StaffFactory
from tests.parcels import lines_of, packed_order, paid_order, stock_of
from tests.paying import captured, drain, start, status_of, unpaid

pytestmark = pytest.mark.django_db


def by_hand(order: Order, actor_id: int | None = None) -> None:
    checkout.pay_by_hand(order_id=order.pk, reason="bank, ref. 77", actor_id=actor_id)


def expired(order: Order) -> Order:
    Order.objects.filter(pk=order.pk).update(expires_at="2026-01-01T00:00Z")
    assert checkout.expire(order.pk)
    return order


def test_order_is_paid_by_a_transfer() -> None:
    order, user_id = unpaid(balance=500)
    staff = StaffFactory.create()

    by_hand(order, staff.pk)

    assert status_of(order) == OrderStatus.PAID
    payment = Payment.objects.get()
    assert (payment.method, payment.amount, payment.note) == (
        "by_hand",
        order.total,
        "bank, ref. 77",
    )
    last = OrderEvent.objects.latest("pk")
    assert (last.actor, last.reason) == (staff, "bank, ref. 77")
    assert Event.objects.filter(topic="order.paid").count() == 1
    assert points.balance_of(user_id) == 500
    assert_books_balance()


def test_transfer_pays_once() -> None:
    order, _user_id = unpaid()
    by_hand(order)

    with pytest.raises(OrderNotPayable):
        by_hand(order)

    assert Payment.objects.count() == 1
    assert_books_balance()


def test_late_transfer_revives_an_expired_order() -> None:
    order = expired(unpaid()[0])

    by_hand(order)

    assert status_of(order) == OrderStatus.PAID
    assert_books_balance()


def test_late_transfer_for_goods_that_are_gone_is_refused() -> None:
    order = expired(unpaid()[0])
    stock = Stock.objects.get(product__order_lines__order=order)
    inventory.adjust(
        product_id=stock.pk,
        kind=MovementKind.DAMAGED,
        delta=-stock.on_hand,
        reason="fire",
        actor_id=None,
    )

    with pytest.raises(InsufficientStock):
        by_hand(order)

    assert status_of(order) == OrderStatus.EXPIRED
    assert not Payment.objects.exists()
    assert_books_balance()


def test_payment_under_way_is_given_up_and_its_points_are_free() -> None:
    order, user_id = unpaid(balance=5_000)
    attempt = start(order, points_part=1_000)

    by_hand(order)

    attempt.refresh_from_db()
    assert attempt.state == PaymentState.VOIDED
    assert points.balance_of(user_id) == 5_000
    assert Event.objects.filter(topic="payment.void_requested").count() == 1
    assert_books_balance()


def test_money_that_comes_all_the_same_goes_back() -> None:
    order, _user_id = unpaid()
    attempt = start(order)
    by_hand(order)

    settling.record(attempt.pk, captured(attempt))

    refund = Refund.objects.get()
    assert (refund.amount, status_of(order)) == (order.total, OrderStatus.PAID)
    assert_books_balance()


def test_what_came_by_hand_goes_back_by_hand() -> None:
    order, user_id = unpaid()
    by_hand(order)

    checkout.cancel(order_id=order.pk, user_id=None, actor_id=None, reason="no")
    drain()

    leg = RefundLeg.objects.get()
    assert (leg.state, leg.note) == (
        LegState.REFUSED,
        "it came past all providers: pay it back by hand",
    )
    refunds.pay_elsewhere(leg.pk, note="transferred")
    assert points.balance_of(user_id) == 50_000
    assert_books_balance()


def test_client_cannot_say_that_money_came() -> None:
    order, user_id = unpaid()

    with pytest.raises(PaymentMethodUnavailable):
        paying.start(
            user_id=user_id,
            order_id=order.pk,
            method="by_hand",
            points_part=0,
            return_url="http://127.0.0.1:8000/",
            language="en",
        )

    assert status_of(order) == OrderStatus.PENDING


# --- Goods that nobody can sell again -------------------------------------------------


def test_cancelled_goods_that_are_broken_are_written_off() -> None:
    order = packed_order(3)
    [line] = lines_of(order)
    before = points.balance_of(order.user_id or 0)

    checkout.cancel(
        order_id=order.pk, user_id=None, actor_id=None, reason="mould", writes_off=True
    )

    assert stock_of(line.product_id) == 17
    assert points.balance_of(order.user_id or 0) == before + order.total
    assert status_of(order) == OrderStatus.CANCELLED
    assert_books_balance()


def test_unpaid_goods_are_only_let_go() -> None:
    order, _user_id = unpaid()
    [line] = lines_of(order)
    before = stock_of(line.product_id)

    checkout.cancel(
        order_id=order.pk, user_id=None, actor_id=None, reason="x", writes_off=True
    )

    assert stock_of(line.product_id) == before
    assert_books_balance()


# --- Points instead of a provider's money ---------------------------------------------


def give_back(order: Order, *, as_points: bool, key: str = "k") -> Refund:
    [line] = lines_of(order)
    return checkout.refund(
        order_id=order.pk,
        quantities={line.pk: 1},
        reason="chipped",
        actor_id=None,
        key=key,
        as_points=as_points,
    )


def test_shopper_gets_points_for_a_providers_money() -> None:
    order = paid_order(2, points_part=0)
    before = points.balance_of(order.user_id or 0)

    give_back(order, as_points=True)

    assert points.balance_of(order.user_id or 0) == before + 10_000
    leg = RefundLeg.objects.get()
    assert (leg.state, leg.payment.method) == (LegState.DONE, "sandbox")
    assert not Event.objects.filter(topic="refund.requested").exists()
    told = Event.objects.get(topic="order.refunded").payload["refund"]
    assert told["points"] == told["amount"] == 10_000
    assert_books_balance()


def test_one_key_is_one_way_back() -> None:
    order = paid_order(2, points_part=0)
    made = give_back(order, as_points=True)

    assert give_back(order, as_points=True) == made
    with pytest.raises(RefundKeyReused):
        give_back(order, as_points=False)

    assert Refund.objects.count() == 1


def test_guest_has_no_points() -> None:
    order = paid_order(2, points_part=0)
    [line] = lines_of(order)
    plan = refunds.plan(order, {line.pk: 1}, delivery=None)
    order.user_id = None  # as a guest's is

    with pytest.raises(NobodyToPay), transaction.atomic():
        refunds.carry_out(
            order, plan, reason="x", actor_id=None, key="k", as_points=True
        )

    assert not Refund.objects.exists()
