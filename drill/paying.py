"""Paying by the test provider: what its page, its messages and its silence do."""

from uuid import UUID

from django.conf import settings

from accounts.models import User
from checkout import paying, settling
from orders.models import Order
from payments.gateways import sandbox
from payments.gateways.base import ProviderState, Sight
from payments.gateways.sandbox import Script, Webhook
from payments.models import Payment, PaymentState

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


def captured(payment: Payment, *, amount: int | None = None) -> Sight:
    """Return the provider's word that it has taken the money."""
    return Sight(
        reference=payment.provider_reference,
        state=ProviderState.CAPTURED,
        amount=payment.amount if amount is None else amount,
        currency=settings.SHOP_CURRENCY,
    )


def given_up(order_id: UUID) -> Payment:
    """Return a payment that was given up, but may still come through."""
    return Payment.objects.create(
        order_id=order_id,
        method="sandbox",
        amount=Order.objects.get(pk=order_id).total,
        state=PaymentState.VOIDED,
        provider_reference=f"sb_{order_id.hex}",
    )
