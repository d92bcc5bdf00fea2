"""Whose pages payers go to; settings and checks are made of it."""

from collections.abc import Mapping
from typing import Any

STRIPE = "https://checkout.stripe.com"
# What each way to be paid cannot do without.
NEEDED = {
    "stripe": ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"),
    "paypal": ("PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID"),
    "btcpay": (
        "BTCPAY_URL",
        "BTCPAY_STORE_ID",
        "BTCPAY_API_KEY",
        "BTCPAY_WEBHOOK_SECRET",
    ),
}


def payment_pages(settings: Mapping[str, Any]) -> list[str]:
    """Return the origins to which a form of ours may lead, by a redirect.

    Browsers hold redirects against ``form-action``, too. PayPal's API and its pages are
    at hosts that differ by their first part.
    """
    pages = {
        "stripe": STRIPE,
        "paypal": settings["PAYPAL_API_URL"].replace("//api-m.", "//www."),
        "btcpay": settings["BTCPAY_URL"],
        "sandbox": settings["SHOP_BASE_URL"],
    }
    return [pages[name] for name in settings["PAYMENT_GATEWAYS"] if pages.get(name)]
