"""An invoice as the shop writes them."""

from collections.abc import Callable

import pytest

from payments.gateways.base import Invoice, ProviderState, Sight

KEY = "0199b8a0-0000-7000-8000-000000000001"
Bill = Callable[..., Invoice]


@pytest.fixture
def bill() -> Bill:
    """Return a function that makes an invoice, of what the test is about."""

    def make(
        amount: int = 12_500, currency: str = "USD", key: str = KEY, email: str = ""
    ) -> Invoice:
        return Invoice(
            key=key,
            amount=amount,
            currency=currency,
            description="Dojang 2026-000001",
            email=email,
            return_url="https://shop.example/orders/1/paid/?payment=1",
            language="ko",
        )

    return make


def sight(
    reference: str, state: ProviderState, reason: str = "", amount: int = 12_500
) -> Sight:
    """Return how an invoice stands with a provider, in US cents."""
    return Sight(reference, state, amount, "USD", reason)
