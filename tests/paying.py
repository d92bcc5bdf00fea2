"""Paying by the test provider: what its page, its messages and its silence do."""

from uuid import UUID

from django.db.models.functions import Now

from accounts.models import User
from checkout import paying, settling
from orders.models import Order
from payments.gateways import sandbox
from payments.gateways.base import ProviderState, Sight
from payments.gateways.sandbox import Script, Webhook
from payments.models import Payment, PaymentState, SandboxPayment

RETURN_URL = "http://127.0.0.1:8000/back/{payment}/"


def set_out(
    user: User | None, order_id: UUID, *, points_part: int = 0, method: str = "sandbox"
) -> Payment:
    """Send a shopper to the provider's page."""
    return paying.start(
        user_id=user.pk if user else None,
        order_id=order_id,
        method=method,
        points_part=points_part,
        return_url=RETURN_URL,
        language="en",
    )


def decide(payment: Payment, script: Script) -> list[Webhook]:
    """Let the payer decide on the page; return what the provider will tell."""
    return sandbox.decide(payment.provider_reference, script)


def deliver(webhooks: list[Webhook]) -> None:
    """Bring the provider's messages to the shop."""
    for webhook in webhooks:
        settling.receive_webhook("sandbox", webhook.headers, webhook.body)


def book(payment: Payment) -> SandboxPayment:
    """Return the provider's own entry."""
    return SandboxPayment.objects.get(pk=payment.provider_reference)


def captured(payment: Payment, *, amount: int | None = None) -> Sight:
    """Return the provider's word that it has taken the money."""
    return Sight(
        reference=payment.provider_reference,
        state=ProviderState.CAPTURED,
        amount=payment.amount if amount is None else amount,
        currency="KRW",
    )


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
