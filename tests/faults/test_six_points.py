"""kill -9 of the relay at six points; what the receiver has is compared by id.

Real processes, real HTTP, real PostgreSQL. Each order tells of two events, so that the
order of an aggregate is at stake, too.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from checkout import services as checkout
from demo.receiver import DataPlatform
from outbox.models import Dispatch, Event
from tests.books import assert_books_balance
from tests.faults.doomed import POINTS, PUSH, TOPICS
from tests.faults.steps import nothing_waits, seller
from tests.figures import Note
from tests.running import Process, Running, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

LEASE = "2"  # seconds; the real one is 30
ORDERS = 5
WAITING = "after the receiver stored it, before the reply"
# Where the receiver has had something of the doomed relay, which comes again.
TWICE = {
    WAITING,
    "after the reply, before settling",
    "in the middle of settling",
}


@pytest.fixture(autouse=True)
def _only_the_platform_listens(settings: Settings) -> None:
    settings.OUTBOX_SUBSCRIPTIONS = {
        **dict.fromkeys(settings.OUTBOX_SUBSCRIPTIONS, ()),
        **dict.fromkeys(TOPICS, (PUSH,)),
    }


@pytest.fixture(autouse=True)
def _books_balance_in_the_end(_only_the_platform_listens: None) -> None:
    """Leave that to the test: later, others would be missing their events."""


def start(running: Running, point: str, gate: Path) -> Process:
    code = f"from tests.faults.doomed import relay; relay({point!r}, {str(gate)!r})"
    return running.python(code, OUTBOX_LEASE_SECONDS=LEASE)


def sell_and_cancel() -> None:
    shop = seller()
    for order in shop.sell_many(ORDERS):
        checkout.cancel(
            order_id=order, user_id=shop.shopper.pk, actor_id=None, reason=""
        )


@pytest.mark.parametrize("point", POINTS)
def test_relay_killed_at_a_point_loses_nothing(
    running: Running, platform: DataPlatform, tmp_path: Path, note: Note, point: str
) -> None:
    now, later = tmp_path / "now", tmp_path / "later"
    doomed = start(running, point, now)
    start(running, "", later)
    sell_and_cancel()
    if point == WAITING:
        platform.misbehave("late", seconds=8)

    now.touch()
    if point == WAITING:
        wait_for(lambda: len(platform.store), "the receiver has stored something")
        doomed.kill()
        platform.misbehave("ok")
    assert doomed.popen.wait(30) == -9
    assert not Dispatch.objects.filter(delivered_at__isnull=False).exists()
    had = len(platform.store)
    assert bool(had) == (point in TWICE)
    later.touch()
    seconds = wait_for(nothing_waits, "the survivor delivers", 40)

    assert_complete(platform.events())
    assert (platform.counters.duplicates > 0) == (point in TWICE)
    # Nothing is late, nothing was given up, no number is missing.
    assert_books_balance()
    note(recovery=f"{seconds:.1f} s", duplicates=platform.counters.duplicates)


def assert_complete(got: list[dict[str, Any]]) -> None:
    """Fail unless each event of each order is there once, in order, without gaps."""
    events = Event.objects.filter(topic__in=TOPICS)
    assert sorted(event["id"] for event in got) == sorted(str(e.pk) for e in events)
    assert len(got) == len(TOPICS) * ORDERS
    numbers, topics = defaultdict(list), defaultdict(list)
    for event in got:
        numbers[event["type"]].append(int(event["sequence"]))
        topics[event["subject"]].append(event["type"])
    assert {kind: sorted(found) for kind, found in numbers.items()} == {
        f"shop.{topic}.v1": list(range(1, ORDERS + 1)) for topic in TOPICS
    }
    assert list(topics.values()) == [[f"shop.{topic}.v1" for topic in TOPICS]] * ORDERS
