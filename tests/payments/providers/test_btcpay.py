"""The BTCPay adapter over HTTP."""

import json
from typing import Any

import pytest

from payments.gateways.base import (
    GatewayAway,
    GatewayRefused,
    ProviderState,
    Sight,
)
from tests.payments.providers.at_btcpay import gateway
from tests.payments.providers.at_btcpay import invoice_id as invoice_id
from tests.payments.providers.at_btcpay import paid as paid
from tests.payments.providers.at_btcpay import server as server
from tests.payments.providers.btcpay_server import STORE_ID, BTCPayServer
from tests.payments.providers.conftest import KEY, Bill, sight
from tests.servers import Answer

OPEN, _, CAPTURED, FAILED, VOIDED = ProviderState


# --- Start


def test_start_makes_an_invoice(server: BTCPayServer, bill: Bill) -> None:
    started = gateway.start(bill(email="a@example.com"))

    assert started.url == f"{server.url}/i/{started.reference}"
    [made] = server.calls_to("/invoices", method="POST")
    assert made.path == f"/api/v1/stores/{STORE_ID}/invoices"
    assert made.json() == {
        "amount": "125.00",
        "currency": "USD",
        "metadata": {
            "orderId": KEY,
            "itemDesc": "Dojang 2026-000001",
            "buyerEmail": "a@example.com",
        },
        "checkout": {
            "redirectURL": "https://shop.example/orders/1/paid/?payment=1",
            "redirectAutomatically": True,
            "defaultLanguage": "ko",
            "expirationMinutes": 20,
        },
    }


def test_start_repeated_finds_the_same_invoice(
    server: BTCPayServer, bill: Bill
) -> None:
    assert gateway.start(bill()) == gateway.start(bill())
    assert len(server.invoices) == 1


@pytest.mark.parametrize("fault", ["hang_next", "drop_next"])
def test_start_whose_answer_was_lost_is_found_by_the_repetition(
    fault: str, server: BTCPayServer, bill: Bill
) -> None:
    server.fail_next(status=200, body=[], path="/invoices")
    getattr(server, fault)(path="/invoices", is_done=True)
    with pytest.raises(GatewayAway):
        gateway.start(bill())

    started = gateway.start(bill())

    assert list(server.invoices) == [started.reference]


def test_of_two_invoices_made_at_once_both_take_the_first(
    server: BTCPayServer, invoice_id: str, bill: Bill
) -> None:
    # Looked before the other was made.
    server.fail_next(status=200, body=[], path="/invoices")

    started = gateway.start(bill())

    assert len(server.invoices) == 2
    assert started.reference == invoice_id


def test_key_used_for_another_amount_is_refused(
    server: BTCPayServer, invoice_id: str, bill: Bill
) -> None:
    with pytest.raises(GatewayRefused, match="another amount"):
        gateway.start(bill(amount=1))

    assert len(server.invoices) == 1


@pytest.mark.parametrize(
    ("currency", "amount", "text"),
    [("KRW", 14_800, "14800"), ("USD", 5, "0.05"), ("KWD", 1_234, "1.234")],
)
def test_amounts_have_the_decimals_of_their_currency(
    currency: str, amount: int, text: str, server: BTCPayServer, bill: Bill
) -> None:
    reference = gateway.start(bill(amount=amount, currency=currency)).reference
    assert server.invoices[reference]["amount"] == text

    server.pay(reference)

    assert gateway.look_up(reference) == Sight(reference, CAPTURED, amount, currency)


# --- How an invoice stands


def test_coins_count_once_they_are_confirmed(
    server: BTCPayServer, invoice_id: str
) -> None:
    assert gateway.look_up(invoice_id) == sight(invoice_id, OPEN)
    server.receive(invoice_id)
    assert gateway.look_up(invoice_id) == sight(invoice_id, OPEN, "unconfirmed")
    server.confirm(invoice_id)
    assert gateway.look_up(invoice_id) == sight(invoice_id, CAPTURED)


def test_capture_says_what_is_so(server: BTCPayServer, invoice_id: str) -> None:
    assert gateway.capture(invoice_id, amount=12_500, key="k").state == OPEN
    server.pay(invoice_id)
    assert gateway.capture(invoice_id, amount=12_500, key="k") == sight(
        invoice_id, CAPTURED
    )


def test_overpaid_invoice_has_what_came(server: BTCPayServer, invoice_id: str) -> None:
    server.pay(invoice_id, "150.00")

    assert gateway.look_up(invoice_id) == sight(invoice_id, CAPTURED, amount=15_000)


@pytest.mark.parametrize("came", ["124.99", "125.004", "125.11999999"])
def test_what_the_rate_rounds_away_is_as_asked(
    came: str, server: BTCPayServer, invoice_id: str
) -> None:
    server.let_expire(invoice_id)
    server.pay(invoice_id, came)

    assert gateway.look_up(invoice_id).amount == 12_500


def test_unpaid_invoice_that_expired_has_failed(
    server: BTCPayServer, invoice_id: str
) -> None:
    server.let_expire(invoice_id)

    assert gateway.look_up(invoice_id) == sight(invoice_id, FAILED, "expired")


def test_late_coins_are_told_once_confirmed(
    server: BTCPayServer, invoice_id: str
) -> None:
    server.let_expire(invoice_id)
    server.receive(invoice_id)
    assert gateway.look_up(invoice_id) == sight(invoice_id, OPEN, "unconfirmed")
    server.confirm(invoice_id)
    assert gateway.look_up(invoice_id) == sight(invoice_id, CAPTURED, "PaidLate")


def test_part_that_came_before_the_end_is_told(
    server: BTCPayServer, invoice_id: str
) -> None:
    server.pay(invoice_id, "100.00")
    assert gateway.look_up(invoice_id) == sight(invoice_id, OPEN)

    server.let_expire(invoice_id)

    assert gateway.look_up(invoice_id) == sight(
        invoice_id, CAPTURED, "PaidPartial", amount=10_000
    )


def test_coins_that_were_never_confirmed_have_failed(
    server: BTCPayServer, invoice_id: str
) -> None:
    server.receive(invoice_id)
    server.lose(invoice_id)

    assert gateway.look_up(invoice_id) == sight(invoice_id, FAILED, "invalid")


def test_invoice_that_the_staff_settled_is_paid(
    server: BTCPayServer, invoice_id: str
) -> None:
    server.mark(invoice_id, "Settled")

    assert gateway.look_up(invoice_id) == sight(invoice_id, CAPTURED)


def test_unknown_invoice_is_refused(server: BTCPayServer) -> None:
    with pytest.raises(GatewayRefused, match="The invoice was not found"):
        gateway.look_up("un/known")

    assert server.calls[0].path.endswith("/invoices/un%2Fknown")


# --- Void


def test_void_makes_an_unpaid_invoice_invalid(
    server: BTCPayServer, invoice_id: str
) -> None:
    assert gateway.void(invoice_id, key="v") == sight(invoice_id, VOIDED)
    assert gateway.void(invoice_id, key="v") == sight(invoice_id, VOIDED)

    assert server.invoices[invoice_id]["status"] == "Invalid"
    assert len(server.calls_to("/status")) == 1


def test_void_does_not_stop_coins_that_are_under_way(
    server: BTCPayServer, invoice_id: str
) -> None:
    server.receive(invoice_id)

    assert gateway.void(invoice_id, key="v") == sight(invoice_id, OPEN, "unconfirmed")
    assert server.invoices[invoice_id]["status"] == "Processing"


def test_void_of_a_paid_invoice_says_captured(server: BTCPayServer, paid: str) -> None:
    assert gateway.void(paid, key="v") == sight(paid, CAPTURED)
    assert server.calls_to("/status") == []


def test_void_tells_of_a_part_that_came(server: BTCPayServer, invoice_id: str) -> None:
    server.pay(invoice_id, "20.00")

    assert gateway.void(invoice_id, key="v") == sight(
        invoice_id, CAPTURED, "Marked", amount=2_000
    )


def test_void_that_comes_too_late_says_what_is_so(
    server: BTCPayServer, invoice_id: str
) -> None:
    server.fail_next(status=422, path="/status")
    work = server.answer

    def pay_after_the_first_look(call: Any) -> Any:
        answer = work(call)
        if server.invoices[invoice_id]["status"] == "New":
            before = json.loads(answer.content())
            server.pay(invoice_id)
            return Answer(200, before)
        return answer

    server.answer = pay_after_the_first_look  # type: ignore[method-assign]

    assert gateway.void(invoice_id, key="v") == sight(invoice_id, CAPTURED)


def test_void_that_is_refused_raises(server: BTCPayServer, invoice_id: str) -> None:
    server.fail_next(status=403, path="/status")

    with pytest.raises(GatewayRefused, match="403"):
        gateway.void(invoice_id, key="v")


# --- Refund


def test_refund_makes_a_pull_payment(server: BTCPayServer, paid: str) -> None:
    returned = gateway.refund(paid, amount=500, currency="USD", key="r1")

    pull = server.pulls[returned.reference]
    assert (pull["amount"], pull["currency"]) == ("5.00", "USD")
    assert pull["description"] == f"Invoice {paid}"


def test_refund_in_parts_up_to_the_whole(server: BTCPayServer, paid: str) -> None:
    gateway.refund(paid, amount=500, currency="USD", key="r1")
    gateway.refund(paid, amount=12_000, currency="USD", key="r2")
    with pytest.raises(GatewayRefused, match="more than BTCPay has received"):
        gateway.refund(paid, amount=1, currency="USD", key="r3")

    assert [pull["amount"] for pull in server.pulls.values()] == ["5.00", "120.00"]


def test_refund_repeated_counts_once(server: BTCPayServer, paid: str) -> None:
    key = "a-long-key/" * 20
    server.hang_next(path="/refund", is_done=True)
    with pytest.raises(GatewayAway):
        gateway.refund(paid, amount=12_500, currency="USD", key=key)

    returned = gateway.refund(paid, amount=12_500, currency="USD", key=key)

    assert list(server.pulls) == [returned.reference]


def test_refund_of_an_unpaid_invoice_is_refused(
    server: BTCPayServer, invoice_id: str
) -> None:
    with pytest.raises(GatewayRefused, match="received nothing"):
        gateway.refund(invoice_id, amount=1, currency="USD", key="r")

    assert server.pulls == {}


# --- Trouble


@pytest.mark.parametrize("status", [408, 429, 500, 502])
def test_passing_trouble_is_away(
    status: int, server: BTCPayServer, invoice_id: str
) -> None:
    server.fail_next(status=status)

    with pytest.raises(GatewayAway):
        gateway.look_up(invoice_id)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_other_refusals_have_btcpays_words(
    status: int, server: BTCPayServer, invoice_id: str
) -> None:
    server.fail_next(status=status, body={"code": "x", "message": "Because."})

    with pytest.raises(GatewayRefused, match=rf"{status} .*Because\."):
        gateway.look_up(invoice_id)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"null",
        b'{"id": "1", "status": 5, "additionalStatus": "None", "amount": "1"}',
        b'{"id": "1", "status": "New", "currency": "USD", "amount": 5}',
        b"x" * 5_000_000,
    ],
    ids=["empty", "html", "list", "object", "null", "status", "amount", "long"],
)
def test_garbage_is_away(body: bytes, server: BTCPayServer, invoice_id: str) -> None:
    server.fail_next(status=200, body=body)

    with pytest.raises(GatewayAway):
        gateway.look_up(invoice_id)


@pytest.mark.parametrize("fault", ["hang_next", "drop_next", "drip_next"])
def test_silence_is_away(fault: str, server: BTCPayServer, invoice_id: str) -> None:
    getattr(server, fault)()

    with pytest.raises(GatewayAway):
        gateway.look_up(invoice_id)
