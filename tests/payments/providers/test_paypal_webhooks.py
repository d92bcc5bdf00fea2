"""Webhooks of PayPal: who may send them, and what they say."""

import json
from typing import Any

import pytest
from pytest_django import Settings

from payments.gateways.base import (
    GatewayAway,
    Notice,
    ProviderState,
    WebhookInvalid,
)
from tests.payments.providers.at_paypal import approved as approved
from tests.payments.providers.at_paypal import captured as captured
from tests.payments.providers.at_paypal import gateway
from tests.payments.providers.at_paypal import order_id as order_id
from tests.payments.providers.at_paypal import server as server
from tests.payments.providers.conftest import KEY, sight
from tests.payments.providers.paypal_server import PayPalServer, signed

OPEN, AUTHORISED, CAPTURED, FAILED, VOIDED = ProviderState
TOKEN = "/oauth2/token"


def test_webhook_of_an_approval_is_ours_to_capture(
    server: PayPalServer, approved: str
) -> None:
    headers, body = server.webhook(
        "CHECKOUT.ORDER.APPROVED", server.orders[approved], event_id="WH-1"
    )

    assert gateway.read_webhook(headers, body) == [
        Notice("WH-1", "CHECKOUT.ORDER.APPROVED", sight(approved, AUTHORISED), KEY)
    ]
    assert server.seen_webhooks == [body]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("COMPLETED", CAPTURED),
        ("PENDING", OPEN),
        ("DENIED", FAILED),
        ("DECLINED", FAILED),
    ],
)
def test_webhooks_of_a_capture(
    kind: str, state: ProviderState, server: PayPalServer, captured: str
) -> None:
    resource = server.resource(captured, "captures")
    message = server.webhook(f"PAYMENT.CAPTURE.{kind}", resource)

    [notice] = gateway.read_webhook(*message)

    reason = "" if state == CAPTURED else "COMPLETED"
    assert (notice.sight, notice.key) == (sight(captured, state, reason), KEY)


@pytest.mark.parametrize(
    ("kind", "state"), [("CREATED", AUTHORISED), ("VOIDED", VOIDED)]
)
def test_webhooks_of_an_authorisation(
    kind: str, state: ProviderState, server: PayPalServer, captured: str
) -> None:
    resource = server.resource(captured, "authorizations")
    message = server.webhook(f"PAYMENT.AUTHORIZATION.{kind}", resource)

    [notice] = gateway.read_webhook(*message)

    assert (notice.sight, notice.key) == (sight(captured, state), KEY)


def test_webhook_without_the_order_is_known_by_our_key(
    server: PayPalServer, captured: str
) -> None:
    resource = server.payments_of(captured)["captures"][0]
    message = server.webhook("PAYMENT.CAPTURE.COMPLETED", resource)

    [notice] = gateway.read_webhook(*message)

    assert (notice.sight, notice.key) == (sight("", CAPTURED), KEY)


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("CUSTOMER.DISPUTE.CREATED", {"dispute_id": "PP-D-1"}),
        # Another shop's, in the form of the API before.
        ("PAYMENT.CAPTURE.COMPLETED", {"amount": {"total": "5.0", "currency": "EUR"}}),
        ("CHECKOUT.ORDER.APPROVED", {"id": "1", "purchase_units": [{}, {}]}),
    ],
)
def test_other_webhooks_say_nothing(
    kind: str, resource: dict[str, Any], server: PayPalServer
) -> None:
    message = server.webhook(kind, resource, event_id="WH-2")

    assert gateway.read_webhook(*message) == [Notice("WH-2", kind, None)]


EVENT = json.dumps({"id": "WH-3", "event_type": "A", "resource": {}}).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        *({k: v for k, v in signed().items() if k != name} for name in signed()),
        signed(transmission_sig="forged"),
        signed(transmission_id="another"),
        signed(cert_url="https://evil.example/cert"),
    ],
)
def test_forged_webhook_is_invalid(
    headers: dict[str, str], server: PayPalServer
) -> None:
    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(headers, EVENT)


def test_webhook_of_another_account_is_invalid(
    server: PayPalServer, settings: Settings
) -> None:
    settings.PAYPAL_WEBHOOK_ID = "another"

    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(signed(), EVENT)


def test_without_a_webhook_id_every_webhook_is_invalid(
    server: PayPalServer, settings: Settings
) -> None:
    settings.PAYPAL_WEBHOOK_ID = ""

    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(signed(), EVENT)
    assert server.calls == []


def test_webhook_that_paypal_refuses_to_check_is_invalid(server: PayPalServer) -> None:
    server.fail_next(status=400, path="/verify-webhook-signature")

    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(signed(), EVENT)


def test_webhook_waits_for_a_paypal_that_is_away(server: PayPalServer) -> None:
    server.fail_next(status=503, path="/verify-webhook-signature")

    with pytest.raises(GatewayAway):
        gateway.read_webhook(signed(), EVENT)


CAPTURE = (
    '{"id": "e", "event_type": "PAYMENT.CAPTURE.COMPLETED", "resource":'
    ' {"custom_id": "k", "amount": %s}}'
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"{",
        b'{}, "verification": {}',
        b"\xff\xfe",
        b'{"id": 1, "event_type": "A", "resource": {}}',
        b'{"id": "e", "event_type": [], "resource": {}}',
        b'{"id": "e", "event_type": "A", "resource": []}',
        b'{"id": "e", "event_type": "A", "resource": {"custom_id": {}, "a": 1}, "b":',
        b'{"id": "e", "event_type": "A", "resource": {"purchase_units": {"a": 1}}}',
        b'{"id": "e", "event_type": "A", "resource": {"custom_id": 7}}',
        *(
            (CAPTURE % amount).encode()
            for amount in (
                "null",
                "5",
                '{"currency_code": "USD"}',
                '{"currency_code": "USD", "value": 5}',
                '{"currency_code": "USD", "value": "-5.00"}',
                '{"currency_code": "USD", "value": "1e9"}',
                '{"currency_code": "USD", "value": "NaN"}',
                '{"currency_code": "USD", "value": "0.001"}',
                '{"currency_code": 5, "value": "5"}',
            )
        ),
        b'{"id": "e\\u0000", "event_type": "A", "resource": {}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_malformed_webhook_is_invalid(body: bytes, server: PayPalServer) -> None:
    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(signed(), body)

    assert server.calls == []
