"""Whoever takes money for the shop, one file each; switched on by settings."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from payments.gateways.base import Gateway

ADAPTERS = {
    "stripe": "payments.gateways.stripe.Stripe",
    "paypal": "payments.gateways.paypal.PayPal",
    "btcpay": "payments.gateways.btcpay.BTCPay",
    "sandbox": "payments.gateways.sandbox.Sandbox",
}


def gateway(code: str) -> Gateway:
    """Return an adapter that is switched on, or raise ``LookupError``."""
    if code not in settings.PAYMENT_GATEWAYS:
        raise LookupError(code)
    return _made(code)


def offered() -> tuple[Gateway, ...]:
    """Return the adapters that are switched on, in the order of the setting."""
    return tuple(_made(code) for code in settings.PAYMENT_GATEWAYS)


@cache
def _made(code: str) -> Gateway:
    adapter: Gateway = import_string(ADAPTERS[code])()
    return adapter
