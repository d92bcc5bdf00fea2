"""How messages are doing: what waits, how long they take, how many go out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from common.db import run

HOURS = 24
# The newest rows are looked at: a page does not wait for all there ever were.
LOOKED_AT, TIMED = 20_000, 2_000

STANDING_SQL = """
    SELECT count(*) FILTER (WHERE state = 'queued'),
           count(*) FILTER (WHERE state = 'failed'),
           min(created_at) FILTER (WHERE state = 'queued')
      FROM notifications_message
     WHERE state IN ('queued', 'failed')
       AND (%(channel)s::text = '' OR channel = %(channel)s::text)
"""
NEWEST_SQL = """
    WITH newest AS (
        SELECT channel, created_at, sent_at FROM notifications_message
         ORDER BY id DESC LIMIT %(limit)s::bigint
    )
"""
HOURS_SQL = f"""{NEWEST_SQL}
    SELECT date_trunc('hour', sent_at), count(*) FROM newest
     WHERE sent_at >= %(since)s::timestamptz
       AND (%(channel)s::text = '' OR channel = %(channel)s::text)
     GROUP BY 1
"""  # noqa: S608 — our own text
LAG_SQL = f"""{NEWEST_SQL}
    SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
               ORDER BY extract(epoch FROM sent_at - created_at)), count(*)
      FROM newest
     WHERE sent_at IS NOT NULL
       AND (%(channel)s::text = '' OR channel = %(channel)s::text)
"""  # noqa: S608 — our own text


@dataclass(frozen=True, slots=True)
class Flow:
    """What is on its way by a channel, or by all.

    ``p50`` and ``p99`` are seconds from the making of a message to its sending, of the
    ``timed`` latest; ``hours`` are UTC, each with what was sent.
    """

    waiting: int
    failed: int
    oldest: datetime | None
    p50: float | None
    p99: float | None
    timed: int
    hours: list[tuple[datetime, int]]


def flow(channel: str = "") -> Flow:
    """Look at what is on its way by a channel, or by all of them."""
    first = timezone.now().replace(minute=0, second=0, microsecond=0)
    first -= timedelta(hours=HOURS - 1)
    asked: dict[str, Any] = {"channel": channel}
    [(waiting, failed, oldest)] = run(STANDING_SQL, asked).rows()
    since = {"since": first, "limit": LOOKED_AT}
    sent = dict(run(HOURS_SQL, asked | since).rows())
    [(lags, timed)] = run(LAG_SQL, asked | {"limit": TIMED}).rows()
    p50, p99 = lags or (None, None)
    hours = [first + timedelta(hours=n) for n in range(HOURS)]
    return Flow(
        waiting=waiting,
        failed=failed,
        oldest=oldest,
        p50=p50,
        p99=p99,
        timed=timed,
        hours=[(hour, sent.get(hour, 0)) for hour in hours],
    )
