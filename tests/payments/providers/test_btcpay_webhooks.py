"""Webhooks of BTCPay: who may send them, and what they say."""

import json
from typing import Any

import pytest
from pytest_django import Settings

from payments.gateways.base import (
    GatewayAway,
    Notice,
    ProviderState,
    Sight,
    WebhookInvalid,
)
from tests.payments.providers.at_btcpay import gateway
from tests.payments.providers.at_btcpay import invoice_id as invoice_id
from tests.payments.providers.at_btcpay import paid as paid
from tests.payments.providers.at_btcpay import server as server
from tests.payments.providers.btcpay_server import BTCPayServer, sign
from tests.payments.providers.conftest import KEY, sight

OPEN, _, CAPTURED, FAILED, VOIDED = ProviderState


@pytest.mark.parametrize(
    "kind", ["InvoiceSettled", "InvoiceReceivedPayment", "InvoicePaymentSettled"]
)
def test_webhook_of_a_paid_invoice_says_captured(
    kind: str, server: BTCPayServer, paid: str
) -> None:
    message = server.webhook(kind, paid, delivery_id="d1")

    assert gateway.read_webhook(*message) == [
        Notice("d1", kind, sight(paid, CAPTURED), KEY)
    ]


def test_webhooks_say_how_the_invoice_stands_now(
    server: BTCPayServer, invoice_id: str
) -> None:
    def told(kind: str) -> Sight | None:
        [notice] = gateway.read_webhook(*server.webhook(kind, invoice_id))
        return notice.sight

    assert told("InvoiceCreated") == sight(invoice_id, OPEN)
    server.receive(invoice_id)
    assert told("InvoiceProcessing") == sight(invoice_id, OPEN, "unconfirmed")
    server.lose(invoice_id)
    assert told("InvoiceInvalid") == sight(invoice_id, FAILED, "invalid")
    server.let_expire(invoice_id)
    assert told("InvoiceExpired") == sight(invoice_id, FAILED, "expired")


def test_redelivery_is_the_same_event(server: BTCPayServer, paid: str) -> None:
    message = server.webhook(
        "InvoiceSettled", paid, deliveryId="d2", originalDeliveryId="d1"
    )

    [notice] = gateway.read_webhook(*message)

    assert notice.event_id == "d1"


@pytest.mark.parametrize(
    "more",
    [
        {"invoiceId": "__test__0000"},
        {"storeId": "another"},
        {"type": "PayoutApproved"},
        {"invoiceId": None},
    ],
)
def test_other_webhooks_say_nothing(
    more: dict[str, Any], server: BTCPayServer, paid: str
) -> None:
    headers, body = server.webhook("InvoiceSettled", paid, delivery_id="d", **more)

    [notice] = gateway.read_webhook(headers, body)

    assert (notice.event_id, notice.sight, notice.key) == ("d", None, "")


def test_webhook_waits_for_a_server_that_is_away(
    server: BTCPayServer, paid: str
) -> None:
    message = server.webhook("InvoiceSettled", paid)
    server.fail_next(status=503)

    with pytest.raises(GatewayAway):
        gateway.read_webhook(*message)


EVENT = json.dumps({"deliveryId": "d", "type": "InvoiceSettled"}).encode()
GOOD = sign(EVENT)["btcpay-sig"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"btcpay-sig": ""},
        {"btcpay-sig": "sha256="},
        {"btcpay-sig": GOOD.removeprefix("sha256=")},
        {"btcpay-sig": GOOD[:-1]},
        {"btcpay-sig": GOOD.upper()},
        {"btcpay-sig": "sha256=é"},
        sign(EVENT, secret="another"),
        sign(EVENT + b" "),
    ],
)
def test_forged_webhook_is_invalid(
    headers: dict[str, str], server: BTCPayServer
) -> None:
    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(headers, EVENT)

    assert server.calls == []


def test_without_a_secret_every_webhook_is_invalid(
    server: BTCPayServer, settings: Settings
) -> None:
    settings.BTCPAY_WEBHOOK_SECRET = ""

    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(sign(EVENT, secret=""), EVENT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"{",
        b"\xff\xfe",
        b'{"deliveryId": "d"}',
        b'{"deliveryId": 5, "type": "InvoiceSettled"}',
        b'{"deliveryId": "d", "type": []}',
        b'{"deliveryId": "d", "type": "InvoiceSettled", "invoiceId": {"a": 1}}',
        b'{"deliveryId": "d", "type": "InvoiceSettled", "storeId": 5}',
        b'{"deliveryId": "d\\u0000", "type": "InvoiceSettled"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_malformed_webhook_is_invalid(body: bytes, server: BTCPayServer) -> None:
    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(sign(body), body)

    assert server.calls == []
