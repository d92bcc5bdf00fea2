"""How long events wait that did not get through, and when they are given up."""

from datetime import timedelta
from typing import Literal

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from outbox import services as outbox
from outbox.models import Dispatch, Event
from outbox.services import Outcome, OutgoingEvent
from tests.outbox.steps import (
    deliver_all,
    let_time_pass,
    publish,
)
from tests.outbox.steps import subscriptions as subscriptions
from tests.outbox.subscribers import first, second

HOUR, DAY = 3_600, 86_400
OURS = [1, 2, 4, 8, 16, 32, 60, 60]
OTHERS = [5 * 2**n for n in range(15)] + [DAY] * 3


@pytest.mark.parametrize(
    ("patience", "expected"), [("soon", OURS), ("patient", OTHERS)]
)
def test_pauses_double_up_to_a_minute_or_a_day(
    patience: Literal["soon", "patient"],
    expected: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("outbox.services.random.random", lambda: 1.0)
    first.answer = lambda _event: Outcome(error="no", patience=patience)
    publish(1)

    pauses = []
    for _ in expected:
        assert outbox.deliver_due() == 1
        pauses.append(round(pause_of_the_only_one()))
        assert outbox.deliver_due() == 0
        let_time_pass(DAY + 1)

    assert pauses == expected


def test_part_of_each_pause_is_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    first.answer = lambda _event: Outcome(error="no", patience="patient")
    for n in range(30):
        publish(n)

    deliver_all()

    # A short pause may be over before the last event was tried, and then it doubles.
    tried_once = Dispatch.objects.filter(attempts=1)
    pause = F("next_attempt_at") - Now()
    pauses = [row.total_seconds() for (row,) in tried_once.values_list(pause)]
    assert max(pauses) <= 5
    # Thirty in the same half second of five would be no chance.
    assert max(pauses) - min(pauses) > 0.5


def pause_of_the_only_one() -> float:
    pause = F("next_attempt_at") - Now()
    seconds: float = Dispatch.objects.values_list(pause).get()[0].total_seconds()
    return seconds


def old_event(*, attempts: int, days: int = 4) -> Event:
    """Write an event of days ago, tried so many times."""
    event = Event.objects.create(
        topic="paid",
        aggregate="order/1",
        payload={"n": 1},
        occurred_at=timezone.now() - timedelta(days=days),
    )
    outbox.address()
    Dispatch.objects.update(attempts=attempts)
    return event


def test_event_is_given_up_loudly_after_its_last_attempt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first.answer = lambda _event: Outcome(error="HTTP 500", patience="patient")
    event = old_event(attempts=19)

    deliver_all()

    assert Dispatch.objects.dead().get().attempts == 20
    assert (
        f"given up: paid of order/1 (event {event.pk}) after 20 attempts: HTTP 500"
        in caplog.messages
    )
    assert Dispatch.objects.stuck().count() == 1


def test_no_event_is_given_up_before_it_is_three_days_old() -> None:
    first.answer = lambda _event: Outcome(error="HTTP 500", patience="patient")
    old_event(attempts=50, days=2)

    deliver_all()

    assert Dispatch.objects.waiting().get().attempts == 51


def test_event_is_never_given_up_because_its_subscriber_is_away() -> None:
    first.answer = lambda _event: Outcome(error="no route", is_away=True)
    old_event(attempts=5_000)

    deliver_all()

    assert Dispatch.objects.waiting().get().last_error == "no route"
    assert pause_of_the_only_one() <= outbox.AWAY_PAUSE.total_seconds()


def test_event_that_alone_does_not_get_through_waits_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As with a proxy that resets the connection at one large body, again and again.
    monkeypatch.setattr("outbox.services.random.random", lambda: 1.0)
    first.answer = lambda event: (
        Outcome(error="reset", is_away=True, patience="patient")
        if event.payload["n"] == 1
        else Outcome()
    )
    publish(1)
    outbox.address()
    Dispatch.objects.update(attempts=9)
    publish(2)

    deliver_all()

    assert first.payloads() == [1, 2]
    assert round(pause_of_waiting()) == 5 * 2**9


def test_event_that_was_not_sent_has_not_been_tried() -> None:
    first.answer = lambda event: (
        Outcome(error="not sent", is_untried=True, is_away=True)
        if event.payload["n"] == 1
        else Outcome()
    )
    publish(1)
    publish(2)

    deliver_all()

    assert Dispatch.objects.waiting().get().attempts == 0
    assert pause_of_waiting() <= outbox.AWAY_PAUSE.total_seconds()


def test_what_waits_is_hurried_on_once_its_subscriber_takes_something() -> None:
    first.answer = lambda _event: Outcome(error="HTTP 500", patience="patient")
    for n in range(4):
        publish(n)
    outbox.deliver_due()
    Dispatch.objects.update(next_attempt_at=Now() + timedelta(hours=9))
    first.answer = lambda _event: Outcome()

    publish(9)
    outbox.deliver_due()

    pause = F("next_attempt_at") - Now()
    waiting = Dispatch.objects.waiting().values_list(pause)
    assert len(waiting) == 4
    assert all(row <= timedelta(seconds=30) for (row,) in waiting)


def test_one_bad_event_is_not_hurried_on_by_the_others() -> None:
    first.answer = lambda event: (
        Outcome(error="HTTP 500", patience="patient")
        if event.payload["n"] == 1
        else Outcome()
    )
    publish(1)
    outbox.deliver_due()
    Dispatch.objects.update(next_attempt_at=Now() + timedelta(hours=9))

    publish(2)
    outbox.deliver_due()

    assert pause_of_waiting() > 8 * HOUR


def pause_of_waiting() -> float:
    pause = F("next_attempt_at") - Now()
    [(found,)] = Dispatch.objects.waiting().values_list(pause)
    seconds: float = found.total_seconds()
    return seconds


def test_bug_that_one_event_meets_does_not_hold_up_its_batch() -> None:
    def answer(event: OutgoingEvent) -> Outcome:
        if event.payload["n"] == 3:
            raise RuntimeError("a bug")
        return Outcome()

    first.answer = answer
    for n in range(8):
        publish(n)

    deliver_all()

    waiting = Dispatch.objects.waiting().get()
    assert (waiting.event.payload, waiting.last_error) == (
        {"n": 3},
        "RuntimeError: a bug",
    )


def test_bug_that_all_meet_is_not_tried_with_each() -> None:
    def answer(_event: OutgoingEvent) -> Outcome:
        raise RuntimeError("a bug")

    first.answer = answer
    for n in range(50):
        publish(n)

    outbox.deliver_due()

    assert first.calls == [50, 1, 1, 1]
    assert Dispatch.objects.waiting().filter(attempts=0).count() == 47


def test_subscriber_that_is_away_is_tried_with_one_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("common.breaker.FIRST_PAUSE", 0.0)
    first.answer = lambda _event: Outcome(error="no route", is_away=True)
    for n in range(5):
        publish(n)

    outbox.deliver_due()
    let_time_pass(60)
    outbox.deliver_due()
    assert first.calls == [5, 1]

    first.answer = lambda _event: Outcome()
    let_time_pass(60)
    deliver_all()
    assert first.calls == [5, 1, 1, 4]
    assert not Dispatch.objects.waiting().exists()


def test_subscriber_that_is_away_is_left_alone_for_a_while() -> None:
    first.answer = lambda _event: Outcome(error="no route", is_away=True)
    publish(1, topic="both")
    outbox.deliver_due()

    publish(2, topic="both")
    let_time_pass(60)
    deliver_all()

    assert first.payloads() == [1]
    assert second.payloads() == [1, 2]


def test_one_miss_among_deliveries_is_no_absence() -> None:
    first.answer = lambda event: Outcome(
        error="reset" if event.payload["n"] == 1 else "",
        is_away=event.payload["n"] == 1,
    )
    publish(1)
    publish(2)
    outbox.deliver_due()

    publish(3)
    deliver_all()

    # On a slow machine it is time for the first one again.
    assert first.payloads()[:3] == [1, 2, 3]
