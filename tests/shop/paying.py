"""Paying in a browser by the test provider, step by step."""

from typing import Any

from django.test import Client

from checkout import settling
from payments.gateways.sandbox import Script
from payments.models import Payment
from tests.shop.test_checkout_pages import TYPED, send


def set_out(client: Client, **fields: Any) -> Payment:
    """Order what is in the cart, and go to the test bank."""
    answer = send(client, **TYPED, payment="sandbox", pay="1", **fields)
    payment = Payment.objects.outside().latest("created_at")
    assert (answer.status_code, answer["Location"]) == (303, payment.provider_url)
    return payment


def decide(client: Client, payment: Payment, script: Script) -> Any:
    """Press a button of the test bank."""
    return client.post(path_of(payment), {"script": script.value})


def path_of(payment: Payment) -> str:
    """Return the address of a payment at the test bank."""
    return f"/sandbox/{payment.provider_reference}/"


def back(client: Client, payment: Payment) -> Any:
    """Come back to the shop."""
    return client.get(f"/pay/{payment.pk}/return/")


def bring(told: list[Any]) -> None:
    """Bring the shop what the test provider has sent so far."""
    for messages in told:
        for message in messages:
            settling.receive_webhook(
                "sandbox", message["headers"], message["body"].encode()
            )
    told.clear()


def raising(error: Exception) -> Any:
    """Return a method that raises ``error``."""

    def call(*_: object, **__: object) -> None:
        raise error

    return call
