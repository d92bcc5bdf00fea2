"""Whoever takes money for the shop, one file each; switched on by settings."""

from functools import lru_cache
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from payments.gateways.base import Gateway
from payments.gateways.guard import Guarded

# By the names that PAYMENT_GATEWAYS may hold; imported once they are asked for.
CLASSES = {
    "stripe": "payments.gateways.stripe.Stripe",
    "paypal": "payments.gateways.paypal.PayPal",
    "btcpay": "payments.gateways.btcpay.BTCPay",
    "sandbox": "payments.gateways.sandbox.Sandbox",
}


def offered() -> tuple[Gateway, ...]:
    """Return the gateways that are switched on, in the order of the settings."""
    return _made(tuple(settings.PAYMENT_GATEWAYS))


def gateway(code: str) -> Gateway:
    """Return a gateway; raise ``LookupError`` if it is not switched on."""
    for made in offered():
        if made.code == code:
            return made
    raise LookupError(f"No payment gateway {code!r} is switched on.")


@lru_cache(maxsize=8)
def _made(codes: tuple[str, ...]) -> tuple[Gateway, ...]:
    return tuple(_make(code) for code in codes)


def _make(code: str) -> Gateway:
    made = cast(Gateway, import_string(CLASSES[code])())
    # The test provider is a part of our own database.
    return made if code == "sandbox" else Guarded(made)
