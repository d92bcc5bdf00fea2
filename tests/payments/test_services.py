"""Payments: captured once, refunded once."""

from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from checkout import services as checkout
from orders.models import Order
from payments import refunds
from payments import services as payments
from payments.models import (
    Payment,
    PaymentMethod,
    PaymentState,
    Refund,
    RefundLine,
)
from points import services as points
from points.errors import InsufficientPoints
from tests.factories import ProductFactory
from tests.races.stage import purchase, shoppers, unpaid_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid() -> UUID:
    [user] = shoppers(1, balance=50_000)
    return checkout.place_and_pay(purchase(user, ProductFactory.create())).id


def test_empty_bill_needs_no_points() -> None:
    assert payments.method_for(0) == PaymentMethod.FREE
    assert payments.method_for(1) == PaymentMethod.POINTS


def test_captured_payment_says_how_much_and_when(paid: UUID) -> None:
    payment = Payment.objects.get(order_id=paid)

    assert (payment.method, payment.amount) == (PaymentMethod.POINTS, 10_000)
    assert (payment.state, payment.refunded) == (PaymentState.CAPTURED, 0)
    assert payment.captured_at is not None


def test_order_cannot_be_captured_twice(paid: UUID) -> None:
    order = Order.objects.get(pk=paid)

    with (
        pytest.raises(IntegrityError, match="payment_captured_once_per_order"),
        transaction.atomic(),
    ):
        payments.capture_points(order)

    assert points.balance_of(order.user_id or 0) == 40_000


def test_payment_without_points_leaves_no_payment() -> None:
    [user] = shoppers(1, balance=9_999)
    order_id = unpaid_order(user, ProductFactory.create())

    with pytest.raises(InsufficientPoints):
        checkout.pay_with_points(user_id=user.pk, order_id=order_id)

    assert not Payment.objects.exists()
    assert points.balance_of(user.pk) == 9_999


def test_refund_in_full_gives_everything_back_once(paid: UUID) -> None:
    order = Order.objects.get(pk=paid)

    with transaction.atomic():
        refund = refunds.refund_in_full(order, reason="broken", actor_id=None)
    with (
        pytest.raises(IntegrityError, match="idempotency_key"),
        transaction.atomic(),
    ):
        refunds.refund_in_full(order, reason="again", actor_id=None)

    assert refund is not None
    assert (refund.amount, refund.reason) == (10_000, "broken")
    assert RefundLine.objects.get().refunded_at == refund.refunded_at
    assert points.balance_of(order.user_id or 0) == 50_000


def test_unpaid_order_has_nothing_to_refund() -> None:
    [user] = shoppers(1)
    order = Order.objects.get(pk=unpaid_order(user, ProductFactory.create()))

    with transaction.atomic():
        assert refunds.refund_in_full(order, reason="", actor_id=None) is None

    assert not Refund.objects.exists()


def test_only_a_payment_at_the_provider_is_processing(paid: UUID) -> None:
    assert not payments.is_processing(paid)

    Payment.objects.create(
        order_id=paid,
        method=PaymentMethod.SANDBOX,
        amount=1,
        state=PaymentState.PROCESSING,
    )

    assert payments.is_processing(paid)


def test_database_itself_guards_payments(paid: UUID) -> None:
    payment = Payment.objects.get()

    for change in (
        lambda: Payment.objects.update(refunded=10_001),
        lambda: Payment.objects.update(amount=1),
        lambda: Payment.objects.update(captured_at=None),
        payment.delete,
        lambda: Payment.objects.update(settled_at=None, state=PaymentState.FAILED),
        lambda: Payment.objects.create(amount=1, method=PaymentMethod.SANDBOX),
        lambda: Refund.objects.create(amount=-1, idempotency_key="k"),
        lambda: Refund.objects.create(amount=1, delivery_amount=2, idempotency_key="k"),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_order_of_nobody_is_not_paid_from_points() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    order = Order.objects.get(pk=unpaid_order(user, product))
    order.user = None

    with transaction.atomic(), pytest.raises(InsufficientPoints):
        payments.capture_points(order)

    assert not Payment.objects.exists()
