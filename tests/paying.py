"""Paying by the test provider: what its page, its messages and its silence do."""

from uuid import UUID

from django.db.models.functions import Now

from drill.paying import RETURN_URL as RETURN_URL
from drill.paying import captured as captured
from drill.paying import decide as decide
from drill.paying import deliver as deliver
from drill.paying import set_out as set_out
from inventory.models import Stock
from orders.models import Order, OrderStatus
from outbox import services as outbox
from outbox.models import Event
from payments.models import (
    Payment,
    PaymentState,
    Refund,
    SandboxPayment,
    SandboxState,
)
from tests.factories import ProductFactory
from tests.races.stage import shoppers, unpaid_order

PRICE = 10_000


def book(payment: Payment) -> SandboxPayment:
    """Return the provider's own entry."""
    return SandboxPayment.objects.get(pk=payment.provider_reference)


def forgotten_payment(order_id: UUID, *, amount: int | None = None) -> Payment:
    """Return a payment that was given up, but may still come through."""
    order = Order.objects.get(pk=order_id)
    return Payment.objects.create(
        order=order,
        method="sandbox",
        amount=order.total if amount is None else amount,
        state=PaymentState.VOIDED,
        provider_reference=f"sb_{order_id.hex}",
    )


def make_due() -> None:
    """Let the shop find that every provider has been silent for too long."""
    Payment.objects.filter(next_look_at__isnull=False).update(next_look_at=Now())


def unpaid(*, balance: int = 50_000) -> tuple[Order, int]:
    """Place an order of ``PRICE`` by somebody with points; return it and them."""
    [user] = shoppers(1, balance=balance)
    order_id = unpaid_order(user, ProductFactory.create(price=PRICE))
    return Order.objects.get(pk=order_id), user.pk


def start(order: Order, *, points_part: int = 0) -> Payment:
    """Send the order's own shopper to the provider."""
    return set_out(order.user, order.pk, points_part=points_part)


def drain() -> None:
    """Let the relay do all there is to do."""
    while outbox.deliver_due():
        pass


def status_of(order: Order) -> str:
    """Return what the database says."""
    return Order.objects.get(pk=order.pk).status


def assert_paid_once(order: Order, payment: Payment) -> None:
    """Fail unless the payment, and nothing else, has paid the order."""
    payment.refresh_from_db()
    assert (payment.state, payment.settled_at is None) == (PaymentState.CAPTURED, False)
    assert status_of(order) == OrderStatus.PAID
    assert Event.objects.filter(topic="order.paid").count() == 1
    assert book(payment).state == SandboxState.CAPTURED
    assert Stock.objects.get(product__order_lines__order=order).reserved == 0
    assert not Refund.objects.exists()
