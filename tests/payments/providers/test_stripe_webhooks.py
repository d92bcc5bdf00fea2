"""Webhooks of Stripe: who may send them, and what they say."""

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
from tests.payments.providers.at_stripe import captured as captured
from tests.payments.providers.at_stripe import gateway
from tests.payments.providers.at_stripe import paid as paid
from tests.payments.providers.at_stripe import server as server
from tests.payments.providers.at_stripe import session_id as session_id
from tests.payments.providers.conftest import KEY, sight
from tests.payments.providers.stripe_server import StripeServer, sign

OPEN, AUTHORISED, CAPTURED, FAILED, VOIDED = ProviderState


def test_webhook_of_a_paid_session_says_authorised(
    server: StripeServer, paid: str
) -> None:
    headers, body = server.webhook(
        "checkout.session.completed", server.sessions[paid], event_id="evt_1"
    )

    assert gateway.read_webhook(headers, body) == [
        Notice("evt_1", "checkout.session.completed", sight(paid, AUTHORISED), KEY)
    ]


def test_webhook_of_an_expired_session_says_failed(
    server: StripeServer, session_id: str
) -> None:
    server.let_expire(session_id)
    message = server.webhook("checkout.session.expired", server.sessions[session_id])

    [notice] = gateway.read_webhook(*message)

    assert notice.sight == sight(session_id, FAILED, "the session has expired")
    assert notice.key == KEY


def test_webhooks_of_an_intent_tell_its_life(server: StripeServer, paid: str) -> None:
    intent = server.intent_of(paid)

    def told(kind: str, **changes: Any) -> Sight | None:
        message = server.webhook(f"payment_intent.{kind}", intent | changes)
        [notice] = gateway.read_webhook(*message)
        assert notice.key == KEY
        return notice.sight

    name = intent["id"]
    assert told("amount_capturable_updated") == sight(name, AUTHORISED)
    assert told("succeeded", status="succeeded", amount_received=12_500) == sight(
        name, CAPTURED
    )
    assert told(
        "payment_failed",
        status="requires_payment_method",
        last_payment_error={"message": "No."},
    ) == sight(name, OPEN, "No.")
    assert told(
        "canceled", status="canceled", cancellation_reason="requested_by_customer"
    ) == sight(name, VOIDED, "requested_by_customer")
    assert told("canceled", status="canceled", cancellation_reason="expired") == sight(
        name, FAILED, "expired"
    )


def test_other_webhooks_say_nothing(server: StripeServer) -> None:
    message = server.webhook("customer.created", {"id": "cus_1"}, event_id="evt_2")

    assert gateway.read_webhook(*message) == [Notice("evt_2", "customer.created", None)]


def test_webhook_of_somebody_elses_session_says_nothing(server: StripeServer) -> None:
    theirs = {"id": "cs_theirs", "status": "complete", "metadata": None}
    message = server.webhook("checkout.session.completed", theirs)

    [notice] = gateway.read_webhook(*message)

    assert (notice.sight, notice.key) == (None, "")
    assert server.calls == []


def test_webhook_waits_for_a_stripe_that_is_away(
    server: StripeServer, paid: str
) -> None:
    message = server.webhook("checkout.session.completed", server.sessions[paid])
    server.fail_next(status=500)

    with pytest.raises(GatewayAway):
        gateway.read_webhook(*message)


EVENT = json.dumps({"id": "evt_1", "type": "a", "data": {"object": {}}}).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"stripe-signature": ""},
        {"stripe-signature": "t=x,v1=y"},
        {"stripe-signature": f"t={'9' * 5000},v1=y"},
        {"stripe-signature": "t=1,v1=é"},
        {"stripe-signature": "v1=abc"},
        sign(EVENT, secret="whsec_another"),
        sign(EVENT, age=301),
        sign(EVENT + b" "),
        {"stripe-signature": sign(EVENT)["stripe-signature"].replace("v1", "v0")},
    ],
)
def test_forged_or_old_webhook_is_invalid(
    headers: dict[str, str], server: StripeServer
) -> None:
    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(headers, EVENT)


def test_signature_is_good_for_minutes(server: StripeServer) -> None:
    assert len(gateway.read_webhook(sign(EVENT, age=290), EVENT)) == 1


@pytest.mark.parametrize("secret", ["", "  "])
def test_without_a_secret_every_webhook_is_invalid(
    secret: str, server: StripeServer, settings: Settings
) -> None:
    settings.STRIPE_WEBHOOK_SECRET = secret

    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(sign(EVENT, secret=secret), EVENT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b"{",
        b'{"id": 1, "type": "a", "data": {"object": {}}}',
        b'{"id": "e", "type": 7, "data": {"object": {}}}',
        b'{"id": "e", "type": "a", "data": []}',
        b'{"id": "e", "type": "a", "data": {"object": []}}',
        b'{"id": "e", "type": "a", "data": {"object": {"metadata": [1]}}}',
        b'{"id": "e", "type": "a", "data": {"object": {"metadata": {"payment": 1}}}}',
        b'{"id": "e", "type": "payment_intent.succeeded", "data": {"object": {}}}',
        b'{"id": "e", "type": "payment_intent.succeeded", "data": {"object": {"id":'
        b' "pi", "status": "succeeded", "currency": "usd", "amount_received": "9"}}}',
        b'{"id": "e", "type": "payment_intent.succeeded", "data": {"object": {"id":'
        b' "pi", "status": [], "currency": "usd", "amount_received": 9}}}',
        b'{"id": "e", "type": "payment_intent.succeeded", "data": {"object": {"id":'
        b' "pi", "status": "succeeded", "currency": 5, "amount_received": 9}}}',
        b'{"id": "e", "type": "payment_intent.succeeded", "data": {"object": {"id":'
        b' "pi", "status": "succeeded", "currency": "usd", "amount_received": -9}}}',
        b'{"id": "e\\u0000", "type": "a", "data": {"object": {}}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_malformed_webhook_is_invalid(body: bytes, server: StripeServer) -> None:
    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(sign(body), body)


def test_webhook_that_is_no_text_is_invalid(server: StripeServer) -> None:
    with pytest.raises(WebhookInvalid):
        gateway.read_webhook(sign(b"{}"), b"\xff\xfe{}")
