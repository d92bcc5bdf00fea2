"""What stands in the log, and what never does."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.messages.middleware import MessageMiddleware
from django.test import Client

from accounts.models import User
from common import trace
from config.logs import HIDDEN, JSONFormatter, scrubbed
from tests.factories import UserFactory

NAME, EMAIL, PHONE = "Park Ji-min", "jimin.park@mail.example", "+82 10-9876-5432"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
STREET = "Insadong-gil 7"
CARD = "4242 4242 4242 4242"
PLANTED = {
    "recipient": NAME,
    "email": EMAIL,
    "phone": PHONE,
    "card": CARD,
    "nested": [{"secret": "open sesame, please"}],
}
SECRETS = [NAME, EMAIL, PHONE, TOKEN, CARD, "open sesame, please", STREET]


@pytest.fixture
def written() -> Iterator[StringIO]:
    """Write the log as production does, and return what is written."""
    stream, root = StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter(process="web"))
    levels = {"shop.requests": logging.INFO, "django.request": logging.ERROR}
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def lines_of(written: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.mark.django_db
def test_each_request_has_one_line(client: Client, written: StringIO) -> None:
    answer = client.get(
        "/api/v1/products?q=x",
        headers={
            "X-Request-Id": "mine-1",
            "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01",
        },
    )

    [line] = lines_of(written)
    assert line.pop("ms") > 0
    assert line.pop("statements_ms") >= 0
    assert line.pop("statements") >= 1
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "shop.requests",
        "process": "web",
        "request": "mine-1",
        "trace": "ab" * 16,
        "message": f"GET {line['route']} 200",
        "route": "api/v1/products",
        "method": "GET",
        "status": 200,
    }
    assert answer["X-Request-Id"] == "mine-1"


def test_machines_have_no_lines(client: Client, written: StringIO) -> None:
    client.get("/livez")

    assert written.getvalue() == ""


@pytest.mark.django_db
def test_line_names_the_order_that_its_address_names(
    client: Client, written: StringIO
) -> None:
    order = "0193a1b2-0000-7000-8000-000000000001"

    client.get(f"/api/v1/orders/{order}")

    [line] = lines_of(written)
    assert (line["order"], line["status"]) == (order, 401)
    # Its own id, which is one of a trace, too.
    assert line["trace"] == line["request"]
    assert trace.order_id.get() == trace.NONE


@pytest.fixture
def shopper() -> User:
    return UserFactory.create(email=EMAIL, name=NAME)


@pytest.mark.django_db
def test_nothing_that_was_sent_is_in_the_log_of_a_failure(
    shopper: User, written: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: object, request: Any, *_rest: object) -> None:
        _ = request.body, request.user.email
        logging.getLogger("shop").warning("cannot send to %s, %s", NAME, STREET)
        raise ValueError(f"bad: {request.body.decode()} of {request.user}")

    monkeypatch.setattr(MessageMiddleware, "process_request", fail)
    client = Client(raise_request_exception=False)
    client.force_login(shopper, "accounts.backends.PasswordBackend")

    answer = client.post(
        f"/api/v1/orders?address={STREET}",
        PLANTED,
        "application/json",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )

    assert answer.status_code == 500
    told = written.getvalue()
    assert "ValueError" in told
    assert [secret for secret in SECRETS if secret in told] == []
    assert "jimin" not in told
    assert client.cookies["sessionid"].value not in told
    assert lines_of(written)[0]["message"] == f"cannot send to {HIDDEN}, {HIDDEN}"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"mail to {EMAIL} failed", f"mail to {HIDDEN} failed"),
        (f"called {PHONE} twice", f"called {HIDDEN} twice"),
        ("called 010-9876-5432 twice", f"called {HIDDEN} twice"),
        (f"paid with {CARD}.", f"paid with {HIDDEN}."),
        ("paid with 4242424242424242.", f"paid with {HIDDEN}."),
        (f"Bearer {TOKEN}", f"Bearer {HIDDEN}"),
        ("Authorization: Basic dXNlcjpwYXNz", f"Authorization: {HIDDEN} {HIDDEN}"),
        ("password='hunter22'", f"password='{HIDDEN}'"),
        ("sk_live_51H8abcdef is no key", f"{HIDDEN} is no key"),
        ("amqp://shop:secret@rabbit//", f"amqp://{HIDDEN}@rabbit//"),
        ("at /search/?q=pills&page=2 now", f"at /search/?{HIDDEN} now"),
        (
            'violates "once"\nDETAIL:  Key (email)=(a) already exists.',
            f'violates "once"\nDETAIL: {HIDDEN}',
        ),
        # What is nobody's stays.
        (
            "given up: order.paid of order/0193a1b2-0000-7000-8000-000000000001",
            "given up: order.paid of order/0193a1b2-0000-7000-8000-000000000001",
        ),
        ("2026-11-22T02:03:04 took 1234567 us", "2026-11-22T02:03:04 took 1234567 us"),
        ("number 4242424242424241", "number 4242424242424241"),
    ],
)
def test_what_looks_like_somebodys_is_hidden(text: str, left: str) -> None:
    assert scrubbed(text) == left


def test_order_is_found_in_what_is_said(written: StringIO) -> None:
    order = "0193a1b2-0000-7000-8000-000000000001"

    logging.getLogger("checkout").error("order %s could not expire", order)

    [line] = lines_of(written)
    assert (line["order"], line["level"]) == (order, "error")


def test_task_goes_on_under_the_id_of_the_request(written: StringIO) -> None:
    token = trace.request_id.set("request-1")
    headers = trace.carried()
    trace.request_id.reset(token)

    with trace.continued(headers, task="outbox.tasks.relay"):
        logging.getLogger("outbox").warning("slow")

    [line] = lines_of(written)
    assert headers == {"shop_request": "request-1"}
    assert (line["request"], line["task"]) == ("request-1", "outbox.tasks.relay")
    assert trace.request_id.get() == trace.NONE


def test_what_a_message_pretends_is_not_believed() -> None:
    with trace.continued({"shop_request": "a\nb: forged"}, task="x"):
        assert trace.request_id.get() == trace.NONE
