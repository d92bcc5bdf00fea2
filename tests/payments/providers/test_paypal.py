"""The PayPal adapter over HTTP."""

import time
from typing import Any

import pytest
from pytest_django import Settings

from payments.gateways import paypal
from payments.gateways.base import (
    GatewayAway,
    GatewayRefused,
    ProviderState,
    Sight,
)
from tests.payments.providers import paypal_server
from tests.payments.providers.at_paypal import approved as approved
from tests.payments.providers.at_paypal import captured as captured
from tests.payments.providers.at_paypal import gateway
from tests.payments.providers.at_paypal import order_id as order_id
from tests.payments.providers.at_paypal import server as server
from tests.payments.providers.conftest import KEY, Bill, sight
from tests.payments.providers.paypal_server import PayPalServer

OPEN, AUTHORISED, CAPTURED, FAILED, VOIDED = ProviderState
TOKEN = "/oauth2/token"


# --- Start


def test_start_opens_an_order_for_its_payer(server: PayPalServer, bill: Bill) -> None:
    started = gateway.start(bill())

    assert started.url == (
        f"https://www.paypal.com/checkoutnow?token={started.reference}"
    )
    token, call = server.calls
    assert token.path == "/v1/oauth2/token"
    assert call.headers["paypal-request-id"] == bill().call_key
    assert call.json() == {
        "intent": "AUTHORIZE",
        "purchase_units": [
            {
                "custom_id": KEY,
                "description": "Dojang 2026-000001",
                "amount": {"currency_code": "USD", "value": "125.00"},
            }
        ],
        "payment_source": {
            "paypal": {
                "experience_context": {
                    "return_url": "https://shop.example/orders/1/paid/?payment=1",
                    "cancel_url": "https://shop.example/orders/1/paid/?payment=1",
                    "brand_name": "Dojang",
                    "user_action": "PAY_NOW",
                    "shipping_preference": "NO_SHIPPING",
                    "locale": "ko-KR",
                }
            }
        },
    }


def test_start_repeated_finds_the_same_order(server: PayPalServer, bill: Bill) -> None:
    assert gateway.start(bill()) == gateway.start(bill())
    assert len(server.orders) == 1


def test_start_whose_answer_was_lost_is_found_by_the_repetition(
    server: PayPalServer, bill: Bill
) -> None:
    server.hang_next(path="/orders", is_done=True)
    with pytest.raises(GatewayAway):
        gateway.start(bill())

    started = gateway.start(bill())

    assert list(server.orders) == [started.reference]


@pytest.mark.parametrize("currency", ["KRW", "KWD", "RUB"])
def test_currency_that_paypal_does_not_take_is_refused(
    currency: str, server: PayPalServer, bill: Bill
) -> None:
    with pytest.raises(GatewayRefused, match=f"PayPal takes no {currency}"):
        gateway.start(bill(currency=currency))

    assert server.calls == []


@pytest.mark.parametrize(
    ("currency", "amount", "value"),
    [("USD", 5, "0.05"), ("JPY", 1_200, "1200"), ("TWD", 50_000, "500")],
)
def test_amounts_have_as_many_decimals_as_paypal_takes(
    currency: str, amount: int, value: str, server: PayPalServer, bill: Bill
) -> None:
    order_id = gateway.start(bill(amount=amount, currency=currency)).reference

    [unit] = server.orders[order_id]["purchase_units"]
    assert unit["amount"] == {"currency_code": currency, "value": value}
    assert gateway.look_up(order_id) == Sight(
        order_id, OPEN, amount, currency, "PAYER_ACTION_REQUIRED"
    )


def test_part_of_a_forint_is_refused(server: PayPalServer, bill: Bill) -> None:
    with pytest.raises(GatewayRefused, match="no part of one HUF"):
        gateway.start(bill(amount=1_050, currency="HUF"))


# --- The token


def test_token_is_asked_for_once(server: PayPalServer, order_id: str) -> None:
    gateway.look_up(order_id)
    gateway.look_up(order_id)

    assert len(server.calls_to(TOKEN)) == 1


def test_token_that_was_revoked_is_replaced(
    server: PayPalServer, order_id: str
) -> None:
    server.tokens.clear()

    assert gateway.look_up(order_id).state == OPEN
    assert len(server.calls_to(TOKEN)) == 2


def test_token_near_its_end_is_replaced(server: PayPalServer, order_id: str) -> None:
    account = (server.url, paypal_server.CLIENT_ID)
    token, until = paypal._tokens._tokens[account]
    assert 32_300 < until - time.monotonic() < 32_341  # a minute before its end
    paypal._tokens._tokens[account] = (token, time.monotonic())

    gateway.look_up(order_id)

    assert len(server.calls_to(TOKEN)) == 2


def test_wrong_secret_is_refused_without_its_words(
    server: PayPalServer, bill: Bill, settings: Settings
) -> None:
    settings.PAYPAL_CLIENT_SECRET = "EL-another"

    with pytest.raises(GatewayRefused) as error:
        gateway.start(bill())

    assert "EL-another" not in str(error.value)
    assert len(server.calls) == 2


# --- Looking up, and capture


def test_approved_order_is_ours_to_capture(approved: str) -> None:
    assert gateway.look_up(approved) == sight(approved, AUTHORISED)


def test_capture_authorises_and_takes_the_money(
    server: PayPalServer, approved: str, bill: Bill
) -> None:
    assert gateway.capture(approved, amount=12_500, key="k") == sight(
        approved, CAPTURED
    )

    [authorisation] = server.payments_of(approved)["authorizations"]
    assert authorisation["status"] == "CAPTURED"
    keys = [c.headers.get("paypal-request-id") for c in server.calls if c.body]
    assert keys == [None, bill().call_key, "k/authorize", "k/capture"]


def test_capture_repeated_takes_once(server: PayPalServer, approved: str) -> None:
    for key in ("k", "k", "other"):
        assert gateway.capture(approved, amount=12_500, key=key).state == CAPTURED

    assert len(server.calls_to("/authorize")) == 1
    assert len(server.calls_to("/capture")) == 1


@pytest.mark.parametrize("step", ["/authorize", "/capture"])
def test_capture_whose_answer_was_lost_is_found_by_the_repetition(
    step: str, server: PayPalServer, approved: str
) -> None:
    server.hang_next(path=step, is_done=True)
    with pytest.raises(GatewayAway):
        gateway.capture(approved, amount=12_500, key="k")

    assert gateway.capture(approved, amount=12_500, key="k") == sight(
        approved, CAPTURED
    )
    assert len(server.payments_of(approved)["captures"]) == 1


def test_capture_before_the_approval_takes_nothing(
    server: PayPalServer, order_id: str
) -> None:
    assert gateway.capture(order_id, amount=12_500, key="k") == sight(
        order_id, OPEN, "PAYER_ACTION_REQUIRED"
    )
    assert server.calls_to("/authorize") == []


def test_declined_money_has_failed(server: PayPalServer, approved: str) -> None:
    server.decline_with = "INSTRUMENT_DECLINED"

    assert gateway.capture(approved, amount=12_500, key="k") == sight(
        approved, FAILED, "INSTRUMENT_DECLINED"
    )
    assert server.payments_of(approved) == {}


def test_capture_that_is_refused_otherwise_raises(
    server: PayPalServer, approved: str
) -> None:
    server.decline_with = "PERMISSION_DENIED"

    with pytest.raises(GatewayRefused, match="PERMISSION_DENIED The instrument"):
        gateway.capture(approved, amount=12_500, key="k")


def test_capture_of_too_much_is_refused(server: PayPalServer, approved: str) -> None:
    with pytest.raises(GatewayRefused, match="MAX_CAPTURE_AMOUNT_EXCEEDED"):
        gateway.capture(approved, amount=12_501, key="k")

    assert gateway.look_up(approved) == sight(approved, AUTHORISED)


def test_capture_still_under_way_over_there_is_away(
    server: PayPalServer, approved: str
) -> None:
    problem = {
        "name": "UNPROCESSABLE_ENTITY",
        "details": [{"issue": "PREVIOUS_REQUEST_IN_PROGRESS"}],
    }
    server.fail_next(status=422, body=problem, path="/authorize")

    with pytest.raises(GatewayAway, match="still at the same request"):
        gateway.capture(approved, amount=12_500, key="k")


@pytest.mark.parametrize(
    ("status", "state"),
    [("EXPIRED", FAILED), ("DENIED", FAILED), ("VOIDED", VOIDED), ("PENDING", OPEN)],
)
def test_authorisation_that_is_not_ours_any_more_is_told(
    status: str, state: ProviderState, server: PayPalServer, approved: str
) -> None:
    server.hang_next(path="/capture")
    with pytest.raises(GatewayAway):
        gateway.capture(approved, amount=12_500, key="k")
    server.lapse(approved, status)

    found = gateway.look_up(approved)

    assert (found.state, found.amount) == (state, 12_500)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("COMPLETED", CAPTURED),
        ("PENDING", OPEN),
        ("DECLINED", FAILED),
        ("FAILED", FAILED),
        ("REFUNDED", CAPTURED),
        ("PARTIALLY_REFUNDED", CAPTURED),
    ],
)
def test_states_of_a_capture(
    status: str, state: ProviderState, server: PayPalServer, captured: str
) -> None:
    server.payments_of(captured)["captures"][0]["status"] = status

    assert gateway.look_up(captured).state == state


def test_unknown_order_is_refused(server: PayPalServer) -> None:
    with pytest.raises(GatewayRefused, match="INVALID_RESOURCE_ID"):
        gateway.look_up("../../v1/else")

    assert server.calls[-1].path == "/v2/checkout/orders/..%2F..%2Fv1%2Felse"


# --- Void


def test_void_of_what_was_never_authorised_needs_no_call(
    server: PayPalServer, approved: str
) -> None:
    assert gateway.void(approved, key="v") == sight(approved, VOIDED)
    assert server.calls_to("/void") == []


def test_void_lets_authorised_money_go(server: PayPalServer, approved: str) -> None:
    server.hang_next(path="/capture")
    with pytest.raises(GatewayAway):
        gateway.capture(approved, amount=12_500, key="k")

    assert gateway.void(approved, key="v") == sight(approved, VOIDED)
    assert gateway.void(approved, key="v") == sight(approved, VOIDED)
    assert server.payments_of(approved)["authorizations"][0]["status"] == "VOIDED"
    assert gateway.capture(approved, amount=12_500, key="k2").state == VOIDED


def test_void_after_the_capture_says_captured(
    server: PayPalServer, captured: str
) -> None:
    assert gateway.void(captured, key="v") == sight(captured, CAPTURED)
    assert server.calls_to("/void") == []


# --- Refund


def test_refund_in_parts_up_to_the_whole(server: PayPalServer, captured: str) -> None:
    gateway.refund(captured, amount=500, currency="USD", key="r1")
    gateway.refund(captured, amount=12_000, currency="USD", key="r2")

    values = [refund["amount"]["value"] for refund in server.refunds.values()]
    assert values == ["5.00", "120.00"]
    assert gateway.look_up(captured) == sight(captured, CAPTURED)


def test_refund_repeated_counts_once(server: PayPalServer, captured: str) -> None:
    server.hang_next(path="/refund", is_done=True)
    with pytest.raises(GatewayAway):
        gateway.refund(captured, amount=500, currency="USD", key="r")

    first = gateway.refund(captured, amount=500, currency="USD", key="r")

    assert gateway.refund(captured, amount=500, currency="USD", key="r") == first
    assert list(server.refunds) == [first.reference]


def test_refund_of_too_much_is_refused(server: PayPalServer, captured: str) -> None:
    with pytest.raises(GatewayRefused, match="REFUND_AMOUNT_EXCEEDED"):
        gateway.refund(captured, amount=12_501, currency="USD", key="r")

    assert server.refunds == {}


def test_refund_of_what_was_not_captured_is_refused(approved: str) -> None:
    with pytest.raises(GatewayRefused, match="captured nothing"):
        gateway.refund(approved, amount=1, currency="USD", key="r")


# --- Trouble


@pytest.mark.parametrize("path", [TOKEN, "/orders"])
@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_passing_trouble_is_away(
    path: str, status: int, server: PayPalServer, bill: Bill
) -> None:
    server.fail_next(status=status, path=path)

    with pytest.raises(GatewayAway):
        gateway.start(bill())

    assert server.orders == {}


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"details": 5}', b"\xff", b""])
def test_refusal_in_any_form_is_a_refusal(
    body: bytes, server: PayPalServer, order_id: str
) -> None:
    server.fail_next(status=400, body=body, path="/orders")

    with pytest.raises(GatewayRefused, match="400"):
        gateway.look_up(order_id)


@pytest.mark.parametrize("path", [TOKEN, "/orders"])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b"null", b'{"links": 5}', b"x" * 5_000_000],
    ids=["empty", "html", "list", "object", "null", "shape", "long"],
)
def test_garbage_is_away(
    path: str, body: bytes, server: PayPalServer, bill: Bill
) -> None:
    server.fail_next(status=200, body=body, path=path)

    with pytest.raises(GatewayAway):
        gateway.start(bill())


@pytest.mark.parametrize("path", [TOKEN, "/orders"])
@pytest.mark.parametrize("fault", ["hang_next", "drop_next", "drip_next"])
def test_silence_is_away(
    path: str, fault: str, server: PayPalServer, bill: Bill
) -> None:
    getattr(server, fault)(path=path)

    with pytest.raises(GatewayAway):
        gateway.start(bill())


def test_all_calls_of_a_capture_share_one_deadline(
    server: PayPalServer, approved: str, settings: Settings
) -> None:
    settings.PROVIDER_TIMEOUT = 0.6
    server.tokens.clear()
    work = server.answer

    def slowly(call: Any) -> Any:
        time.sleep(0.25)
        return work(call)

    server.answer = slowly  # type: ignore[method-assign]
    started = time.monotonic()

    with pytest.raises(GatewayAway):
        gateway.capture(approved, amount=12_500, key="k")

    assert time.monotonic() - started < 1
