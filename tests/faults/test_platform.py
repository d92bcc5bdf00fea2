"""The data platform is down, slow or rude; every order reaches it in the end."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from pytest_django import Settings

from analytics.transports import http
from checkout import services as checkout
from demo.receiver import DataPlatform
from outbox import services as outbox
from outbox.models import Dispatch, DispatchQuerySet, Event
from tests.faults.steps import (
    arrived,
    assert_all_arrived,
    nothing_waits,
    relay_until,
    seller,
)
from tests.figures import Note
from tests.running import SECRET, free_port

pytestmark = pytest.mark.slow
PUSH = "analytics.data_platform.push"


def _pushes() -> DispatchQuerySet:
    """Keep the ways to the platform; others hear of the same orders."""
    return Dispatch.objects.filter(subscriber=PUSH)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(http, "REPLY_SECONDS", 0.5)
    http._pool.cache_clear()
    yield
    http._pool.cache_clear()


@pytest.mark.parametrize(
    ("mode", "seconds"),
    [
        ("500", 0),
        ("503", 0),
        ("429", 0),
        ("408", 0),
        ("slow", 0.2),
        ("slow", 0.8),
        ("hang", 5),
        ("reset", 0),
        ("drop", 0),
    ],
)
def test_orders_arrive_once_the_platform_behaves(
    platform: DataPlatform, note: Note, mode: str, seconds: float
) -> None:
    orders = seller().sell_many(20)
    platform.misbehave(mode, seconds=seconds)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        outbox.deliver_due()
        time.sleep(0.02)

    platform.misbehave("ok")
    recovery = relay_until(nothing_waits)

    assert_all_arrived(platform, orders)
    assert not _pushes().dead().exists()
    note(recovery=f"{recovery:.1f} s", duplicates=platform.counters.duplicates)


def test_orders_arrive_after_the_platform_was_down(
    settings: Settings, note: Note
) -> None:
    port = free_port()
    settings.DATA_PLATFORM_SECRET = SECRET
    settings.DATA_PLATFORM_URL = f"http://127.0.0.1:{port}/events"
    orders = seller().sell_many(50)
    with suppress(AssertionError):
        relay_until(nothing_waits, seconds=2)
    attempts = sum(_pushes().values_list("attempts", flat=True))
    assert attempts < 60  # the first batch, then single knocks

    with DataPlatform(secret=SECRET, port=port) as platform:
        recovery = relay_until(nothing_waits)
        assert_all_arrived(platform, orders)
    note(recovery=f"{recovery:.1f} s")


def test_orders_wait_for_the_address_of_a_platform(
    platform: DataPlatform, settings: Settings
) -> None:
    url, settings.DATA_PLATFORM_URL = platform.url, ""
    orders = seller().sell_many(3)
    with suppress(AssertionError):
        relay_until(nothing_waits, seconds=1.5)
    assert _pushes().waiting().count() == 3
    assert not _pushes().dead().exists()

    settings.DATA_PLATFORM_URL = url
    relay_until(nothing_waits)

    assert_all_arrived(platform, orders)


def test_flaky_platform_gets_each_order_in_order(
    platform: DataPlatform, note: Note, settings: Settings
) -> None:
    settings.OUTBOX_SUBSCRIPTIONS = {
        **settings.OUTBOX_SUBSCRIPTIONS,
        "order.cancelled": (*settings.OUTBOX_SUBSCRIPTIONS["order.cancelled"], PUSH),
    }
    shop = seller()
    orders = shop.sell_many(30)
    for order in orders:
        checkout.cancel(
            order_id=order, user_id=shop.shopper.pk, actor_id=None, reason=""
        )

    platform.misbehave("500", share=0.4)
    with suppress(AssertionError):
        relay_until(nothing_waits, seconds=1)
    # Not for ever: an event that is unlucky each time would wait longer than we do.
    platform.misbehave("drop", share=0.3, lasts=5)
    recovery = relay_until(nothing_waits, seconds=60)

    for order in orders:
        types = [e["type"] for e in platform.events() if str(order) in e["subject"]]
        assert types == ["shop.order.paid.v1", "shop.order.cancelled.v1"]
    note(recovery=f"{recovery:.1f} s", duplicates=platform.counters.duplicates)


@pytest.mark.parametrize("status", [400, 401, 410])
def test_refused_order_is_a_dead_letter_until_it_is_replayed(
    platform: DataPlatform, status: int
) -> None:
    orders = seller().sell_many(2)
    platform.misbehave(str(status))
    relay_until(nothing_waits)
    dead = _pushes().dead()
    assert (
        sorted(dead.values_list("last_error", "attempts"))
        == [(f"HTTP {status}", 1)] * 2
    )
    assert platform.events() == []

    platform.misbehave("ok")
    assert outbox.replay(dispatch_ids=[letter.pk for letter in dead]) == 2
    relay_until(nothing_waits)

    assert_all_arrived(platform, orders)


@pytest.mark.parametrize("status", [301, 307])
def test_redirect_is_not_followed(platform: DataPlatform, status: int) -> None:
    (order,) = seller().sell_many(1)
    platform.misbehave(str(status))

    outbox.deliver_due()

    waiting = _pushes().waiting().get()
    assert waiting.last_error == f"HTTP {status}"
    assert platform.counters.requests == 1
    platform.misbehave("ok")
    relay_until(nothing_waits)
    assert arrived(platform) == [str(order)]


def test_hanging_platform_costs_a_batch_one_time_limit(
    platform: DataPlatform, note: Note
) -> None:
    seller().sell_many(100)
    platform.misbehave("hang", seconds=10)

    started = time.monotonic()
    outbox.deliver_due()
    seconds = time.monotonic() - started

    # What was not tried cost no time; how long the rest took is the machine's pace.
    assert platform.counters.requests < http.IN_FLIGHT + http.MISSES_IN_A_ROW
    platform.misbehave("ok")
    relay_until(nothing_waits)
    note(batch_of_100=f"{seconds:.2f} s")


def test_slow_platform_does_not_outlast_the_lease(
    platform: DataPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SENDING_SECONDS", 0.2)
    orders = seller().sell_many(60)
    platform.misbehave("slow", seconds=0.3)

    outbox.deliver_due()

    # What the platform has, but could not say in time, it is sent once more.
    sent = _pushes().filter(delivered_at__isnull=False).count()
    unanswered = platform.counters.requests - sent
    assert 0 < sent <= platform.counters.requests <= http.IN_FLIGHT
    platform.misbehave("ok")
    relay_until(nothing_waits)
    assert_all_arrived(platform, orders)
    assert platform.counters.duplicates <= unanswered


@contextmanager
def rude_server(pieces: list[bytes], pause: float) -> Iterator[str]:
    """Answer whatever comes with these bytes, one piece after each pause."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _address = listener.accept()
                    threading.Thread(target=answer, args=(client,), daemon=True).start()

        def answer(client: socket.socket) -> None:
            with client, suppress(OSError):
                client.recv(65536)
                for piece in pieces:
                    client.sendall(piece)
                    time.sleep(pause)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


DRIPPING_HEAD = [
    bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nx-filler: " + b"x" * 500
]
DRIPPING_BODY = [b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n", *[b"."] * 5000]
ENDLESS_BODY = [b"HTTP/1.1 200 OK\r\n\r\n", *[b"." * 65536] * 2000]
GARBAGE = [b"SSH-2.0-OpenSSH_9.2\r\n"]


@pytest.mark.parametrize(
    ("pieces", "is_delivered"),
    [
        (DRIPPING_HEAD, False),
        (DRIPPING_BODY, True),
        (ENDLESS_BODY, True),
        (GARBAGE, False),
        ([], False),
    ],
    ids=["dripping head", "dripping body", "endless body", "not HTTP", "hang-up"],
)
def test_rude_reply_holds_nobody_up(
    settings: Settings,
    pieces: list[bytes],
    is_delivered: bool,  # noqa: FBT001 — a table of cases
) -> None:
    seller().sell()
    with rude_server(pieces, pause=0.05) as url:
        settings.DATA_PLATFORM_URL = url
        started = time.monotonic()
        outbox.deliver_due()
        seconds = time.monotonic() - started

    assert seconds < 3 * http.REPLY_SECONDS
    dispatch = _pushes().get()
    assert (dispatch.delivered_at is not None) == is_delivered
    assert dispatch.dead_at is None


def test_batches_arrive_as_one_request(
    platform: DataPlatform, settings: Settings
) -> None:
    settings.DATA_PLATFORM_BATCH = True
    # Few enough for one claim, whoever else hears of them.
    orders = seller().sell_many(10)

    outbox.deliver_due()

    assert_all_arrived(platform, orders)
    assert platform.counters.requests == 1


def test_event_tells_the_whole_order_and_is_signed(platform: DataPlatform) -> None:
    order = seller().sell()

    relay_until(nothing_waits)

    (event,) = platform.events()
    stored = Event.objects.get(topic="order.paid")
    assert event["data"] == json.loads(json.dumps(stored.payload))
    assert event["data"]["order_id"] == str(order)
    assert (event["specversion"], event["type"]) == ("1.0", "shop.order.paid.v1")
    assert platform.counters.refused == 0
