"""What providers tell the shop: believed if it is signed and fits the books."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from checkout import providers
from orders.models import Order, OrderStatus
from outbox.models import Event
from payments.gateways import sandbox
from payments.gateways.base import GatewayAway
from payments.gateways.sandbox import Script, Webhook
from payments.models import (
    ProviderEvent,
    SandboxPayment,
    SandboxState,
)
from points import services as points
from tests.api.client import Api
from tests.api.paying import (
    HOME,
    HOOK,
    PAYMENTS,
    captured,
    decide,
    started,
    tell,
)
from tests.api.test_hostile import RAW, digest

pytestmark = pytest.mark.django_db
CAPTURE_STATEMENTS = 10


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
