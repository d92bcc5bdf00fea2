"""The stream of paid orders, to be pulled again, and a proof that nothing is missing.

A manifest names what the stream holds of a shop day. Its SHA-256 is taken over the
events' ids in the order of their sequence, each as 36 ASCII characters (lower case,
with hyphens) and one line feed (0x0A); of a day without events, over no byte at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from analytics.reports.periods import Period
from common.days import bounds, shop_zone
from outbox.models import Event
from outbox.services import OutgoingEvent

TOPIC = "order.paid"
SETTLED = timedelta(minutes=5)
# Final after five minutes, which is longer than any transaction may take: one that
# began before midnight has ended by then.
MANIFEST_SQL = """
    SELECT count(sequence), min(sequence), max(sequence),
           encode(sha256(convert_to(
               coalesce(string_agg(id::text || chr(10), '' ORDER BY sequence)
                            FILTER (WHERE sequence IS NOT NULL), ''),
               'UTF8')), 'hex'),
           count(*) = count(sequence) AND now() >= %(end)s + interval '5 minutes'
      FROM outbox_event
     WHERE topic = %(topic)s
       AND occurred_at >= %(start)s AND occurred_at < %(end)s
"""


# Whom the outbox calls for the platform.
PUSH = "analytics.data_platform.push"
SENT_SQL = """
    SELECT (event.occurred_at AT TIME ZONE %(zone)s)::date, count(*),
           count(event.sequence), min(event.sequence), max(event.sequence),
           count(dispatch.delivered_at),
           count(*) FILTER (WHERE dispatch.dead_at IS NOT NULL
                              AND dispatch.handled_at IS NULL),
           count(dispatch.handled_at)
      FROM outbox_event AS event
      LEFT JOIN outbox_dispatch AS dispatch
        ON dispatch.event_id = event.id AND dispatch.subscriber = %(push)s
     WHERE event.topic = %(topic)s
       AND event.occurred_at >= %(start)s AND event.occurred_at < %(end)s
     GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What of a shop day's paid orders the data platform has confirmed."""

    day: date
    is_over: bool
    count: int = 0
    stamped: int = 0
    first_sequence: int | None = None
    last_sequence: int | None = None
    delivered: int = 0
    dead: int = 0
    handled: int = 0

    @property
    def waiting(self) -> int:
        return self.count - self.delivered - self.dead - self.handled

    @property
    def is_complete(self) -> bool:
        return self.is_over and self.count == self.stamped == self.delivered


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the stream holds of a shop day, which is [``start``, ``end``) in UTC.

    It is final once the day is over and all its events have their numbers.
    """

    day: date
    start: datetime
    end: datetime
    count: int
    first_sequence: int | None
    last_sequence: int | None
    sha256: str
    is_final: bool


def page(*, after: int, limit: int) -> Sequence[OutgoingEvent]:
    """Return the events that follow a sequence number, at most ``limit``, in order."""
    events = Event.objects.filter(topic=TOPIC, sequence__gt=after)
    return [_outgoing(event) for event in events.order_by("sequence")[:limit]]


def last_sequence() -> int:
    """Return the number of the newest event; all before it are there."""
    found = Event.objects.filter(topic=TOPIC).aggregate(last=Max("sequence"))
    return found["last"] or 0


def sent(period: Period) -> list[Sent]:
    """Return of each day of a period what the platform has taken, oldest first."""
    start, end = period.bounds()
    params: dict[str, Any] = {
        "topic": TOPIC,
        "push": PUSH,
        "start": start,
        "end": end,
        "zone": shop_zone().key,
    }
    with connection.cursor() as cursor:
        cursor.execute(SENT_SQL, params)
        numbers = {day: rest for day, *rest in cursor.fetchall()}
    now = timezone.now()
    return [
        Sent(day, bounds(day)[1] + SETTLED <= now, *numbers.get(day, ()))
        for day in period.days()
    ]


def manifest(day: date) -> Manifest:
    """Describe a shop day of the stream."""
    start, end = bounds(day)
    with connection.cursor() as cursor:
        cursor.execute(MANIFEST_SQL, {"topic": TOPIC, "start": start, "end": end})
        [row] = cursor.fetchall()
    return Manifest(day, start, end, *row)


def _outgoing(event: Event) -> OutgoingEvent:
    return OutgoingEvent(
        id=event.pk,
        topic=event.topic,
        aggregate=event.aggregate,
        payload=event.payload,
        occurred_at=event.occurred_at,
        sequence=event.sequence,
        attempt=1,
    )
