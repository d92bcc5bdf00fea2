"""How a worker is woken, and that nobody waits for it."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.db import transaction
from pytest_django import Settings

from outbox import services as outbox
from outbox import wake


def publish(topic: str = "order.paid") -> None:
    outbox.publish(topic=topic, aggregate="order/1", payload={})


class Workers:
    """Stands for the broker: counts the wake-ups, or hangs, or is away."""

    def __init__(self) -> None:
        self.woken = 0
        self.trouble: Callable[[], object] = lambda: None

    def wake(self) -> None:
        self.trouble()
        self.woken += 1

    def wait_for(self, woken: int) -> int:
        """Return the number of wake-ups, a little after there are as many."""
        end = time.monotonic() + 60
        while self.woken < woken and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(0.05)
        return self.woken


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    workers = Workers()
    bell = wake._Bell()
    bell.send = workers.wake
    monkeypatch.setattr(wake, "_bell", bell)
    monkeypatch.setattr(wake, "PAUSE_AFTER_ERROR", 0.05)
    monkeypatch.setattr(wake, "PENDING_SECONDS", 600)
    yield workers
    workers.trouble = lambda: None


@pytest.mark.django_db(transaction=True)
def test_commit_of_an_event_wakes_a_worker(workers: Workers) -> None:
    with transaction.atomic():
        publish()
        assert workers.wait_for(0) == 0

    assert workers.wait_for(1) == 1


@pytest.mark.django_db(transaction=True)
def test_rollback_and_events_without_subscribers_wake_nobody(
    workers: Workers, settings: Settings
) -> None:
    settings.OUTBOX_SUBSCRIPTIONS = settings.OUTBOX_SUBSCRIPTIONS | {"nobody.cares": ()}
    with transaction.atomic():
        publish()
        transaction.set_rollback(True)
    with transaction.atomic():
        publish("nobody.cares")

    assert workers.wait_for(0) == 0


def test_many_events_need_one_worker_until_it_has_started(workers: Workers) -> None:
    for _ in range(20):
        wake.relay()
    assert workers.wait_for(1) == 1

    wake.awake()
    wake.relay()
    assert workers.wait_for(2) == 2


def test_hanging_broker_holds_nobody_up(workers: Workers) -> None:
    gate = threading.Event()
    workers.trouble = lambda: gate.wait(30)

    started = time.monotonic()
    for _ in range(100):
        wake.relay()
    assert time.monotonic() - started < 15

    gate.set()
    assert workers.wait_for(1) == 1


def test_wake_up_works_again_after_the_broker_was_away(workers: Workers) -> None:
    is_refused = threading.Event()

    def refuse() -> None:
        is_refused.set()
        raise ConnectionError

    workers.trouble = refuse
    wake.relay()
    assert is_refused.wait(60)
    assert workers.wait_for(0) == 0

    workers.trouble = lambda: None
    cache.delete(wake.PENDING_KEY)
    wake.relay()
    assert workers.wait_for(1) == 1
