"""The sales rollup and the best sellers, over a history that grows."""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from analytics import services as analytics
from analytics.selectors import best_sellers
from benchmarks import data
from benchmarks.measure import Row
from benchmarks.runs import Plan, say
from common.days import bounds, shop_day

PRODUCTS = 20_000
PER_DAY, PER_BUSY_DAY = 11_000, 111_000
BUSY_DAYS = 3
REPEATS = 7
# Days of quiet history, before and after it has grown.
HISTORY, LONG_HISTORY = 18, 90
BIG_HISTORY, BIG_LONG_HISTORY = 90, 900

# Few products sell most. Nothing but the rollup reads these lines: no order has them.
_LINES = """
    INSERT INTO orders_orderline (order_id, product_id, sku, name, unit_price, quantity,
        discount_share, paid_at)
    SELECT uuidv7(), 1 + floor(%(products)s * random() ^ 3)::bigint, 'SKU', 'Thing',
           1000 + n %% 9000, 1 + n %% 3, n %% 100,
           %(start)s::timestamptz + random() * interval '24 hours'
      FROM generate_series(1, %(lines)s::bigint) AS n
"""
# All the columns of the rollup; their sum keeps PostgreSQL from leaving any out.
_AGGREGATE = """
    SELECT sum(units), sum(orders), sum(revenue)
      FROM (SELECT product_id, sum(quantity) AS units, count(*) AS orders,
                   sum(unit_price * quantity - discount_share) AS revenue
              FROM orders_orderline
             WHERE paid_at >= %(start)s AND paid_at < %(end)s
             GROUP BY product_id) AS day
"""
_LIVE_TOP = """
    SELECT product_id, sum(quantity) AS units,
           sum(unit_price * quantity - discount_share) AS revenue
      FROM orders_orderline
     WHERE paid_at >= %(start)s AND paid_at < %(end)s
     GROUP BY product_id ORDER BY units DESC, revenue DESC, product_id LIMIT 5
"""
# The past of the rollup itself: what a report reads grows along with the lines.
_ROLL_UP_PAST = """
    INSERT INTO analytics_dailysales (day, product_id, units, orders, revenue,
        refunded_units, refunded)
    SELECT %(day)s, product_id, sum(quantity), count(*),
           sum(unit_price * quantity - discount_share), 0, 0
      FROM orders_orderline
     WHERE paid_at >= %(start)s AND paid_at < %(end)s
     GROUP BY product_id ON CONFLICT DO NOTHING
"""
_DIFFERENCES = """
    WITH live AS (
        SELECT product_id, sum(quantity)::bigint AS units, count(*) AS orders,
               sum(unit_price * quantity - discount_share)::bigint AS revenue
          FROM orders_orderline
         WHERE paid_at >= %(start)s AND paid_at < %(end)s GROUP BY product_id
    ), kept AS (
        SELECT product_id, units, orders, revenue
          FROM analytics_dailysales WHERE day = %(day)s
    )
    SELECT count(*) FROM ((TABLE live EXCEPT TABLE kept)
                          UNION ALL (TABLE kept EXCEPT TABLE live)) AS difference
"""


def rollup(plan: Plan) -> Iterator[Row]:
    """Measure how long a day takes to roll up, and whether its past makes it slower."""
    history, long_history = (
        (BIG_HISTORY, BIG_LONG_HISTORY) if plan.is_big else (HISTORY, LONG_HISTORY)
    )
    data.fresh()
    data.add_products(data.PRODUCTS + 1, PRODUCTS)
    today = shop_day(timezone.now())
    quiet, busy = today - timedelta(days=BUSY_DAYS + 1), today - timedelta(days=1)
    _sell(today - timedelta(days=BUSY_DAYS - 1), BUSY_DAYS, PER_BUSY_DAY)
    _sell(quiet - timedelta(days=history - 1), history, PER_DAY)
    yield from _exactness(today, quiet, busy)
    yield from _against_aggregate(quiet, PER_DAY, 4)
    yield from _against_aggregate(busy, PER_BUSY_DAY, 2.2)
    yield _top_row(today)
    before = _median_ms(lambda: analytics.roll_up_day(quiet)), _median_ms(best_sellers)
    older = long_history - history
    _sell(quiet - timedelta(days=long_history - 1), older, PER_DAY)
    after = _median_ms(lambda: analytics.roll_up_day(quiet)), _median_ms(best_sellers)
    for name, short, long in zip(("a day", "top 5"), before, after, strict=True):
        yield _times_row(
            f"rollup: {name} at {long_history} days, of {history} days",
            long,
            short,
            1.5,
        )


def _exactness(today: date, quiet: date, busy: date) -> Iterator[Row]:
    for back in range(BUSY_DAYS):
        analytics.roll_up_day(today - timedelta(days=back))
    analytics.roll_up_day(quiet)
    again = analytics.roll_up_day(quiet) + analytics.roll_up_day(busy)
    yield _count_row("rollup: rows changed by a second run", again)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE analytics_dailysales SET units = units + 1 WHERE id % 10 = 0"
        )
        cursor.execute(
            "DELETE FROM analytics_dailysales WHERE id %% 10 = 1 AND day = %s", [busy]
        )
    for day in (today, today - timedelta(days=2), quiet, busy):
        analytics.roll_up_day(day)
    data.tidy()
    differences = sum(
        _ask(_DIFFERENCES, _of(day) | {"day": day}) for day in (quiet, busy)
    )
    yield _count_row("rollup: differences from the orders after damage", differences)


def _against_aggregate(day: date, lines: int, bar: float) -> Iterator[Row]:
    bare, rebuilt = _alternate(
        lambda: _ask(_AGGREGATE, _of(day)), lambda: analytics.roll_up_day(day)
    )
    name = f"rollup: a day of {lines:,} lines, of its bare aggregate"
    yield _times_row(name, rebuilt, bare, bar)


def _top_row(today: date) -> Row:
    window = {
        "start": bounds(today - timedelta(days=BUSY_DAYS - 1))[0],
        "end": bounds(today)[1],
    }
    live, kept = _alternate(lambda: _ask(_LIVE_TOP, window), best_sellers)
    name = f"top 5 of {BUSY_DAYS} days of {PER_BUSY_DAY:,} lines, of the live query"
    return _times_row(name, kept, live, 0.5)


def _sell(first: date, days: int, lines: int) -> None:
    say(f"{days} × {lines:,} lines …")
    with connection.cursor() as cursor:
        # Without foreign keys, for there are no orders.
        cursor.execute("SET session_replication_role = replica")
        for number in range(days):
            start = bounds(first + timedelta(days=number))[0]
            cursor.execute(
                _LINES, {"products": PRODUCTS, "start": start, "lines": lines}
            )
            day = first + timedelta(days=number)
            cursor.execute(_ROLL_UP_PAST, _of(day) | {"day": day})
        cursor.execute("RESET session_replication_role")
    data.tidy()


def _of(day: date) -> dict[str, Any]:
    start, end = bounds(day)
    return {"start": start, "end": end}


def _ask(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.fetchall()[0][0])


def _alternate(*calls: Callable[[], object]) -> list[float]:
    """Time each call in turn, several times; return their medians in ms."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(REPEATS):
        for call, took in zip(calls, times, strict=True):
            took.append(_ms(call))
    return [statistics.median(took) for took in times]


def _median_ms(call: Callable[[], object]) -> float:
    return _alternate(call)[0]


def _ms(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000


def _times_row(name: str, subject: float, limit: float, bar: float) -> Row:
    return Row(
        name=name,
        subject=f"{subject:.1f} ms",
        limit=f"{limit:.1f} ms",
        ratio=subject / limit,
        bar=bar,
        at_most=True,
    )


def _count_row(name: str, count: int) -> Row:
    return Row(
        name=name, subject=str(count), limit="", ratio=count, bar=0, at_most=True
    )
