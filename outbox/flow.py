"""How the outbox is doing: what waits, how long events take, how many get through."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from common.db import run

# Whom a look is about, besides the name of one subscriber.
EVERYBODY, OWN, OTHERS = "", "own", "others"
HOURS = 24
# The newest rows are looked at: a page does not wait for all there ever were.
LOOKED_AT, TIMED = 20_000, 2_000

_OF = """
    (%(who)s::text = '' OR subscriber = %(who)s::text
     OR %(who)s::text = 'own' AND strpos(subscriber, '#') = 0
     OR %(who)s::text = 'others' AND strpos(subscriber, '#') > 0)
"""
# What the relay has not even looked at yet is on its way to everybody.
STANDING_SQL = f"""
    SELECT (SELECT count(*) FROM outbox_dispatch
             WHERE delivered_at IS NULL AND dead_at IS NULL AND {_OF}),
           (SELECT count(*) FROM outbox_dispatch
             WHERE dead_at IS NOT NULL AND handled_at IS NULL AND {_OF}),
           (SELECT count(*) FROM outbox_event WHERE sequence IS NULL),
           least((SELECT min(event.occurred_at)
                    FROM outbox_dispatch JOIN outbox_event AS event
                      ON event.id = outbox_dispatch.event_id
                   WHERE delivered_at IS NULL AND dead_at IS NULL AND {_OF}),
                 (SELECT min(occurred_at) FROM outbox_event WHERE sequence IS NULL))
"""  # noqa: S608 — our own text
NEWEST_SQL = """
    WITH newest AS (
        SELECT event_id, subscriber, delivered_at FROM outbox_dispatch
         ORDER BY id DESC LIMIT %(limit)s::bigint
    )
"""
HOURS_SQL = f"""{NEWEST_SQL}
    SELECT date_trunc('hour', delivered_at), count(*) FROM newest
     WHERE delivered_at >= %(since)s::timestamptz AND {_OF}
     GROUP BY 1
"""  # noqa: S608 — our own text
LAG_SQL = f"""{NEWEST_SQL}
    SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
               ORDER BY extract(epoch FROM delivered_at - event.occurred_at)), count(*)
      FROM newest JOIN outbox_event AS event ON event.id = newest.event_id
     WHERE delivered_at IS NOT NULL AND {_OF}
"""  # noqa: S608 — our own text


@dataclass(frozen=True, slots=True)
class Flow:
    """What is on its way to somebody.

    ``fresh`` events have no way yet; ``p50`` and ``p99`` are seconds from the fact to
    its delivery, of the ``timed`` latest; ``hours`` are UTC, each with what arrived.
    """

    waiting: int
    dead: int
    fresh: int
    oldest: datetime | None
    p50: float | None
    p99: float | None
    timed: int
    hours: list[tuple[datetime, int]]


def flow(who: str = EVERYBODY) -> Flow:
    """Look at what is on its way to a subscriber, or to one of three crowds."""
    now = timezone.now()
    first = now.replace(minute=0, second=0, microsecond=0)
    first -= timedelta(hours=HOURS - 1)
    asked: dict[str, Any] = {"who": who, "since": first}
    [(waiting, dead, fresh, oldest)] = run(STANDING_SQL, {"who": who}).rows()
    arrived = dict(run(HOURS_SQL, asked | {"limit": LOOKED_AT}).rows())
    [(lags, timed)] = run(LAG_SQL, {"who": who, "limit": TIMED}).rows()
    p50, p99 = lags or (None, None)
    hours = [first + timedelta(hours=n) for n in range(HOURS)]
    return Flow(
        waiting=waiting,
        dead=dead,
        fresh=fresh,
        oldest=oldest,
        p50=p50,
        p99=p99,
        timed=timed,
        hours=[(hour, arrived.get(hour, 0)) for hour in hours],
    )
