"""Paying by others through the API, and what providers tell it."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as shop_settings
from pytest_django import Settings

from accounts.models import User
from common.models import IdempotencyRecord
from orders.models import Order, OrderStatus
from payments.gateways import sandbox
from payments.gateways.base import GatewayAway
from payments.gateways.sandbox import Script
from payments.models import (
    Payment,
    PaymentState,
    SandboxPayment,
)
from points import services as points
from tests.api.client import Api
from tests.api.paying import (
    CHARGE,
    HOME,
    PAY,
    PAYMENTS,
    begin,
    captured,
    decide,
    order_of,
    started,
    tell,
)
from tests.api.test_hostile import digest
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


# --- Paying an order -----------------------------------------------------------------


def test_outside_method_answers_with_where_the_payer_goes(
    api: Api, order: Order
) -> None:
    answer = begin(api, order)

    payment = Payment.objects.get()
    assert answer.status == 201
    assert answer.body == {
        "id": str(payment.pk),
        "order_id": str(order.pk),
        "method": "sandbox",
        "status": "processing",
        "amount": {"amount": 10_000, "currency": "KRW"},
        "refunded": {"amount": 0, "currency": "KRW"},
        "captured_at": None,
        "next_action": {"type": "redirect", "url": payment.provider_url},
    }
    book = SandboxPayment.objects.get()
    assert payment.provider_url == f"{HOME}/sandbox/{book.reference}/"
    assert book.return_url == f"{HOME}/pay/{payment.pk}/return/"
    assert book.amount == 10_000


def test_paying_again_finds_the_same_payment(api: Api, order: Order) -> None:
    first, again = begin(api, order), begin(api, order)

    assert again.body == first.body
    assert SandboxPayment.objects.count() == 1


def test_points_pay_a_part(api: Api, order: Order, user: User) -> None:
    payment = started(api, order, points_to_use=4_000)

    assert payment.amount == 6_000
    assert points.balance_of(user.pk) == 996_000
    legs = api.get(f"/api/v1/orders/{order.pk}").body["payments"]
    assert sorted((leg["method"], leg["status"]) for leg in legs) == [
        ("points", "authorised"),
        ("sandbox", "processing"),
    ]


@pytest.mark.parametrize(
    "amount",
    [-1, 1.5, 1e3, "5", "NaN", True, None, [], 10**30, 2**63, -(10**30)],
)
def test_amounts_that_are_none_are_refused(amount: Any, api: Api, order: Order) -> None:
    raw = json.dumps({"order_id": str(order.pk), "method": "sandbox"})[:-1]
    before = digest()

    answer = api.send(
        "POST", PAY, f'{raw}, "points_to_use": {json.dumps(amount)}}}'.encode()
    )

    assert answer.status == 400
    assert answer.pointers == ["#/points_to_use"] or answer.code == "parse_error"
    assert digest() == before


@pytest.mark.parametrize("part", [10_000, 10_001, 2**40])
def test_points_pay_less_than_the_total(part: int, api: Api, order: Order) -> None:
    before = digest()

    answer = begin(api, order, points_to_use=part)

    assert (answer.status, answer.code) == (400, "points_part_invalid")
    assert answer.body["total"] == 10_000
    assert digest() == before


def test_part_that_the_balance_does_not_hold_is_refused() -> None:
    poor = UserFactory.create(points=4_999)
    order = order_of(poor)
    client = Api(poor)
    before = digest()

    answer = begin(client, order, points_to_use=5_000)

    assert (answer.status, answer.code) == (409, "insufficient_points")
    assert digest() == before


def test_points_alone_take_no_part(api: Api, order: Order) -> None:
    answer = begin(api, order, method="points", points_to_use=5)

    assert (answer.status, answer.pointers) == (400, ["#/points_to_use"])
    assert not Payment.objects.exists()


@pytest.mark.parametrize("method", ["stripe", "card", "wallet", "crypto", "paypal"])
def test_method_that_is_not_offered_is_refused(
    method: str, api: Api, order: Order
) -> None:
    answer = begin(api, order, method=method)

    assert (answer.status, answer.code) == (400, "payment_method_unavailable")
    assert not Payment.objects.exists()


def test_points_after_an_outside_attempt_settle_once(
    api: Api, order: Order, user: User
) -> None:
    attempt = started(api, order, points_to_use=4_000)

    answer = begin(api, order, method="points")

    assert (answer.status, answer.body["amount"]["amount"]) == (201, 10_000)
    assert answer.body["next_action"] is None
    attempt.refresh_from_db()
    assert attempt.state == PaymentState.VOIDED
    assert points.balance_of(user.pk) == 990_000


def test_paid_order_is_not_paid_again(api: Api, order: Order) -> None:
    begin(api, order, method="points")

    answer = begin(api, order)

    assert (answer.status, answer.code) == (409, "order_not_payable")


def test_foreign_order_is_nowhere(other: Api, order: Order) -> None:
    answer = begin(other, order)

    assert (answer.status, answer.code) == (404, "order_not_found")
    assert not Payment.objects.exists()


def test_provider_that_is_away_can_be_asked_again(
    api: Api, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise GatewayAway("no answer")

    monkeypatch.setattr(sandbox.Sandbox, "start", away)
    refused = api.post(
        PAY, {"order_id": str(order.pk), "method": "sandbox"}, Idempotency_Key="k"
    )
    monkeypatch.undo()

    again = api.post(
        PAY, {"order_id": str(order.pk), "method": "sandbox"}, Idempotency_Key="k"
    )

    assert (refused.status, refused.code) == (503, "provider_unavailable")
    assert refused.header("Retry-After") == "1"
    assert again.status == 201
    assert Payment.objects.count() == 1


def test_key_gives_the_same_payment(api: Api, order: Order) -> None:
    body = {"order_id": str(order.pk), "method": "sandbox"}

    first = api.post(PAY, body, Idempotency_Key="k")
    again = api.post(PAY, body, Idempotency_Key="k")
    other = api.post(PAY, body | {"points_to_use": 5}, Idempotency_Key="k")

    assert (again.status, again.body) == (201, first.body)
    assert first.header("Idempotency-Replayed") == ""
    assert again.header("Idempotency-Replayed") == "true"
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    assert Payment.objects.get().amount == 10_000


def test_key_of_a_request_that_broke_off_is_good_again(api: Api, order: Order) -> None:
    body = {"order_id": str(order.pk), "method": "sandbox"}
    first = api.post(PAY, body, Idempotency_Key="k")
    IdempotencyRecord.objects.update(status=102, reply="")

    again = api.post(PAY, body, Idempotency_Key="k")

    assert (again.status, again.body) == (201, first.body)
    assert IdempotencyRecord.objects.get().status == 201


# --- Where the payer comes back to ---------------------------------------------------


@pytest.mark.parametrize(
    "url", [f"{HOME}/thanks/", f"{HOME}/pay/{{payment}}/return/?from=app", HOME]
)
def test_payer_can_come_back_to_the_shop(url: str, api: Api, order: Order) -> None:
    payment = started(api, order, return_url=url)

    expected = url.replace("{payment}", str(payment.pk))
    assert SandboxPayment.objects.get().return_url == expected


def test_payer_can_come_back_to_an_app_that_is_known(
    api: Api, order: Order, settings: Settings
) -> None:
    settings.PAYMENT_RETURN_ORIGINS = ["https://app.example"]

    started(api, order, return_url="https://app.example/paid")

    assert SandboxPayment.objects.get().return_url == "https://app.example/paid"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "//evil.example/",
        "http://127.0.0.1:8000@evil.example/",
        "http://127.0.0.1:8000.evil.example/",
        "http://user@127.0.0.1:8000/",
        "http://127.0.0.1:8001/",
        "https://127.0.0.1:8000/",
        "http://127.0.0.1:8000\\@evil.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "/orders/",
        "http://[::1",
        "http://127.0.0.1:8000/\r\nSet-Cookie: a=b",
        "",
        "x" * 901,
    ],
)
@pytest.mark.parametrize("path", [PAY, CHARGE])
def test_payer_is_sent_nowhere_else(
    path: str, url: str, api: Api, order: Order
) -> None:
    body = {"order_id": str(order.pk), "amount": 5, "method": "sandbox"}
    before = digest()

    answer = api.post(path, body | {"return_url": url})

    assert answer.status == 400
    assert answer.code in {"return_url_forbidden", "invalid"}
    assert digest() == before


# --- Looking at a payment ------------------------------------------------------------


def test_payment_is_shown_to_its_payer_and_to_staff(
    api: Api, other: Api, staff: Api, order: Order
) -> None:
    path = f"{PAYMENTS}/{started(api, order).pk}"

    assert api.get(path).body["status"] == "processing"
    assert staff.get(path).body["status"] == "processing"
    for client, method in ((other, "GET"), (other, "POST")):
        answer = client.send(method, path if method == "GET" else f"{path}/check")
        assert (answer.status, answer.code) == (404, "payment_not_found")
    assert Api().get(path).status == 401
    assert api.get(f"{PAYMENTS}/{uuid4()}").code == "payment_not_found"


def test_looking_changes_nothing_and_checking_asks_the_provider(
    api: Api, order: Order
) -> None:
    payment = started(api, order)
    decide(payment, Script.LOST)

    looked = api.get(f"{PAYMENTS}/{payment.pk}").body
    checked = api.post(f"{PAYMENTS}/{payment.pk}/check").body

    assert (looked["status"], checked["status"]) == ("processing", "captured")
    assert checked["next_action"] is None
    order.refresh_from_db()
    assert order.status == OrderStatus.PAID


def test_checking_says_when_the_provider_is_away(
    api: Api, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = started(api, order)

    def away(*_: object) -> None:
        raise GatewayAway("no answer")

    monkeypatch.setattr(sandbox.Sandbox, "look_up", away)
    answer = api.post(f"{PAYMENTS}/{payment.pk}/check")

    assert (answer.status, answer.code) == (503, "provider_unavailable")
    payment.refresh_from_db()
    assert payment.state == PaymentState.PROCESSING


# --- Buying points -------------------------------------------------------------------


def test_points_are_bought_and_come_once_they_are_paid(
    api: Api, guest: Api, user: User
) -> None:
    answer = api.post(CHARGE, {"amount": 5_000, "method": "sandbox"})

    assert answer.status == 201
    assert (answer.body["entry"], answer.body["balance"]) == (None, 1_000_000)
    bought = answer.body["payment"]
    assert (bought["order_id"], bought["amount"]["amount"]) == (None, 5_000)
    payment = Payment.objects.get(pk=bought["id"])
    assert bought["next_action"]["url"] == payment.provider_url
    message = captured(payment)
    for _ in range(2):
        assert tell(guest, message).status == 204
    assert points.balance_of(user.pk) == 1_005_000
    history = api.get("/api/v1/points/history?limit=1").body["items"]
    assert [entry["amount"] for entry in history] == [5_000]


def test_charge_is_begun_once_per_key_even_without_its_record(api: Api) -> None:
    body = {"amount": 5_000, "method": "sandbox"}
    first = api.post(CHARGE, body, Idempotency_Key="k")
    replayed = api.post(CHARGE, body, Idempotency_Key="k")
    IdempotencyRecord.objects.all().delete()
    again = api.post(CHARGE, body, Idempotency_Key="k")
    IdempotencyRecord.objects.all().delete()
    other = api.post(CHARGE, body | {"amount": 6_000}, Idempotency_Key="k")

    assert first.body["payment"]["id"] == again.body["payment"]["id"]
    assert replayed.header("Idempotency-Replayed") == "true"
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    assert Payment.objects.count() == 1


def test_charges_without_a_key_are_two(api: Api) -> None:
    for _ in range(2):
        api.post(CHARGE, {"amount": 5_000, "method": "sandbox"})

    assert Payment.objects.count() == 2


def test_limits_hold_before_anybody_pays(api: Api, settings: Settings) -> None:
    settings.POINTS_MAX_BALANCE = 1_000_100
    body = {"method": "sandbox"}

    too_full = api.post(CHARGE, body | {"amount": 101})
    too_much = api.post(CHARGE, body | {"amount": shop_settings.POINTS_MAX_CHARGE + 1})

    assert (too_full.status, too_full.code) == (409, "balance_limit_reached")
    assert (too_much.status, too_much.pointers) == (400, ["#/amount"])
    assert not Payment.objects.exists()


def test_nobody_buys_points_for_somebody_else(staff: Api, user: User) -> None:
    body = {"amount": 5, "method": "sandbox", "user_id": user.pk, "reason": "gift"}

    answer = staff.post(CHARGE, body)

    assert (answer.status, answer.pointers) == (400, ["#/method"])
    assert not Payment.objects.exists()


def test_shop_says_how_it_can_be_paid(guest: Api, settings: Settings) -> None:
    assert guest.get("/api/v1/config").body["payment_methods"] == ["points", "sandbox"]
    settings.PAYMENT_GATEWAYS = []
    assert guest.get("/api/v1/config").body["payment_methods"] == ["points"]
