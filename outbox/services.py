"""Events are stored with the change they describe, and delivered after it.

Delivery is at least once, and in order per aggregate: a subscriber never sees an event
before it has had the earlier ones of the same aggregate. A claim is a lease: the worker
commits it before it calls the subscriber, so a crash costs a delay and never an event.
A subscriber must return well within the lease.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from common.breaker import Breaker
from common.db import Pipeline, Statement, pipeline, requires_transaction
from common.ids import uuid7
from outbox import wake
from outbox.models import Dispatch, Event

BATCH = 100
FIRST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(minutes=1)
# With the pauses above these are about three days.
MAX_ATTEMPTS = 4_330

logger = logging.getLogger(__name__)

PUBLISH_SQL = """
    INSERT INTO outbox_event (id, topic, aggregate, payload, occurred_at)
    VALUES (%(id)s, %(topic)s, %(aggregate)s, %(payload)s::jsonb, now())
"""

# Only the oldest waiting dispatch of an aggregate may go, and each subscriber waits
# for itself alone. Workers step over what others have locked. ``only`` is one
# subscriber, or NULL for all but ``away``. The transaction's now() would be too early:
# it may have waited for the stamping.
CLAIM_SQL = """
    WITH due AS (
        SELECT candidate.id
          FROM outbox_dispatch AS candidate
         WHERE candidate.delivered_at IS NULL AND candidate.dead_at IS NULL
           AND candidate.next_attempt_at <= statement_timestamp()
           AND candidate.subscriber <> ALL(%(away)s::text[])
           AND candidate.subscriber = coalesce(%(only)s, candidate.subscriber)
           AND NOT EXISTS (
               SELECT FROM outbox_dispatch AS earlier
                WHERE earlier.delivered_at IS NULL AND earlier.dead_at IS NULL
                  AND earlier.subscriber = candidate.subscriber
                  AND earlier.aggregate = candidate.aggregate
                  AND earlier.id < candidate.id)
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
    # given up for it.
    is_away: bool = False

    @property
    def is_delivered(self) -> bool:
        """Tell whether the subscriber has it."""
        return not self.error


Subscriber = Callable[[Sequence[OutgoingEvent]], Sequence[Outcome]]
DELIVERED = Outcome()
breaker = Breaker()


@dataclass(frozen=True, slots=True)
class _Claimed:
    dispatch_id: int
    event: OutgoingEvent


@requires_transaction
def publish(*, topic: str, aggregate: str, payload: dict[str, Any]) -> None:
    """Store an event in the transaction of the change it describes."""
    with pipeline() as pipe:
        queue_publish(pipe, topic=topic, aggregate=aggregate, payload=payload)


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
        outcomes = _call(name, [item.event for item in claimed])
        _note_absence(name, outcomes)
        _settle(claimed, outcomes)
    return sum(len(claimed) for claimed in by_subscriber.values())


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


@transaction.atomic
def replay(*, dispatch_ids: Sequence[int]) -> int:
    """Let dead or waiting dispatches be tried again at once; return how many."""
    return (
        Dispatch.objects.filter(pk__in=dispatch_ids, delivered_at__isnull=True)
    ).update(dead_at=None, attempts=0, next_attempt_at=Now(), last_error="")


@transaction.atomic
def _claim() -> dict[str, list[_Claimed]]:
    """Claim what is due, by subscriber; commit the claim before anything is sent."""
    away = breaker.away()
    with connection.cursor() as cursor:
        _address(cursor)
        rows = _claim_rows(cursor, batch=BATCH, away=away, only=None)
        for name in breaker.due():
            rows += _claim_rows(cursor, batch=1, away=[], only=name)
    by_subscriber: dict[str, list[_Claimed]] = {}
    for dispatch_id, subscriber, attempts, *event in sorted(rows):
        claimed = _Claimed(dispatch_id, _outgoing(event, attempts))
        by_subscriber.setdefault(subscriber, []).append(claimed)
    return by_subscriber


def _address(cursor: Any) -> None:
    # Waiting for others to be done is short; who does not wait can miss a fresh event.
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [STAMP_LOCK])
    cursor.execute(STAMP_SQL, subscriptions())


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


def _call(name: str, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    try:
        subscriber: Subscriber = import_string(name)
        return subscriber(events)
    except Exception as error:
        # A subscriber's bug must not stop the others.
        logger.exception("subscriber %s failed", name)
        return [Outcome(error=f"{type(error).__name__}: {error}")] * len(events)


def _note_absence(name: str, outcomes: Sequence[Outcome]) -> None:
    is_there = any(outcome.is_delivered for outcome in outcomes)
    if not is_there and any(outcome.is_away for outcome in outcomes):
        breaker.failed(name)
    else:
        breaker.answered(name)


def _settle(claimed: Sequence[_Claimed], outcomes: Sequence[Outcome]) -> None:
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
            _settle_failure(item, outcome)


def _settle_failure(item: _Claimed, outcome: Outcome) -> None:
    attempt = item.event.attempt
    # A lease can have run out: then the number is another worker's, and so is the say.
    dispatch = Dispatch.objects.waiting().filter(pk=item.dispatch_id, attempts=attempt)
    is_too_often = attempt >= MAX_ATTEMPTS and not outcome.is_away
    if outcome.is_final or is_too_often:
        dispatch.update(dead_at=Now(), last_error=outcome.error[:500])
        return
    dispatch.update(
        next_attempt_at=Now() + pause_after(attempt), last_error=outcome.error[:500]
    )


def pause_after(attempt: int) -> timedelta:
    """Return the pause before the next attempt: 1 s, 2 s, 4 s … 1 min."""
    doublings: int = 2 ** min(attempt - 1, 20)
    return min(FIRST_RETRY * doublings, LONGEST_RETRY)
