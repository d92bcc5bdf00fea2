"""Paying by others through the API, and what providers tell it."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings as shop_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from checkout import providers
from checkout import services as checkout
from checkout.services import Purchase
from common.models import IdempotencyRecord
from orders.models import Order, OrderStatus
from outbox.models import Event
from payments.gateways import sandbox
from payments.gateways.base import GatewayAway
from payments.gateways.sandbox import Script, Webhook
from payments.models import (
    Payment,
    PaymentState,
    ProviderEvent,
    SandboxPayment,
    SandboxState,
)
from points import services as points
from tests.api.client import Answer, Api
from tests.api.test_hostile import RAW, digest
from tests.factories import DeliveryMethodFactory, ProductFactory, UserFactory

pytestmark = pytest.mark.django_db
PAY, PAYMENTS, CHARGE = "/api/v1/pay", "/api/v1/payments", "/api/v1/points/charge"
HOOK = f"{PAYMENTS}/webhooks/sandbox"
HOME = "http://127.0.0.1:8000"
CAPTURE_STATEMENTS = 10


@pytest.fixture
def order(user: User) -> Order:
    """Return an unpaid order of ₩10,000."""
    return order_of(user)


def order_of(user: User) -> Order:
    DeliveryMethodFactory.create(cost=0)
    product = ProductFactory.create(price=10_000)
    purchase = Purchase(user_id=user.pk, email=user.email, quantities={product.pk: 1})
    return Order.objects.get(pk=checkout.place_order(purchase).id)


def begin(api: Api, order: Order, **extra: Any) -> Answer:
    body = {"order_id": str(order.pk), "method": "sandbox", **extra}
    return api.post(PAY, body)


def started(api: Api, order: Order, **extra: Any) -> Payment:
    answer = begin(api, order, **extra)
    assert answer.status == 201, answer.body
    return Payment.objects.get(pk=answer.body["id"])


def decide(payment: Payment, script: Script) -> list[Webhook]:
    return sandbox.decide(payment.provider_reference, script)


def tell(guest: Api, webhook: Webhook) -> Answer:
    return guest.send("POST", HOOK, webhook.body, **webhook.headers)


def captured(payment: Payment) -> Webhook:
    """Return the message that the money was taken, from the provider's books."""
    SandboxPayment.objects.filter(pk=payment.provider_reference).update(
        state=SandboxState.CAPTURED
    )
    return sandbox.webhook(SandboxPayment.objects.get(pk=payment.provider_reference))


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


# --- Webhooks ------------------------------------------------------------------------


def test_captured_webhook_pays_the_order_in_few_statements(
    api: Api, guest: Api, order: Order
) -> None:
    message = captured(started(api, order))

    with CaptureQueriesContext(connection) as queries:
        answer = tell(guest, message)

    assert answer.status == 204
    assert answer.response.content == b""
    order.refresh_from_db()
    assert order.status == OrderStatus.PAID
    own = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(own) == CAPTURE_STATEMENTS, own


def test_webhook_that_comes_twice_counts_once(
    api: Api, guest: Api, order: Order
) -> None:
    message = captured(started(api, order))

    answers = [tell(guest, message).status for _ in range(3)]

    assert answers == [204, 204, 204]
    assert Event.objects.filter(topic="order.paid").count() == 1
    assert ProviderEvent.objects.count() == 1


def test_authorised_webhook_is_captured_by_the_worker(
    api: Api, guest: Api, order: Order
) -> None:
    payment = started(api, order)
    [message] = decide(payment, Script.SUCCESS)

    assert tell(guest, message).status == 204
    providers.capture(payment.pk)

    order.refresh_from_db()
    assert order.status == OrderStatus.PAID


def test_declined_payment_can_be_tried_again(
    api: Api, guest: Api, order: Order
) -> None:
    payment = started(api, order, points_to_use=1_000)
    [message] = decide(payment, Script.DECLINE)

    assert tell(guest, message).status == 204

    assert api.get(f"{PAYMENTS}/{payment.pk}").body["status"] == "failed"
    assert points.balance_of(order.user_id or 0) == 1_000_000
    assert started(api, order).pk != payment.pk


@pytest.mark.parametrize("provider", ["stripe", "nobody", "sandbox2"])
def test_provider_that_is_switched_off_is_not_found(provider: str, guest: Api) -> None:
    answer = guest.post(f"{PAYMENTS}/webhooks/{provider}", {})

    assert (answer.status, answer.code) == (404, "not_found")


def test_sandbox_is_not_found_once_it_is_off(
    api: Api, guest: Api, order: Order, settings: Settings
) -> None:
    message = captured(started(api, order))
    settings.PAYMENT_GATEWAYS = []

    assert tell(guest, message).status == 404


def test_provider_that_cannot_verify_now_may_send_again(
    guest: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise GatewayAway("no certificate")

    monkeypatch.setattr(sandbox.Sandbox, "read_webhook", away)
    answer = guest.post(HOOK, {})

    assert (answer.status, answer.code) == (503, "provider_unavailable")
    assert answer.header("Retry-After") == "1"


def forgeries(good: Webhook) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Yield messages that no provider sent, and signed ones that make no sense."""
    body, [signature] = good.body, good.headers.values()
    header = sandbox.SIGNATURE
    stamp, _comma, mac = signature.partition(",")
    for name, value in {
        "none": None,
        "empty": "",
        "comma": ",",
        "stamp alone": stamp,
        "cut": signature[:-1],
        "flipped": f"{stamp},{mac[::-1]}",
        "another time": f"{int(stamp) - 1},{mac}",
        "huge time": f"{'9' * 5_000},{mac}",
        "latin": f"{stamp},é",
        "long": "a" * 8_000,
    }.items():
        yield name, body, {} if value is None else {header: value}
    yield "changed body", body.replace(b"10000", b"10001"), dict(good.headers)
    for number, raw in enumerate([b"", *RAW]):
        if len(raw) <= 64 * 1024:
            yield f"raw {number}", raw, dict(good.headers)
            yield f"signed raw {number}", raw, sandbox.sign(raw)


def spoilt(good: Webhook) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Yield what the provider itself signed, with one value of another type."""
    message = json.loads(good.body)
    payment = message.pop("payment")
    odd: list[Any] = [
        None,
        True,
        1.5,
        [],
        {},
        "\0",
        "a\0b",
        "\ud800",
        "x" * 500,
        -1,
        10**30,
    ]
    for name in payment:
        for value in odd:
            raw = json.dumps(message | {"payment": payment | {name: value}}).encode()
            yield f"{name} {value!r:.20}", raw, sandbox.sign(raw)
    for name in ("id", "type", "payment"):
        for value in odd:
            whole = message | {"payment": payment} | {name: value}
            raw = json.dumps(whole).encode()
            yield f"{name} {value!r:.20}", raw, sandbox.sign(raw)
    deep = b'{"id":' * 9_000 + b"1" + b"}" * 9_000
    yield "deep", deep, sandbox.sign(deep)


def test_forged_and_malformed_messages_are_refused_and_change_nothing(
    api: Api, guest: Api, order: Order
) -> None:
    good = captured(started(api, order))
    before = digest()

    for name, body, headers in forgeries(good):
        answer = guest.send("POST", HOOK, body, **headers)
        assert (answer.status, answer.code) == (400, "webhook_invalid"), name

    assert digest() == before
    assert tell(guest, good).status == 204


def test_odd_values_of_a_provider_never_break_the_shop(
    api: Api, guest: Api, order: Order
) -> None:
    payment = started(api, order)

    for name, body, headers in spoilt(captured(payment)):
        answer = guest.send("POST", HOOK, body, **headers)
        assert answer.status in {204, 400}, name

    payment.refresh_from_db()
    assert payment.amount == 10_000


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"],
)
@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/pdf", ""])
def test_type_of_the_body_does_not_matter_but_its_bytes(
    content_type: str, accept: str, api: Api, guest: Api, order: Order
) -> None:
    message = captured(started(api, order))

    answer = guest.send(
        "POST",
        HOOK,
        message.body,
        content_type=content_type,
        Accept=accept,
        **message.headers,
    )

    assert answer.status == 204


@pytest.mark.parametrize("size", [64 * 1024 + 1, 300 * 1024])
def test_large_message_is_refused_before_it_is_read(size: int, guest: Api) -> None:
    raw = b" " * size

    answer = guest.send("POST", HOOK, raw, **sandbox.sign(raw))

    assert (answer.status, answer.code) == (413, "body_too_large")


def test_message_of_the_largest_size_is_read(guest: Api) -> None:
    raw = b" " * (64 * 1024)

    assert guest.send("POST", HOOK, raw, **sandbox.sign(raw)).status == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_webhooks_are_posted(method: str, guest: Api) -> None:
    assert guest.send(method, HOOK).status == 405


def test_session_and_csrf_play_no_part(api: Api, order: Order, user: User) -> None:
    message = captured(started(api, order))
    browser = Api()
    browser.client.handler.enforce_csrf_checks = True
    browser.client.force_login(user)

    assert tell(browser, message).status == 204


def test_money_for_nothing_of_ours_is_parked(guest: Api) -> None:
    book = SandboxPayment.objects.create(
        reference="sb_unknown",
        key=str(UUID(int=1)),
        amount=5,
        currency="KRW",
        description="x",
        return_url=HOME,
        state=SandboxState.CAPTURED,
    )

    assert tell(guest, sandbox.webhook(book)).status == 204

    assert ProviderEvent.objects.get().state == "parked"
