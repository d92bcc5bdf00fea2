"""The platform compares what it has with the shop's manifests, and pulls the rest."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from analytics.transports.base import cloud_event
from common.days import bounds
from demo.receiver import command
from demo.receiver.proof import Shop, prove
from demo.receiver.store import Store
from outbox import services as outbox
from outbox.models import Event
from outbox.services import OutgoingEvent
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

# Every day from the first on is asked for, so it may not be long ago.
FIRST = timezone.localdate() - timedelta(days=4)
SECOND = FIRST + timedelta(days=1)
LOGIN = "platform@example.com"


@pytest.fixture
def shop(live_server: LiveServer) -> Shop:
    """The shop, over HTTP, as the account of the data platform sees it."""
    account = UserFactory.create(email=LOGIN)
    account.user_permissions.add(Permission.objects.get(codename="view_event"))
    return Shop(live_server.url, LOGIN, PASSWORD)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path, is_fsynced=False)
    yield store
    store.close()


@pytest.fixture
def events(transactional_db: None) -> list[OutgoingEvent]:
    """Ten paid orders: three and five of two days, and two of today."""
    moments = [bounds(FIRST)[0] + timedelta(hours=n) for n in range(3)]
    moments += [bounds(SECOND)[0] + timedelta(hours=n) for n in range(5)]
    moments += [timezone.now()] * 2
    for number, moment in enumerate(moments):
        Event.objects.create(
            topic="order.paid",
            aggregate=f"order/{number}",
            payload={"order_id": number},
            occurred_at=moment,
        )
    outbox.address()
    return [
        OutgoingEvent(
            event.pk,
            event.topic,
            event.aggregate,
            event.payload,
            event.occurred_at,
            event.sequence,
            1,
        )
        for event in Event.objects.order_by("sequence")
    ]


def push(store: Store, events: list[OutgoingEvent]) -> None:
    for event in events:
        store.append([cloud_event(event)])


def held(store: Store) -> list[str]:
    return sorted(event["id"] for event in store.read())


def ids_of(events: list[OutgoingEvent]) -> list[str]:
    return sorted(str(event.id) for event in events)


def test_whole_store_is_proved_with_nothing_pulled(
    shop: Shop, store: Store, events: list[OutgoingEvent]
) -> None:
    push(store, events)
    said: list[str] = []

    proof = prove(store, shop, day=None, say=said.append)

    assert (proof.is_complete, proof.counted, proof.pulled) == (True, 10, 0)
    assert said[:2] == [
        f"{FIRST}: 3 events, complete, 0 pulled",
        f"{SECOND}: 5 events, complete, 0 pulled",
    ]


@pytest.mark.parametrize(
    "missing", [{0}, {9}, {2, 3}, {1, 4, 5, 8}, set(range(10))], ids=str
)
def test_what_is_missing_is_pulled(
    shop: Shop, store: Store, events: list[OutgoingEvent], missing: set[int]
) -> None:
    push(store, [event for n, event in enumerate(events) if n not in missing])

    proof = prove(store, shop, day=None, say=lambda _line: None)

    assert (proof.is_complete, proof.counted) == (True, 10)
    assert proof.pulled == len(missing)
    assert held(store) == ids_of(events)
    again = prove(store, shop, day=None, say=lambda _line: None)
    assert (again.is_complete, again.pulled) == (True, 0)


def test_one_day_can_be_looked_at_alone(
    shop: Shop, store: Store, events: list[OutgoingEvent]
) -> None:
    push(store, events[:1])

    proof = prove(store, shop, day=FIRST, say=lambda _line: None)

    assert (proof.is_complete, proof.days, proof.pulled) == (True, 1, 2)
    assert held(store) == ids_of(events[:3])


def test_event_that_is_not_the_shops_is_no_complete_day(
    shop: Shop, store: Store, events: list[OutgoingEvent], path: Path
) -> None:
    push(store, events)
    with sqlite3.connect(path) as file:
        file.execute("UPDATE event SET id = 'foreign' WHERE sequence = 2")
    file.close()
    said: list[str] = []

    proof = prove(store, shop, day=None, say=said.append)

    # The right one was pulled; that does not make the other one right.
    assert (proof.is_complete, proof.pulled) == (False, 1)
    assert f"{FIRST}: 3 events, DIFFERS, 1 pulled" in said


def test_command_says_whether_all_is_there(
    shop: Shop,
    live_server: LiveServer,
    path: Path,
    events: list[OutgoingEvent],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATA_PLATFORM_PASSWORD", PASSWORD)

    def verify(user: str) -> int:
        return command.verify(
            verify=live_server.url, path=path, day=None, user=user, fsync=False
        )

    assert verify(LOGIN) == 0
    assert "nothing is missing: 10 events of" in capsys.readouterr().out

    UserFactory.create(email="somebody@example.com")
    assert verify("somebody@example.com") == 1
    assert "HTTP 403" in capsys.readouterr().out
    assert verify("nobody@example.com") == 1
    assert "HTTP 401" in capsys.readouterr().out


def test_redirected_question_is_not_asked_again(
    shop: Shop, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("demo.receiver.proof.MANIFEST", "/admin?")

    with pytest.raises(Exception, match=r"HTTP 30[12]"):
        shop.manifest(str(FIRST))
