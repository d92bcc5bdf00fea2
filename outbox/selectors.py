"""How the outbox stands, and which of its dispatches somebody means."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Now

from common.db import run
from outbox.models import Dispatch, DispatchQuerySet

HOUR = timedelta(hours=1)

WAITING_SQL = """
    SELECT dispatch.subscriber,
           count(*) FILTER (WHERE dispatch.dead_at IS NULL),
           count(*) FILTER (WHERE dispatch.dead_at IS NOT NULL
                              AND dispatch.handled_at IS NULL),
           extract(epoch FROM now() - min(event.occurred_at)
               FILTER (WHERE dispatch.dead_at IS NULL))::float8
      FROM outbox_dispatch AS dispatch
      JOIN outbox_event AS event ON event.id = dispatch.event_id
     WHERE dispatch.delivered_at IS NULL
       AND (%(topic)s::text = '' OR event.topic = %(topic)s::text)
     GROUP BY dispatch.subscriber
"""
# By the event's time, which has an index: late deliveries of older events are in the
# figures above as long as they wait.
LAG_SQL = """
    SELECT subscriber, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY lag),
           percentile_cont(0.99) WITHIN GROUP (ORDER BY lag)
      FROM (SELECT dispatch.subscriber,
                   extract(epoch FROM dispatch.delivered_at - event.occurred_at)::float8
              FROM outbox_event AS event
              JOIN outbox_dispatch AS dispatch ON dispatch.event_id = event.id
             WHERE event.occurred_at > now() - %(seconds)s::float8 * interval '1 s'
               AND dispatch.delivered_at IS NOT NULL
               AND (%(topic)s::text = '' OR event.topic = %(topic)s::text)
           ) AS told (subscriber, lag)
     GROUP BY subscriber
"""
FRESH_SQL = """
    SELECT count(*), extract(epoch FROM now() - min(occurred_at))::float8
      FROM outbox_event WHERE sequence IS NULL
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subscriber stands; ages and lags are in seconds, of deliveries lately."""

    subscriber: str
    waiting: int = 0
    dead: int = 0
    oldest: float | None = None
    delivered: int = 0
    lag_p50: float | None = None
    lag_p99: float | None = None


@dataclass(frozen=True, slots=True)
class Fresh:
    """Events that the relay has not looked at; ``oldest`` in seconds."""

    waiting: int
    oldest: float | None


@dataclass(frozen=True, slots=True)
class Which:
    """What somebody wants of the dispatches; what is empty does not matter."""

    subscriber: str = ""
    topic: str = ""
    aggregate: str = ""
    older_than: timedelta | None = None
    younger_than: timedelta | None = None
    ids: tuple[int, ...] = ()


def status(*, within: timedelta = HOUR, topic: str = "") -> list[Standing]:
    """Return how each subscriber stands that something waits for, or was told lately.

    Lags are of events that are younger than ``within``.
    """
    asked = {"topic": topic, "seconds": within.total_seconds()}
    waiting = {row[0]: row[1:] for row in run(WAITING_SQL, asked).rows()}
    told = {row[0]: row[1:] for row in run(LAG_SQL, asked).rows()}
    return [
        Standing(
            name, *waiting.get(name, (0, 0, None)), *told.get(name, (0, None, None))
        )
        for name in sorted({*waiting, *told})
    ]


def fresh() -> Fresh:
    """Return how many events have no number yet, and the age of the oldest."""
    count, oldest = run(FRESH_SQL, {}).rows()[0]
    return Fresh(count, oldest)


def chosen(which: Which) -> DispatchQuerySet:
    """Return the dispatches that are meant, with their events, in their order.

    A subscriber's name stands for those that are served apart under it (``name#7``).
    """
    found = Dispatch.objects.all()
    if which.subscriber:
        name = which.subscriber
        apart = Q(subscriber__startswith=f"{name}#")
        found = found.filter(Q(subscriber=name) | apart)
    if which.topic:
        found = found.filter(event__topic=which.topic)
    if which.aggregate:
        found = found.filter(aggregate=which.aggregate)
    if which.older_than is not None:
        found = found.filter(event__occurred_at__lt=Now() - which.older_than)
    if which.younger_than is not None:
        found = found.filter(event__occurred_at__gt=Now() - which.younger_than)
    if which.ids:
        found = found.filter(pk__in=which.ids)
    return found.select_related("event").order_by(F("event__position"), "pk")
