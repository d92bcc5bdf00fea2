"""The Stripe adapter with Stripe's own library, over HTTP."""

from dataclasses import replace
from typing import Any

import pytest

from payments.gateways.base import (
    GatewayAway,
    GatewayRefused,
    ProviderState,
    Sight,
)
from payments.gateways.stripe import VERSION
from tests.payments.providers import stripe_server
from tests.payments.providers.at_stripe import captured as captured
from tests.payments.providers.at_stripe import gateway
from tests.payments.providers.at_stripe import paid as paid
from tests.payments.providers.at_stripe import server as server
from tests.payments.providers.at_stripe import session_id as session_id
from tests.payments.providers.conftest import KEY, Bill, sight
from tests.payments.providers.stripe_server import StripeServer, nested

OPEN, AUTHORISED, CAPTURED, FAILED, VOIDED = ProviderState


# --- Start


def test_start_opens_a_session_on_stripes_page(
    server: StripeServer, bill: Bill
) -> None:
    started = gateway.start(bill(email="a@example.com"))

    assert started.reference.startswith("cs_test_")
    assert started.url == f"https://checkout.stripe.com/c/pay/{started.reference}"
    [call] = server.calls
    assert call.headers["stripe-version"] == VERSION
    assert call.headers["idempotency-key"] == bill(email="a@example.com").call_key
    assert nested(call.body) == {
        "mode": "payment",
        "client_reference_id": KEY,
        "metadata": {"payment": KEY},
        "payment_intent_data": {
            "capture_method": "manual",
            "metadata": {"payment": KEY},
        },
        "line_items": {
            "0": {
                "quantity": "1",
                "price_data": {
                    "currency": "usd",
                    "unit_amount": "12500",
                    "product_data": {"name": "Dojang 2026-000001"},
                },
            }
        },
        "adaptive_pricing": {"enabled": "false"},
        "success_url": "https://shop.example/orders/1/paid/?payment=1",
        "cancel_url": "https://shop.example/orders/1/paid/?payment=1",
        "locale": "ko",
        "customer_email": "a@example.com",
    }


def test_start_repeated_finds_the_same_session(
    server: StripeServer, bill: Bill
) -> None:
    first = gateway.start(bill())

    assert gateway.start(bill()) == first
    assert len(server.sessions) == 1


def test_start_whose_answer_was_lost_is_found_by_the_repetition(
    server: StripeServer, bill: Bill
) -> None:
    server.hang_next(is_done=True)
    with pytest.raises(GatewayAway):
        gateway.start(bill())

    started = gateway.start(bill())

    assert list(server.sessions) == [started.reference]


def test_start_asked_again_with_other_words_is_another_call(bill: Bill) -> None:
    other = replace(bill(), language="en")

    assert bill().call_key == bill().call_key
    assert other.call_key != bill().call_key
    assert bill(amount=1).call_key == bill().call_key


def test_key_used_for_another_amount_is_refused(
    server: StripeServer, bill: Bill
) -> None:
    gateway.start(bill())

    with pytest.raises(GatewayRefused, match="IdempotencyError"):
        gateway.start(bill(amount=1))

    assert len(server.sessions) == 1


# --- Looking up


def test_open_session_without_intent_is_open(session_id: str) -> None:
    assert gateway.look_up(session_id) == sight(session_id, OPEN)


def test_declined_card_leaves_the_payment_open(
    server: StripeServer, session_id: str
) -> None:
    server.decline(session_id)

    assert gateway.look_up(session_id) == sight(
        session_id, OPEN, "Your card was declined."
    )


def test_paid_session_is_authorised(paid: str) -> None:
    assert gateway.look_up(paid) == sight(paid, AUTHORISED)


def test_expired_session_has_failed(server: StripeServer, session_id: str) -> None:
    server.decline(session_id)
    server.let_expire(session_id)

    assert gateway.look_up(session_id) == sight(
        session_id, FAILED, "the session has expired"
    )


def test_hold_that_ran_out_has_failed(server: StripeServer, paid: str) -> None:
    server.lapse(server.intent_of(paid)["id"])

    assert gateway.look_up(paid) == sight(paid, FAILED, "automatic")


def test_intent_is_a_reference_as_well(server: StripeServer, paid: str) -> None:
    intent_id = server.intent_of(paid)["id"]

    assert gateway.look_up(intent_id) == sight(intent_id, AUTHORISED)
    assert gateway.capture(intent_id, amount=12_500, key="c") == sight(
        intent_id, CAPTURED
    )
    assert gateway.refund(intent_id, amount=1, currency="USD", key="r").reference


def test_unknown_reference_is_refused(server: StripeServer) -> None:
    with pytest.raises(GatewayRefused, match="No such object"):
        gateway.look_up("cs_test_unknown")


# --- Capture


def test_capture_takes_the_held_money(server: StripeServer, paid: str) -> None:
    assert gateway.capture(paid, amount=12_500, key="k") == sight(paid, CAPTURED)

    [call] = server.calls_to("/capture")
    assert call.headers["idempotency-key"] == "k/capture"
    assert server.intent_of(paid)["amount_received"] == 12_500
    assert gateway.look_up(paid) == sight(paid, CAPTURED)


def test_capture_repeated_takes_once(server: StripeServer, paid: str) -> None:
    for key in ("k", "k", "other"):
        assert gateway.capture(paid, amount=12_500, key=key) == sight(paid, CAPTURED)

    assert len(server.calls_to("/capture")) == 1


def test_capture_whose_answer_was_lost_is_found_by_the_repetition(
    server: StripeServer, paid: str
) -> None:
    server.hang_next(path="/capture", is_done=True)
    with pytest.raises(GatewayAway):
        gateway.capture(paid, amount=12_500, key="k")

    assert gateway.capture(paid, amount=12_500, key="k") == sight(paid, CAPTURED)
    assert len(server.calls_to("/capture")) == 1


def test_capture_before_the_payer_paid_takes_nothing(
    server: StripeServer, session_id: str
) -> None:
    assert gateway.capture(session_id, amount=12_500, key="k") == sight(
        session_id, OPEN
    )
    assert server.calls_to("/capture") == []


def test_capture_of_more_than_is_held_is_refused(
    server: StripeServer, paid: str
) -> None:
    with pytest.raises(GatewayRefused, match="greater than"):
        gateway.capture(paid, amount=12_501, key="k")

    assert server.intent_of(paid)["status"] == "requires_capture"


# --- Void


def test_void_expires_an_open_session(server: StripeServer, session_id: str) -> None:
    assert gateway.void(session_id, key="v") == sight(session_id, VOIDED)

    assert server.sessions[session_id]["status"] == "expired"


def test_void_lets_held_money_go(server: StripeServer, paid: str) -> None:
    assert gateway.void(paid, key="v") == sight(paid, VOIDED)
    assert gateway.void(paid, key="v") == sight(paid, VOIDED, "requested_by_customer")

    assert server.intent_of(paid)["status"] == "canceled"
    with pytest.raises(GatewayRefused, match="Refund amount"):
        gateway.refund(paid, amount=1, currency="USD", key="r")


def test_void_after_the_capture_says_captured(
    server: StripeServer, captured: str
) -> None:
    assert gateway.void(captured, key="v") == sight(captured, CAPTURED)
    assert server.calls_to("/cancel") == []


def test_void_while_the_payer_pays_lets_the_held_money_go(
    server: StripeServer, session_id: str
) -> None:
    # Between our look and the expiry: the payer was quicker.
    words = {"error": {"type": "invalid_request_error", "message": "not open"}}
    server.fail_next(status=400, body=words, path="/expire")
    work = server.answer

    def pay_before_the_expiry(call: Any) -> Any:
        answer = work(call)
        if call.method == "GET" and server.sessions[session_id]["status"] == "open":
            server.pay(session_id)
        return answer

    server.answer = pay_before_the_expiry  # type: ignore[method-assign]

    assert gateway.void(session_id, key="v") == sight(session_id, VOIDED)
    assert server.intent_of(session_id)["status"] == "canceled"


# --- Refund


def test_refund_in_parts_up_to_the_whole(server: StripeServer, captured: str) -> None:
    part = gateway.refund(captured, amount=500, currency="USD", key="r1")
    rest = gateway.refund(captured, amount=12_000, currency="USD", key="r2")

    assert part != rest
    assert [r["amount"] for r in server.refunds.values()] == [500, 12_000]


def test_refund_of_too_much_is_refused(server: StripeServer, captured: str) -> None:
    gateway.refund(captured, amount=500, currency="USD", key="r1")

    with pytest.raises(GatewayRefused, match="greater than unrefunded"):
        gateway.refund(captured, amount=12_001, currency="USD", key="r2")

    assert len(server.refunds) == 1


def test_refund_repeated_counts_once_however_late(
    server: StripeServer, captured: str
) -> None:
    first = gateway.refund(captured, amount=500, currency="USD", key="r")
    server.replays.clear()  # as Stripe does after a day

    assert gateway.refund(captured, amount=500, currency="USD", key="r") == first
    assert len(server.refunds) == 1


def test_refund_whose_answer_was_lost_is_found_by_the_repetition(
    server: StripeServer, captured: str
) -> None:
    server.drop_next(path="/refunds", times=1)
    with pytest.raises(GatewayAway):
        gateway.refund(captured, amount=500, currency="USD", key="r")
    assert server.refunds == {}
    server.fail_next(status=200, body={"object": "list", "data": []}, path="/refunds")
    server.hang_next(path="/refunds", is_done=True)
    with pytest.raises(GatewayAway):
        gateway.refund(captured, amount=500, currency="USD", key="r")

    returned = gateway.refund(captured, amount=500, currency="USD", key="r")

    assert list(server.refunds) == [returned.reference]


def test_refund_of_an_unpaid_session_is_refused(session_id: str) -> None:
    with pytest.raises(GatewayRefused, match="Nobody has paid"):
        gateway.refund(session_id, amount=1, currency="USD", key="r")


def test_refund_that_failed_is_refused(server: StripeServer, captured: str) -> None:
    gateway.refund(captured, amount=500, currency="USD", key="r")
    [refund] = server.refunds.values()
    refund["status"] = "failed"

    with pytest.raises(GatewayRefused, match="has failed"):
        gateway.refund(captured, amount=500, currency="USD", key="r")


# --- Trouble


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_passing_trouble_is_away(status: int, server: StripeServer, paid: str) -> None:
    error = {"error": {"type": "api_error", "message": "Try again."}}
    server.fail_next(status=status, body=error)

    with pytest.raises(GatewayAway):
        gateway.look_up(paid)

    assert len(server.calls) == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_other_refusals_have_stripes_words(
    status: int, server: StripeServer, paid: str
) -> None:
    error = {"error": {"type": "invalid_request_error", "message": "Because."}}
    server.fail_next(status=status, body=error)

    with pytest.raises(GatewayRefused, match=rf"{status} .*Because\."):
        gateway.look_up(paid)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'"x"', b"null", b"x" * 5_000_000, b"\xff"],
    ids=["empty", "html", "list", "object", "text", "null", "long", "bytes"],
)
def test_garbage_is_away(body: bytes, server: StripeServer, paid: str) -> None:
    server.fail_next(status=200, body=body)

    with pytest.raises(GatewayAway):
        gateway.look_up(paid)


@pytest.mark.parametrize("fault", ["hang_next", "drop_next", "drip_next"])
def test_silence_is_away(fault: str, server: StripeServer, paid: str) -> None:
    getattr(server, fault)()

    with pytest.raises(GatewayAway):
        gateway.look_up(paid)


def test_secret_key_is_in_no_error(server: StripeServer, paid: str) -> None:
    server.drop_next()

    with pytest.raises(GatewayAway) as error:
        gateway.look_up(paid)

    assert stripe_server.SECRET_KEY not in str(error.value)


# --- Currencies


@pytest.mark.parametrize(
    ("currency", "amount", "theirs"),
    [
        ("KRW", 14_800, 14_800),
        ("USD", 1_250, 1_250),
        ("KWD", 1_230, 1_230),
        # Ours have no decimals, Stripe's have two.
        ("ISK", 500, 50_000),
    ],
)
def test_amounts_are_in_stripes_units_and_come_back_in_ours(
    currency: str, amount: int, theirs: int, server: StripeServer, bill: Bill
) -> None:
    reference = gateway.start(bill(amount=amount, currency=currency)).reference
    assert server.sessions[reference]["amount_total"] == theirs
    server.pay(reference)

    taken = gateway.capture(reference, amount=amount, key="k")

    assert taken == Sight(reference, CAPTURED, amount, currency)
    assert server.intent_of(reference)["amount_received"] == theirs


@pytest.mark.parametrize(("currency", "amount"), [("KWD", 1_234), ("UGX", 500)])
def test_amount_that_stripe_cannot_take_is_refused(
    currency: str, amount: int, server: StripeServer, bill: Bill
) -> None:
    with pytest.raises(GatewayRefused, match=currency):
        gateway.start(bill(amount=amount, currency=currency))

    assert server.calls == []
