"""Counts how far the visits and orders of a shop day came; again, as long as they move.

The counts outlive what they are made of, so a day is never counted again once some of
its behaviour may have been forgotten.
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from analytics.behaviour import KEEP
from analytics.models import ReportRun
from common.days import bounds, shop_day
from common.db import use_case

# Orders are paid, and behaviour is told of, some time after it happened.
LOOK_BACK = 3  # days
# Between the making of an order's id and the moment it is written with.
SLACK = timedelta(days=1)

# The ids of orders are in the order of time, and have the index for it.
_COUNT_DAY = """
    WITH visit AS (
        SELECT actor, bool_or(kind = 'view') AS viewed, bool_or(kind = 'add') AS added,
               bool_or(kind = 'purchase') AS bought
          FROM analytics_behaviourevent
         WHERE at >= %(start)s AND at < %(end)s
         GROUP BY actor
    ), "order" AS (
        SELECT count(*) AS placed, count(paid_at) AS paid FROM orders_order
         WHERE id >= %(lowest)s AND id < %(highest)s
           AND placed_at >= %(start)s AND placed_at < %(end)s
    )
    INSERT INTO analytics_dailyfunnel AS old (day, visits, viewed, added, bought,
        placed, paid)
    SELECT %(day)s, count(*), count(*) FILTER (WHERE viewed),
           count(*) FILTER (WHERE added), count(*) FILTER (WHERE bought),
           (SELECT placed FROM "order"), (SELECT paid FROM "order")
      FROM visit
        ON CONFLICT (day) DO UPDATE
       SET visits = excluded.visits, viewed = excluded.viewed, added = excluded.added,
           bought = excluded.bought, placed = excluded.placed, paid = excluded.paid
     WHERE (old.visits, old.viewed, old.added, old.bought, old.placed, old.paid)
        IS DISTINCT FROM (excluded.visits, excluded.viewed, excluded.added,
                          excluded.bought, excluded.placed, excluded.paid)
"""


@use_case
def count_day(day: date) -> int:
    """Count a shop day anew; return whether (1) or not (0) that changed its row.

    A day that reaches behind what is kept of the behaviour stays as it is.
    """
    start, end = bounds(day)
    if start < timezone.now() - KEEP + SLACK:
        return 0
    params: dict[str, Any] = {
        "day": day,
        "start": start,
        "end": end,
        "lowest": _lowest_id(start - SLACK),
        "highest": _lowest_id(end + SLACK),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_DAY, params)
        return int(cursor.rowcount)


def count_fresh_days() -> int:
    """Count today and the days that may still change; return how many rows did."""
    today = shop_day(timezone.now())
    changed = sum(count_day(today - timedelta(days=n)) for n in range(LOOK_BACK + 1))
    _note_run(changed)
    return changed


@use_case
def _note_run(changed: int) -> None:
    ReportRun.objects.update_or_create(
        name=ReportRun.FUNNEL, defaults={"computed_at": Now(), "changed": changed}
    )


def _lowest_id(moment: datetime) -> UUID:
    return UUID(int=int(moment.timestamp() * 1000) << 80)
