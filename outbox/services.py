"""Events are stored with the change they describe, and delivered after it.

Delivery is at least once, and in order per aggregate: a subscriber never sees an event
before it has had the earlier ones of the same aggregate. A claim is a lease: the worker
commits it before it calls the subscriber, so a crash costs a delay and never an event.
A subscriber must return well within the lease.

Most subscribers are functions of the shop. ``path.to.function#7`` is one of many that
come and go: the function gets "7" as well, and each of them is served apart, so that
nobody waits for one who is slow.
"""

import json
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.module_loading import import_string

from common.breaker import Breaker
from common.db import Pipeline, Statement, pipeline, requires_transaction, run
from common.ids import uuid7
from outbox import wake
from outbox.models import Dispatch, Event
from outbox.repair import mark_handled as mark_handled
from outbox.repair import noted
from outbox.repair import replay as replay
from outbox.repair import send_again as send_again


class Patience(NamedTuple):
    """How an event that fails is tried again: after pauses that double, jittered."""

    first: timedelta
    longest: timedelta
    attempts: int


BATCH = 100
# "soon" is for the shop's own work, whose faults we mend ourselves: money and letters
# wait for it. "patient" is for systems of others: 5 s, 10 s, 20 s … a day.
PATIENCE = {
    "soon": Patience(timedelta(seconds=1), timedelta(minutes=1), 4_330),
    "patient": Patience(timedelta(seconds=5), timedelta(days=1), 20),
}
# Nothing is given up before, however the dice of the pauses fall.
YOUNGEST_DEAD = timedelta(days=3)
# The breaker knocks for all of them; who is back is to be served at once.
AWAY_PAUSE = timedelta(seconds=5)
# One of several can be unlucky; when these fail in a row, the subscriber is broken.
FAILURES_IN_A_ROW = 3

logger = logging.getLogger(__name__)

PUBLISH_SQL = """
    INSERT INTO outbox_event (id, topic, aggregate, payload, occurred_at)
    VALUES (%(id)s, %(topic)s, %(aggregate)s, %(payload)s::jsonb, now())
"""
PUBLISH_MANY_SQL = """
    INSERT INTO outbox_event (id, topic, aggregate, payload, occurred_at)
    SELECT id, %(topic)s::text, aggregate, payload::jsonb, now()
      FROM unnest(%(ids)s::uuid[], %(aggregates)s::text[], %(payloads)s::text[])
           WITH ORDINALITY AS fresh (id, aggregate, payload, place)
     ORDER BY place
"""

# Only the oldest waiting dispatch of an aggregate may go, and each subscriber waits
# for itself alone. Workers step over what others have locked. ``only`` is one
# subscriber, or NULL for all but ``away`` and those who are served apart. The
# transaction's now() would be too early: it may have waited for the stamping. OFFSET 0
# keeps the inner query one look into its index per row: what has just been stamped is
# in no statistics, and a join of "no rows" would compare all with all.
CLAIM_SQL = """
    WITH due AS (
        SELECT candidate.id
          FROM outbox_dispatch AS candidate
         WHERE candidate.delivered_at IS NULL AND candidate.dead_at IS NULL
           AND candidate.next_attempt_at <= statement_timestamp()
           AND candidate.subscriber <> ALL(%(away)s::text[])
           AND candidate.subscriber = coalesce(%(only)s, candidate.subscriber)
           AND (strpos(candidate.subscriber, '#') = 0 OR %(only)s::text IS NOT NULL)
           AND NOT EXISTS (
               SELECT FROM outbox_dispatch AS earlier
                WHERE earlier.delivered_at IS NULL AND earlier.dead_at IS NULL
                  AND earlier.subscriber = candidate.subscriber
                  AND earlier.aggregate = candidate.aggregate
                  AND earlier.id < candidate.id
               OFFSET 0)
         ORDER BY candidate.next_attempt_at, candidate.id
         LIMIT %(batch)s
           FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE outbox_dispatch AS dispatch
       SET attempts = attempts + 1,
           next_attempt_at = statement_timestamp() + make_interval(secs => %(lease)s)
      FROM due, outbox_event AS event
     WHERE dispatch.id = due.id AND event.id = dispatch.event_id
 RETURNING dispatch.id, dispatch.subscriber, dispatch.attempts, event.id, event.topic,
           event.aggregate, event.payload, event.occurred_at, event.sequence
"""

# Gapless in each topic: one relay at a time stamps, and commits what it stamped. It
# addresses the events as well, so that a purchase writes one row however many listen.
# The position is given under the lock of whatever the event is about, which makes it
# the order of an aggregate's events; a clock would not.
STAMP_SQL = """
    WITH fresh AS (
        SELECT id, topic, aggregate, position,
               row_number() OVER (PARTITION BY topic ORDER BY position) AS place
          FROM outbox_event WHERE sequence IS NULL
    ), head AS (
        SELECT topic, coalesce((SELECT max(stamped.sequence)
                                  FROM outbox_event AS stamped
                                 WHERE stamped.topic = topics.topic), 0) AS last
          FROM (SELECT DISTINCT topic FROM fresh) AS topics
    ), stamped AS (
        UPDATE outbox_event AS event SET sequence = head.last + fresh.place
          FROM fresh JOIN head ON head.topic = fresh.topic
         WHERE event.id = fresh.id
    )
    INSERT INTO outbox_dispatch (event_id, subscriber, aggregate, attempts,
        next_attempt_at, last_error)
    SELECT fresh.id, subscription.subscriber, fresh.aggregate, 0, now(), ''
      FROM fresh
      JOIN unnest(%(topics)s::text[], %(subscribers)s::text[])
           AS subscription (topic, subscriber) ON subscription.topic = fresh.topic
     ORDER BY fresh.position
"""
STAMP_LOCK = 0x0D07A26  # any constant that nobody else uses
APART = "#"


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event as a subscriber gets it. ``attempt`` is 1 the first time."""

    id: UUID
    topic: str
    aggregate: str
    payload: dict[str, Any]
    occurred_at: datetime
    sequence: int | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event: delivered, to be tried again, or hopeless."""

    error: str = ""
    is_final: bool = False
    # The subscriber is out of reach. That is no fault of the event, which is never
    # given up for it, unless others get through meanwhile.
    is_away: bool = False
    # It was not even sent, so this does not count as an attempt.
    is_untried: bool = False
    patience: Literal["soon", "patient"] = "soon"

    @property
    def is_delivered(self) -> bool:
        """Tell whether the subscriber has it."""
        return not self.error


Subscriber = Callable[[Sequence[OutgoingEvent]], Sequence[Outcome]]
DELIVERED = Outcome()
breaker = Breaker()
# Who took nothing the last time, as far as this process knows.
_in_trouble: set[str] = set()


@dataclass(frozen=True, slots=True)
class _Claimed:
    dispatch_id: int
    event: OutgoingEvent


@requires_transaction
def publish(*, topic: str, aggregate: str, payload: dict[str, Any]) -> None:
    """Store an event in the transaction of the change it describes."""
    with pipeline() as pipe:
        queue_publish(pipe, topic=topic, aggregate=aggregate, payload=payload)


@requires_transaction
def publish_many(*, topic: str, payloads: Mapping[str, dict[str, Any]]) -> None:
    """Store events of one topic, by aggregate, in one statement and in their order."""
    if settings.OUTBOX_SUBSCRIPTIONS[topic]:
        transaction.on_commit(wake.relay, robust=True)
    params = {
        "topic": topic,
        "ids": [uuid7() for _aggregate in payloads],
        "aggregates": list(payloads),
        "payloads": [
            json.dumps(payload, cls=DjangoJSONEncoder) for payload in payloads.values()
        ],
    }
    run(PUBLISH_MANY_SQL, params)


def queue_publish(
    pipe: Pipeline, *, topic: str, aggregate: str, payload: dict[str, Any]
) -> Statement:
    """Queue an event; wake the relay once it is committed."""
    if settings.OUTBOX_SUBSCRIPTIONS[topic]:
        # Robust: the order is committed; whatever the wake-up does cannot undo it.
        transaction.on_commit(wake.relay, robust=True)
    params = {
        "id": uuid7(),
        "topic": topic,
        "aggregate": aggregate,
        "payload": json.dumps(payload, cls=DjangoJSONEncoder),
    }
    return pipe.run(PUBLISH_SQL, params)


def deliver_due() -> int:
    """Hand one batch of due events to their subscribers; return how many were tried."""
    by_subscriber = _claim()
    for name, claimed in by_subscriber.items():
        _hand_over(name, claimed)
    return sum(len(claimed) for claimed in by_subscriber.values())


def due_apart(function: str) -> list[str]:
    """Return who of those that ``function`` serves apart has something due."""
    due = Dispatch.objects.waiting().filter(
        subscriber__startswith=f"{function}{APART}", next_attempt_at__lte=Now()
    )
    return sorted(set(due.values_list("subscriber", flat=True)))


def deliver_to(name: str) -> int:
    """Hand one batch to a subscriber who is served apart; return how many were due.

    Who took nothing the last time is left in peace, then sent one, however much waits.
    """
    if not breaker.may_try(name):
        return 0
    batch = 1 if name in breaker.away() else BATCH
    with transaction.atomic(), connection.cursor() as cursor:
        rows = _claim_rows(cursor, batch=batch, away=[], only=name)
    claimed = _claimed(rows).get(name, [])
    if claimed:
        _hand_over(name, claimed)
    return len(claimed)


def is_drained() -> bool:
    """Tell whether every event has got to everybody, or was given up."""
    fresh = Event.objects.filter(sequence=None)
    return not fresh.exists() and not Dispatch.objects.waiting().exists()


@transaction.atomic
def address() -> None:
    """Give the fresh events their numbers and dispatches; send nothing."""
    with connection.cursor() as cursor:
        _address(cursor)


def subscriptions() -> dict[str, list[str]]:
    """Return who hears of what, as two lists of equal length."""
    pairs = [
        (topic, subscriber)
        for topic, subscribers in settings.OUTBOX_SUBSCRIPTIONS.items()
        for subscriber in subscribers
    ]
    return {
        "topics": [topic for topic, _subscriber in pairs],
        "subscribers": [subscriber for _topic, subscriber in pairs],
    }


@requires_transaction
def forget(name: str) -> None:
    """Drop what was for a subscriber who is gone; the events themselves stay."""
    Dispatch.objects.filter(subscriber=name).delete()


@transaction.atomic
def _claim() -> dict[str, list[_Claimed]]:
    """Claim what is due, by subscriber; commit the claim before anything is sent."""
    away = breaker.away()
    with connection.cursor() as cursor:
        _address(cursor)
        rows = _claim_rows(cursor, batch=BATCH, away=away, only=None)
        for name in breaker.due():
            rows += _claim_rows(cursor, batch=1, away=[], only=name)
    return _claimed(rows)


def _claimed(rows: Sequence[tuple[Any, ...]]) -> dict[str, list[_Claimed]]:
    by_subscriber: dict[str, list[_Claimed]] = {}
    for dispatch_id, subscriber, attempts, *event in sorted(rows):
        claimed = _Claimed(dispatch_id, _outgoing(event, attempts))
        by_subscriber.setdefault(subscriber, []).append(claimed)
    return by_subscriber


def _address(cursor: Any) -> None:
    # Waiting for others to be done is short; who does not wait can miss a fresh event.
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [STAMP_LOCK])
    cursor.execute(STAMP_SQL, _everybody())


def _everybody() -> dict[str, list[str]]:
    """Return who hears of what at this moment, with those who come and go."""
    found = subscriptions()
    for name in settings.OUTBOX_MORE_SUBSCRIPTIONS:
        for topic, subscriber in import_string(name)():
            found["topics"].append(topic)
            found["subscribers"].append(subscriber)
    return found


def _claim_rows(
    cursor: Any, *, batch: int, away: list[str], only: str | None
) -> list[tuple[Any, ...]]:
    params = {
        "batch": batch,
        "lease": settings.OUTBOX_LEASE_SECONDS,
        "away": away,
        "only": only,
    }
    cursor.execute(CLAIM_SQL, params)
    return list(cursor.fetchall())


def _outgoing(row: list[Any], attempt: int) -> OutgoingEvent:
    event_id, topic, aggregate, payload, occurred_at, sequence = row
    return OutgoingEvent(
        id=event_id,
        topic=topic,
        aggregate=aggregate,
        payload=payload if isinstance(payload, dict) else json.loads(payload),
        occurred_at=occurred_at,
        sequence=sequence,
        attempt=attempt,
    )


def _hand_over(name: str, claimed: Sequence[_Claimed]) -> None:
    outcomes = _call(name, [item.event for item in claimed])
    is_there = any(outcome.is_delivered for outcome in outcomes)
    _note(name, outcomes)
    _settle(claimed, outcomes, is_there=is_there)


def _call(name: str, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    try:
        return _subscriber(name)(events)
    except Exception as error:
        # A subscriber's bug must not stop the others.
        logger.exception("subscriber %s failed", name)
        if len(events) > 1:
            return _call_one_by_one(name, events)
        return [_failure(error)]


def _subscriber(name: str) -> Subscriber:
    path, _mark, which = name.partition(APART)
    function: Callable[..., Sequence[Outcome]] = import_string(path)
    return partial(function, which) if which else function


def _call_one_by_one(name: str, events: Sequence[OutgoingEvent]) -> list[Outcome]:
    """Find out which event it was that a subscriber could not take."""
    outcomes: list[Outcome] = []
    in_a_row = 0
    for event in events:
        if in_a_row >= FAILURES_IN_A_ROW:
            outcomes.append(Outcome(error="not tried: others failed", is_untried=True))
            continue
        outcomes += _call(name, [event])
        in_a_row = 0 if outcomes[-1].is_delivered else in_a_row + 1
    return outcomes


def _failure(error: Exception) -> Outcome:
    return Outcome(error=f"{type(error).__name__}: {error}")


def _note(name: str, outcomes: Sequence[Outcome]) -> None:
    """Remember who is away or takes nothing; hurry on what waits for who is back."""
    failed = [outcome for outcome in outcomes if not outcome.is_delivered]
    if len(failed) < len(outcomes):
        breaker.answered(name)
        if name in _in_trouble:
            _in_trouble.discard(name)
            _hurry(name)
    elif any(outcome.is_away for outcome in failed) or _takes_nothing(name, failed):
        breaker.failed(name)
        _in_trouble.add(name)
    else:
        breaker.answered(name)
        if len(failed) >= FAILURES_IN_A_ROW:
            _in_trouble.add(name)


def _takes_nothing(name: str, failed: Sequence[Outcome]) -> bool:
    return APART in name and not any(outcome.is_final for outcome in failed)


@transaction.atomic
def _hurry(name: str) -> None:
    """Cut pauses that grew while a subscriber took nothing down to a lease's length.

    What ends sooner may be the lease of another worker.
    """
    soon = Now() + timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
    late = (
        Dispatch.objects.waiting()
        .filter(subscriber=name, next_attempt_at__gt=soon)
        .select_for_update(no_key=True, skip_locked=True)
    )
    ids = list(late.values_list("pk", flat=True))
    Dispatch.objects.filter(pk__in=ids).update(next_attempt_at=soon)


@transaction.atomic
def _settle(
    claimed: Sequence[_Claimed], outcomes: Sequence[Outcome], *, is_there: bool
) -> None:
    """Write down what became of each; ``is_there`` if others of them got through."""
    delivered = [
        item.dispatch_id
        for item, outcome in zip(claimed, outcomes, strict=True)
        if outcome.is_delivered
    ]
    Dispatch.objects.waiting().filter(pk__in=delivered).update(
        delivered_at=Now(), last_error=""
    )
    for item, outcome in zip(claimed, outcomes, strict=True):
        if not outcome.is_delivered:
            _settle_failure(item, outcome, is_away=outcome.is_away and not is_there)


def _settle_failure(item: _Claimed, outcome: Outcome, *, is_away: bool) -> None:
    event, error = item.event, outcome.error[:500]
    # A lease can have run out: then the number is another worker's, and so is the say.
    dispatch = Dispatch.objects.waiting().filter(
        pk=item.dispatch_id, attempts=event.attempt
    )
    failures = noted(event.attempt, error)
    if outcome.is_untried:
        dispatch.update(
            attempts=F("attempts") - 1,
            next_attempt_at=Now() + _jittered(AWAY_PAUSE),
            last_error=error,
        )
    elif outcome.is_final or (_is_too_often(event, outcome) and not is_away):
        if dispatch.update(dead_at=Now(), last_error=error, failures=failures):
            _alert(item, error)
    else:
        pause = AWAY_PAUSE if is_away else pause_after(event.attempt, outcome.patience)
        dispatch.update(
            next_attempt_at=Now() + _jittered(pause),
            last_error=error,
            failures=failures,
        )


def _is_too_often(event: OutgoingEvent, outcome: Outcome) -> bool:
    is_old = event.occurred_at < timezone.now() - YOUNGEST_DEAD
    return is_old and event.attempt >= PATIENCE[outcome.patience].attempts


def _alert(item: _Claimed, error: str) -> None:
    # What a log's watcher looks for; the dashboard of the admin counts the same.
    logger.error(
        "given up: %s of %s (event %s) after %d attempts: %s",
        item.event.topic,
        item.event.aggregate,
        item.event.id,
        item.event.attempt,
        error,
    )


def pause_after(attempt: int, patience: str) -> timedelta:
    """Return the longest pause before the next attempt: 5 s, 10 s, 20 s … 24 h."""
    doublings: int = 2 ** min(attempt - 1, 20)
    return min(PATIENCE[patience].first * doublings, PATIENCE[patience].longest)


def _jittered(pause: timedelta) -> timedelta:
    """Return any part of a pause: who failed together does not come back together."""
    return pause * random.random()
