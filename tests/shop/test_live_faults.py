"""Open pages while parts of the shop die, and news that come in the worst moment."""

import asyncio
import json
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from checkout import services as checkout
from checkout.services import Purchase
from common import live
from config.live import channel_layers
from notifications import sending
from notifications import services as notifications
from notifications.models import Message, MessageState, Notification
from shop import live as shop_live
from shop import live_hub
from shop.live_facts import News, news_after
from tests.factories import ProductFactory, UserFactory
from tests.faults.own_servers import OwnServers, own_servers
from tests.figures import Note
from tests.figures import note as note
from tests.notifications.events import event
from tests.running import Running, free_port, wait_for
from tests.running import platform as platform
from tests.running import running as running
from tests.shop.sockets import open_page, session_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shopper() -> User:
    return UserFactory.create(points=1_000_000)


@pytest.fixture
def redis_of_its_own(running: Running, settings: Settings) -> Iterator[OwnServers]:
    """Start a Redis that nobody else uses; the processes and we speak to it."""
    with (
        tempfile.TemporaryDirectory(prefix="dojang-") as folder,
        own_servers(Path(folder), has_postgres=False) as servers,
    ):
        running.environment |= servers.environment
        settings.CHANNEL_LAYERS = channel_layers(servers.redis_url())
        yield servers


def happen(user: User, topic: str = "points.charged") -> int:
    """Let something happen to somebody, and pages hear of it; return its id."""
    notifications.tell([event(topic, user_id=user.pk)])
    sending.send_due("browser")
    return Notification.objects.of_user(user.pk).newest_first()[0].pk


def buy(shopper: User) -> float:
    """Buy one piece; return the moment it was committed."""
    product = ProductFactory.create()
    purchase = Purchase(
        user_id=shopper.pk, email=shopper.email, quantities={product.pk: 1}
    )
    checkout.place_and_pay(purchase)
    return time.monotonic()


def test_purchase_shows_within_a_second(
    running: Running, shopper: User, note: Note
) -> None:
    url = running.live().url
    running.worker()
    waits = []
    with open_page(url, session_of(shopper)) as page:
        page.until_ready()
        for _ in range(5):
            bought = buy(shopper)
            paid = page.next_of("notification")
            waits.append(time.monotonic() - bought)
            assert paid["data"]["kind"] == "order_paid"
            assert page.next()["data"]["status"] == "paid"

    note(slowest=f"{max(waits) * 1000:.0f} ms")
    assert statistics.median(waits) < 1


def test_news_between_the_look_and_the_listening_are_not_lost(
    shopper: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without its own looks the hub depends on being told in time.
    monkeypatch.setattr(live_hub, "LISTS_EVERY", 3600)
    hub = live_hub.Hub()
    monkeypatch.setattr(shop_live, "hub", hub)
    late: list[int] = []

    def look_and_then_it_happens(user_id: int, cursor: int, language: str) -> News:
        news = news_after(user_id, cursor, language)
        if not late:
            notifications.tell([event("points.charged", user_id=user_id)])
            late.append(Notification.objects.get().pk)
            loop.call_soon_threadsafe(
                hub._take, {"user_ids": [user_id], "product_ids": []}
            )
        return news

    monkeypatch.setattr(shop_live, "news_after", look_and_then_it_happens)
    loop = asyncio.new_event_loop()
    try:
        frames = loop.run_until_complete(first_frames(session_of(shopper), number=2))
    finally:
        loop.run_until_complete(end_tasks())
        loop.close()

    assert [frame["type"] for frame in frames] == ["ready", "notification"]
    assert frames[1]["id"] == late[0]


async def first_frames(session: str, *, number: int) -> list[dict[str, Any]]:
    """Open a socket in this process; return its first frames."""
    frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    arriving: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    arriving.put_nowait({"type": "websocket.connect"})

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            frames.put_nowait(json.loads(message["text"]))

    scope = {
        "type": "websocket",
        "query_string": b"",
        "headers": [(b"cookie", f"sessionid={session}".encode())],
    }
    consumer = shop_live.LiveConsumer.as_asgi()
    socket = asyncio.create_task(consumer(scope, arriving.get, send))
    found = [await asyncio.wait_for(frames.get(), 60) for _ in range(number)]
    arriving.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await asyncio.wait_for(socket, 60)
    return found


async def end_tasks() -> None:
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0.1)


def test_killed_server_is_found_again_and_nothing_was_missed(
    running: Running, shopper: User, note: Note
) -> None:
    port = free_port()
    server = running.live(port=port)
    session = session_of(shopper)
    with open_page(server.url, session) as page:
        page.until_ready()
        seen = happen(shopper)
        assert page.next()["id"] == seen
        server.kill()
        missed = [happen(shopper), happen(shopper)]

    started = time.monotonic()
    running.live(port=port)
    note(back=f"{time.monotonic() - started:.1f} s after its start")
    with open_page(server.url, session, after=seen) as page:
        assert [frame["id"] for frame in page.until_ready()] == missed
        fresh = happen(shopper)
        assert page.next(seconds=1)["id"] == fresh


def test_server_ends_soon_with_sockets_open(running: Running, shopper: User) -> None:
    server = running.live()
    with open_page(server.url, session_of(shopper)) as page:
        page.until_ready()
        started = time.monotonic()
        server.popen.terminate()

        assert page.code_at_its_end() == 1012
        server.popen.wait(10)
        assert time.monotonic() - started < 5
    assert "Traceback" not in server.said()


def test_dead_redis_delays_news_by_seconds_and_harms_nothing_else(
    running: Running, redis_of_its_own: OwnServers, shopper: User, note: Note
) -> None:
    server = running.live()
    session = session_of(shopper)
    with open_page(server.url, session) as page:
        page.until_ready()
        happen(shopper)
        page.next(seconds=1)

        redis_of_its_own.signal_redis(signal.SIGKILL)
        with pytest.raises(live.LiveAway):
            live.hint(user_ids=[shopper.pk])
        bought = buy(shopper)
        late = happen(shopper)
        assert Message.objects.exclude(state=MessageState.SENT).get().attempts == 1
        assert page.next(seconds=8)["id"] == late
        note(without_redis=f"{time.monotonic() - bought:.1f} s")
        # Neither does a page that is opened now need it.
        with open_page(server.url, session, after=late - 1) as another:
            assert [frame["id"] for frame in another.until_ready()] == [late]

        redis_of_its_own.start()
        back = time.monotonic()
        wait_for(lambda: hint_arrives(shopper, page), "hints arrive again", 20)
        note(hints_again=f"{time.monotonic() - back:.1f} s after its return")


def hint_arrives(shopper: User, page: Any) -> bool:
    """Say whether a page hears of news sooner than it would look for itself."""
    notifications.tell([event("points.charged", user_id=shopper.pk)])
    time.sleep(0.05)
    try:
        live.hint(user_ids=[shopper.pk])
        page.next(seconds=0.5)
    except (live.LiveAway, TimeoutError):
        return False
    return True


def test_frozen_redis_is_given_up_soon(
    redis_of_its_own: OwnServers, shopper: User
) -> None:
    redis_of_its_own.signal_redis(signal.SIGSTOP)
    started = time.monotonic()

    with pytest.raises(live.LiveAway):
        live.hint(user_ids=[shopper.pk])

    assert time.monotonic() - started < 2
