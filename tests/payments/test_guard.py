"""A silent provider holds few callers up, and none for long."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.utils.functional import Promise
from pytest_django import Settings

from payments.gateways import guard
from payments.gateways.base import (
    GatewayAway,
    GatewayRefused,
    Invoice,
    Notice,
    ProviderState,
    Returned,
    Sight,
    Started,
)
from payments.gateways.guard import Guarded
from tests.concurrency import run_together, told

PAID = Sight("1", ProviderState.CAPTURED, 100, "KRW")


class Friend:
    """A provider that does as told whatever it is asked."""

    code = "friend"
    label: str | Promise = "Friend"

    def __init__(self) -> None:
        self.act: Callable[[], object] = lambda: None
        self.calls = 0

    def look_up(self, *_: Any, **__: Any) -> Sight:
        self.calls += 1
        self.act()
        return PAID

    capture = void = look_up

    def start(self, invoice: Invoice) -> Started:
        self.look_up()
        return Started(invoice.key, "https://friend.example")

    def refund(self, *_: Any, key: str, **__: Any) -> Returned:
        self.look_up()
        return Returned(key)

    def read_webhook(self, *_: Any) -> Sequence[Notice]:
        self.look_up()
        return []


@pytest.fixture
def friend(settings: Settings) -> Friend:
    settings.PROVIDER_TIMEOUT = 0.25  # so 0.2 seconds are slow
    return Friend()


def be_silent() -> None:
    time.sleep(0.25)
    raise GatewayAway("no answer")


def test_every_call_goes_through(friend: Friend) -> None:
    guarded = Guarded(friend)
    invoice = Invoice("k", 100, "KRW", "", "", "https://shop.example")

    assert guarded.start(invoice) == Started("k", "https://friend.example")
    assert guarded.look_up("1") == PAID
    assert guarded.capture("1", amount=100, key="k") == PAID
    assert guarded.void("1", key="k") == PAID
    assert guarded.refund("1", amount=1, currency="KRW", key="k") == Returned("k")
    assert guarded.read_webhook({}, b"") == []
    assert friend.calls == 6


@pytest.mark.django_db(transaction=True)
def test_quick_calls_wait_for_each_other_and_all_are_made(friend: Friend) -> None:
    guarded = Guarded(friend)
    friend.act = lambda: time.sleep(0.02)

    results = run_together(lambda _number: guarded.look_up("1"), times=10)

    assert told(results) == {"ok": 10}


@pytest.mark.django_db(transaction=True)
def test_silence_is_waited_for_by_one(friend: Friend) -> None:
    guarded = Guarded(friend)
    friend.act = be_silent

    started = time.monotonic()
    results = run_together(lambda _number: guarded.look_up("1"), times=10)

    assert told(results) == {"GatewayAway": 10}
    assert friend.calls == 1
    assert time.monotonic() - started < 30


def test_silent_provider_is_left_alone_and_tried_again(
    friend: Friend, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = Guarded(friend)
    friend.act = be_silent
    with pytest.raises(GatewayAway, match="no answer"):
        guarded.look_up("1")
    friend.act = lambda: None

    with pytest.raises(GatewayAway, match="a moment ago"):
        guarded.look_up("1")
    now = time.monotonic()
    monkeypatch.setattr("common.breaker.time.monotonic", lambda: now + 2)

    assert guarded.look_up("1") == PAID
    assert guard.breaker.away() == []
    assert friend.calls == 2


@pytest.mark.parametrize("error", [GatewayAway, GatewayRefused])
def test_quick_error_holds_nobody_up(friend: Friend, error: type[Exception]) -> None:
    guarded = Guarded(friend)

    def fail() -> None:
        raise error("at once")

    friend.act = fail
    for _ in range(3):
        with pytest.raises(error, match="at once"):
            guarded.look_up("1")

    assert friend.calls == 3


def test_more_are_let_in_where_the_settings_say_so(
    friend: Friend, settings: Settings
) -> None:
    settings.PROVIDER_CALLS = 2
    guarded = Guarded(friend)
    both_are_in = threading.Barrier(2, timeout=5)
    friend.act = both_are_in.wait

    threads = [threading.Thread(target=guarded.look_up, args=["1"]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert friend.calls == 2
    assert not both_are_in.broken
