"""Which gateways there are, and how they write amounts."""

import pytest
from pytest_django import Settings

from payments.gateways import gateway, offered
from payments.gateways.amounts import as_decimal, from_decimal, parse
from payments.gateways.base import Gateway
from payments.gateways.btcpay import BTCPay
from payments.gateways.guard import Guarded
from payments.gateways.paypal import PayPal
from payments.gateways.sandbox import Sandbox
from payments.gateways.stripe import Stripe


def test_gateways_are_offered_in_the_order_of_the_settings(settings: Settings) -> None:
    settings.PAYMENT_GATEWAYS = ["btcpay", "stripe"]
    assert [one.code for one in offered()] == ["btcpay", "stripe"]

    settings.PAYMENT_GATEWAYS = ["paypal"]
    assert [one.code for one in offered()] == ["paypal"]

    settings.PAYMENT_GATEWAYS = []
    assert offered() == ()


def test_only_the_test_provider_needs_no_guard(settings: Settings) -> None:
    settings.PAYMENT_GATEWAYS = ["stripe", "sandbox"]

    assert [type(one) for one in offered()] == [Guarded, Sandbox]


def test_gateway_is_made_once(settings: Settings) -> None:
    settings.PAYMENT_GATEWAYS = ["stripe", "paypal"]

    assert gateway("paypal") is gateway("paypal") is offered()[1]


@pytest.mark.parametrize("code", ["paypal", "points", "", "__class__"])
def test_gateway_that_is_not_switched_on_is_not_found(
    code: str, settings: Settings
) -> None:
    settings.PAYMENT_GATEWAYS = ["stripe"]

    with pytest.raises(LookupError, match="No payment gateway"):
        gateway(code)


def test_adapters_are_gateways() -> None:
    # For mypy: each has all of the interface.
    adapters: list[Gateway] = [Stripe(), PayPal(), BTCPay()]

    assert [one.code for one in adapters] == ["stripe", "paypal", "btcpay"]
    assert [str(one.label) for one in adapters] == [
        "Card or wallet",
        "PayPal",
        "Cryptocurrency",
    ]


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (14_800, "KRW", "14800"),
        (5, "USD", "0.05"),
        (1_250, "USD", "12.50"),
        (1_234, "KWD", "1.234"),
        (0, "USD", "0.00"),
        (10**14, "USD", "1000000000000.00"),
    ],
)
def test_decimals_are_written_and_read_alike(
    amount: int, currency: str, text: str
) -> None:
    assert as_decimal(amount, currency) == text
    assert from_decimal(text, currency) == amount


def test_decimals_may_have_fewer_or_more_places() -> None:
    assert as_decimal(50_000, "TWD", places=0) == "500"
    assert as_decimal(500, "KRW", places=2) == "500.00"
    assert from_decimal("500.00", "KRW") == 500
    assert from_decimal("12.5", "USD") == 1_250


def test_amount_finer_than_the_places_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0 decimals"):
        as_decimal(50_001, "TWD", places=0)
    with pytest.raises(ValueError, match="finer than its currency"):
        from_decimal("0.5", "KRW")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        " 1",
        "1_000",
        "1,000",
        "1e3",
        "NaN",
        "Infinity",
        "1.",
        ".5",
        "\u0661",
        "9" * 16,
        5,
        5.0,
        None,
        True,
        ["5"],
    ],
)
def test_what_is_no_amount_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse(text)
