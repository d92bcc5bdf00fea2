"""Events are stored with the change they describe, and delivered after it.

Delivery is at least once, and in order per aggregate: a subscriber never sees an event
before it has had the earlier ones of the same aggregate. A claim is a lease: the worker
commits it before it calls the subscriber, so a crash costs a delay and never an event.
"""

import json
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

from common.db import Pipeline, Statement, pipeline, requires_transaction
from common.ids import uuid7
from outbox import wake
from outbox.models import Dispatch

# How long a worker may be busy with what it claimed before another may take it over.
LEASE = timedelta(seconds=30)
BATCH = 100
FIRST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(minutes=10)
# With the pauses above these are about three days.
MAX_ATTEMPTS = 450

PUBLISH_SQL = """
    WITH event AS (
        INSERT INTO outbox_event (id, topic, aggregate, payload, occurred_at)
        VALUES (%(id)s, %(topic)s, %(aggregate)s, %(payload)s::jsonb, now())
     RETURNING id, aggregate
    )
    INSERT INTO outbox_dispatch (event_id, subscriber, aggregate, attempts,
        next_attempt_at, last_error)
    SELECT event.id, subscriber, event.aggregate, 0, now(), ''
      FROM event, unnest(%(subscribers)s::text[]) AS subscriber
"""

# Only the oldest waiting dispatch of an aggregate may go, and each subscriber waits
# for itself alone. Nothing leaves without its sequence number. Workers step over what
# others have locked.
CLAIM_SQL = """
    WITH due AS (
        SELECT candidate.id
          FROM outbox_dispatch AS candidate
         WHERE candidate.delivered_at IS NULL AND candidate.dead_at IS NULL
           AND candidate.next_attempt_at <= now()
           AND EXISTS (SELECT FROM outbox_event AS stamped
                        WHERE stamped.id = candidate.event_id
                          AND stamped.sequence IS NOT NULL)
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
           next_attempt_at = now() + make_interval(secs => %(lease)s)
      FROM due, outbox_event AS event
     WHERE dispatch.id = due.id AND event.id = dispatch.event_id
 RETURNING dispatch.id, dispatch.subscriber, dispatch.attempts, event.id, event.topic,
           event.aggregate, event.payload, event.occurred_at, event.sequence
"""

# Gapless, because only one relay stamps at a time and what it stamps is committed.
STAMP_SQL = """
    WITH head AS (SELECT coalesce(max(sequence), 0) AS last FROM outbox_event),
    fresh AS (
        SELECT id, row_number() OVER (ORDER BY id) AS place
          FROM outbox_event WHERE sequence IS NULL
    )
    UPDATE outbox_event SET sequence = head.last + fresh.place
      FROM fresh, head WHERE outbox_event.id = fresh.id
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

    @property
    def is_delivered(self) -> bool:
        """Tell whether the subscriber has it."""
        return not self.error


Subscriber = Callable[[Sequence[OutgoingEvent]], Sequence[Outcome]]
DELIVERED = Outcome()


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
    """Queue an event and its dispatches; wake the relay once it is committed."""
    subscribers = list(settings.OUTBOX_SUBSCRIPTIONS[topic])
    if subscribers:
        # Robust: the order is committed; whatever the wake-up does cannot undo it.
        transaction.on_commit(wake.relay, robust=True)
    params = {
        "id": uuid7(),
        "topic": topic,
        "aggregate": aggregate,
        "payload": json.dumps(payload, cls=DjangoJSONEncoder),
        "subscribers": subscribers,
    }
    return pipe.run(PUBLISH_SQL, params)


def deliver_due() -> int:
    """Hand one batch of due events to their subscribers; return how many were tried."""
    by_subscriber = _claim()
    for name, claimed in by_subscriber.items():
        _settle(claimed, _call(name, [item.event for item in claimed]))
    return sum(len(claimed) for claimed in by_subscriber.values())


@transaction.atomic
def replay(*, dispatch_ids: Sequence[int]) -> int:
    """Let dead or waiting dispatches be tried again at once; return how many."""
    return (
        Dispatch.objects.filter(pk__in=dispatch_ids, delivered_at__isnull=True)
    ).update(dead_at=None, attempts=0, next_attempt_at=Now(), last_error="")


@transaction.atomic
def _claim() -> dict[str, list[_Claimed]]:
    """Claim what is due, by subscriber; committed before anything is sent."""
    by_subscriber: dict[str, list[_Claimed]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [STAMP_LOCK])
        if cursor.fetchone()[0]:
            cursor.execute(STAMP_SQL)
        cursor.execute(CLAIM_SQL, {"batch": BATCH, "lease": LEASE.total_seconds()})
        rows = sorted(cursor.fetchall())
    for (
        dispatch_id,
        subscriber,
        attempts,
        event_id,
        topic,
        aggregate,
        payload,
        *rest,
    ) in rows:
        event = OutgoingEvent(
            id=event_id,
            topic=topic,
            aggregate=aggregate,
            payload=payload if isinstance(payload, dict) else json.loads(payload),
            occurred_at=rest[0],
            sequence=rest[1],
            attempt=attempts,
        )
        by_subscriber.setdefault(subscriber, []).append(_Claimed(dispatch_id, event))
    return by_subscriber


def _call(name: str, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    subscriber: Subscriber = import_string(name)
    try:
        return subscriber(events)
    except Exception as error:  # noqa: BLE001 — a subscriber's bug must not stop the rest
        return [Outcome(error=f"{type(error).__name__}: {error}")] * len(events)


def _settle(claimed: Sequence[_Claimed], outcomes: Sequence[Outcome]) -> None:
    delivered = [
        item.dispatch_id
        for item, outcome in zip(claimed, outcomes, strict=True)
        if outcome.is_delivered
    ]
    # Guarded, because a lease can have run out and another worker been quicker.
    Dispatch.objects.filter(pk__in=delivered, dead_at__isnull=True).update(
        delivered_at=Now(), last_error=""
    )
    for item, outcome in zip(claimed, outcomes, strict=True):
        if not outcome.is_delivered:
            _settle_failure(item, outcome)


def _settle_failure(item: _Claimed, outcome: Outcome) -> None:
    dispatch = Dispatch.objects.waiting().filter(pk=item.dispatch_id)
    if outcome.is_final or item.event.attempt >= MAX_ATTEMPTS:
        dispatch.update(dead_at=Now(), last_error=outcome.error[:500])
        return
    dispatch.update(
        next_attempt_at=Now() + pause_after(item.event.attempt),
        last_error=outcome.error[:500],
    )


def pause_after(attempt: int) -> timedelta:
    """Return the pause before the next attempt: 1 s, 2 s, 4 s … 10 min."""
    doublings: int = 2 ** min(attempt - 1, 20)
    return min(FIRST_RETRY * doublings, LONGEST_RETRY)
