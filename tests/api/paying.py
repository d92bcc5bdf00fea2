"""Paying by the test provider through the API, step by step."""

from typing import Any

from accounts.models import User
from checkout import services as checkout
from checkout.services import Purchase
from orders.models import Order
from payments.gateways import sandbox
from payments.gateways.sandbox import Script, Webhook
from payments.models import Payment, SandboxPayment, SandboxState
from tests.api.client import Answer, Api
from tests.factories import DeliveryMethodFactory, ProductFactory

PAY, PAYMENTS, CHARGE = "/api/v1/pay", "/api/v1/payments", "/api/v1/points/charge"
HOOK = f"{PAYMENTS}/webhooks/sandbox"
HOME = "http://127.0.0.1:8000"


def order_of(user: User) -> Order:
    """Return an unpaid order of ₩10,000."""
    DeliveryMethodFactory.create(cost=0)
    product = ProductFactory.create(price=10_000)
    purchase = Purchase(user_id=user.pk, email=user.email, quantities={product.pk: 1})
    return Order.objects.get(pk=checkout.place_order(purchase).id)


def begin(api: Api, order: Order, **extra: Any) -> Answer:
    """Ask to pay by the test provider."""
    body = {"order_id": str(order.pk), "method": "sandbox", **extra}
    return api.post(PAY, body)


def started(api: Api, order: Order, **extra: Any) -> Payment:
    """Begin to pay, and return the payment."""
    answer = begin(api, order, **extra)
    assert answer.status == 201, answer.body
    return Payment.objects.get(pk=answer.body["id"])


def decide(payment: Payment, script: Script) -> list[Webhook]:
    """Let the payer decide on the provider's page."""
    return sandbox.decide(payment.provider_reference, script)


def tell(guest: Api, webhook: Webhook) -> Answer:
    """Bring a message of the provider."""
    return guest.send("POST", HOOK, webhook.body, **webhook.headers)


def captured(payment: Payment) -> Webhook:
    """Return the message that the money was taken, from the provider's books."""
    SandboxPayment.objects.filter(pk=payment.provider_reference).update(
        state=SandboxState.CAPTURED
    )
    return sandbox.webhook(SandboxPayment.objects.get(pk=payment.provider_reference))
