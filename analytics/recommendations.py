"""Which products go together, counted anew every night from orders and visits.

The score of a pair is its lift, shrunk towards 1::

    score(a, b) = (together + k) / (expected + k),   expected = with_a · with_b / all

``together`` are the shoppers who took both within a window, ``with_a`` those who took
``a`` at all, ``all`` everybody. Without ``k`` this is the lift of Brin, Motwani, Ullman
and Tsur (1997), which thinks the world of two slow sellers that met once. With it, it
is the mean of what a gamma prior around 1 makes of the observation (DuMouchel, 1999,
"Bayesian data mining in large frequency tables"): a few shoppers move it little, many
move it all the way. Shoppers are counted and not orders, so that one who buys the same
two things weekly is one; and a pair takes two of them, so that no list tells what one
person bought.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from analytics.models import PairKind, PairRun
from common.days import shop_day
from common.db import use_case

SHRINKAGE = 10.0  # k, in shoppers
FEWEST_TOGETHER = 2
PAIRS_PER_PRODUCT = 24
# Pairs grow with the square of what a shopper took: the newest so many count.
ACTS_PER_SHOPPER = 60
ORDER_HISTORY = timedelta(days=180)
ORDER_WINDOW = timedelta(days=2)  # what was forgotten is ordered right after
VIEW_HISTORY = timedelta(days=30)
VIEW_WINDOW = timedelta(0)  # only in one visit
FAVOURITES_PER_CATEGORY = 24
FAVOURITE_DAYS = 7
# What a day is worth of the next one.
FAVOURITE_DECAY = 0.8
NIGHT = timedelta(hours=3)
PAIRS_LOCK = 0x0D0751  # any constant that nobody else uses
# The sums of a large shop take time, and fit into memory; in this transaction only.
PATIENCE = {"work_mem": "256MB", "statement_timeout": "230s"}

# Both give: who, in which basket, what, when. A guest is known by the address.
_BOUGHT = """
    SELECT coalesce('u' || bought.user_id, lower(bought.email)) AS who,
           bought.id AS basket, line.product_id, line.paid_at AS at
      FROM orders_orderline AS line
      JOIN orders_order AS bought ON bought.id = line.order_id
     WHERE line.paid_at >= %(since)s AND line.paid_at < %(until)s
       AND bought.status IN ('paid', 'processing', 'shipped', 'delivered')
"""
_VIEWED = """
    SELECT actor AS who, session AS basket, product_id, max(at) AS at
      FROM analytics_behaviourevent
     WHERE kind = 'view' AND at >= %(since)s AND at < %(until)s
     GROUP BY actor, session, product_id
"""
# Only rows that differ are written, so a second run changes nothing.
_PAIRS_SQL = """
    WITH act AS MATERIALIZED (
        SELECT who, basket, product_id, at FROM (
            SELECT source.*, row_number() OVER (
                       PARTITION BY who ORDER BY at DESC, basket, product_id) AS place
              FROM ({source}) AS source) AS ranked
         WHERE place <= %(acts)s
    ), taken AS (
        SELECT product_id, count(DISTINCT who) AS shoppers FROM act GROUP BY product_id
    ), everybody AS (
        SELECT count(DISTINCT who) AS shoppers FROM act
    ), met AS (
        SELECT one.who, one.product_id AS a, two.product_id AS b,
               count(*) FILTER (WHERE one.basket = two.basket) AS baskets
          FROM act AS one
          JOIN act AS two ON two.who = one.who AND two.product_id > one.product_id
           AND (two.basket = one.basket
                OR two.at BETWEEN one.at - %(window)s AND one.at + %(window)s)
         GROUP BY one.who, one.product_id, two.product_id
    ), pair AS (
        SELECT a, b, count(*) AS together, sum(baskets) AS baskets
          FROM met GROUP BY a, b HAVING count(*) >= %(fewest)s
    ), scored AS (
        SELECT pair.*, round(((pair.together + %(k)s)
                   / (one.shoppers::float8 * two.shoppers / everybody.shoppers + %(k)s)
                   )::numeric, 6)::float8 AS score
          FROM pair
          JOIN taken AS one ON one.product_id = pair.a
          JOIN taken AS two ON two.product_id = pair.b
         CROSS JOIN everybody
    ), both_ways AS (
        SELECT a AS product_id, b AS other_id, score, together, baskets FROM scored
         UNION ALL
        SELECT b, a, score, together, baskets FROM scored
    ), ranked AS (
        SELECT both_ways.*, row_number() OVER (
                   PARTITION BY product_id
                       ORDER BY score DESC, together DESC, other_id) AS place
          FROM both_ways
          JOIN catalog_product AS other ON other.id = both_ways.other_id
         WHERE score > 1 AND other.published_at <= now()
    ), fresh AS (
        SELECT * FROM ranked WHERE place <= %(pairs)s
    ), changed AS (
        SELECT fresh.*, old.id AS old_id
          FROM fresh
          FULL JOIN (SELECT * FROM analytics_itempair WHERE kind = %(kind)s) AS old
            ON old.product_id = fresh.product_id AND old.other_id = fresh.other_id
         WHERE fresh.product_id IS NULL OR old.id IS NULL
            OR (old.score, old.together, old.orders)
               IS DISTINCT FROM (fresh.score, fresh.together, fresh.baskets)
    ), stale AS (
        DELETE FROM analytics_itempair AS old
         USING changed WHERE changed.product_id IS NULL AND old.id = changed.old_id
     RETURNING old.id
    ), written AS (
        INSERT INTO analytics_itempair AS old (product_id, other_id, kind, score,
            together, orders)
        SELECT product_id, other_id, %(kind)s, score, together, baskets
          FROM changed WHERE product_id IS NOT NULL
            ON CONFLICT (product_id, kind, other_id) DO UPDATE
           SET score = excluded.score, together = excluded.together,
               orders = excluded.orders
     RETURNING old.id
    )
    SELECT (SELECT count(*) FROM fresh),
           (SELECT count(*) FROM stale) + (SELECT count(*) FROM written)
"""
PAIRS_SQL = {
    PairKind.BOUGHT: _PAIRS_SQL.format(source=_BOUGHT),
    PairKind.VIEWED: _PAIRS_SQL.format(source=_VIEWED),
}
HISTORY = {
    PairKind.BOUGHT: (ORDER_HISTORY, ORDER_WINDOW),
    PairKind.VIEWED: (VIEW_HISTORY, VIEW_WINDOW),
}
FAVOURITES_SQL = """
    WITH sold AS (
        SELECT product.category_id, product.id AS product_id,
               sum(sales.units - sales.refunded_units) AS units,
               round(sum((sales.units - sales.refunded_units)
                   * %(decay)s ^ (%(today)s::date - sales.day))::numeric, 6)::float8
               AS score
          FROM analytics_dailysales AS sales
          JOIN catalog_product AS product ON product.id = sales.product_id
         WHERE sales.day > %(today)s::date - %(days)s::int AND sales.day <= %(today)s
           AND product.published_at <= now()
         GROUP BY product.category_id, product.id
    ), ranked AS (
        SELECT sold.*, row_number() OVER (
                   PARTITION BY category_id ORDER BY score DESC, product_id) AS place
          FROM sold WHERE units > 0 AND score > 0
    ), fresh AS (
        SELECT * FROM ranked WHERE place <= %(favourites)s
    ), changed AS (
        SELECT fresh.*, old.id AS old_id
          FROM fresh
          FULL JOIN analytics_categoryfavourite AS old
            ON old.category_id = fresh.category_id AND old.product_id = fresh.product_id
         WHERE fresh.product_id IS NULL OR old.id IS NULL
            OR (old.score, old.units) IS DISTINCT FROM (fresh.score, fresh.units)
    ), stale AS (
        DELETE FROM analytics_categoryfavourite AS old
         USING changed WHERE changed.product_id IS NULL AND old.id = changed.old_id
     RETURNING old.id
    ), written AS (
        INSERT INTO analytics_categoryfavourite AS old (category_id, product_id, score,
            units)
        SELECT category_id, product_id, score, units
          FROM changed WHERE product_id IS NOT NULL
            ON CONFLICT (category_id, product_id) DO UPDATE
           SET score = excluded.score, units = excluded.units
     RETURNING old.id
    )
    SELECT (SELECT count(*) FROM stale) + (SELECT count(*) FROM written)
"""


@dataclass(frozen=True, slots=True)
class Made:
    """What a run left: pairs in the table, and how many rows it had to change."""

    pairs: int
    changed: int


@use_case
def make_pairs(kind: PairKind) -> Made:
    """Count the pairs of a kind anew; what did not change is not written."""
    started = time.monotonic()
    until = timezone.now()
    history, window = HISTORY[kind]
    params: dict[str, Any] = {
        "kind": kind.value,
        "since": until - history,
        "until": until,
        "window": window,
        "acts": ACTS_PER_SHOPPER,
        "fewest": FEWEST_TOGETHER,
        "pairs": PAIRS_PER_PRODUCT,
        "k": SHRINKAGE,
    }
    with connection.cursor() as cursor:
        _alone(cursor, list(PairKind).index(kind))
        for setting in PATIENCE.items():
            cursor.execute("SELECT set_config(%s, %s, true)", setting)
        cursor.execute(PAIRS_SQL[kind], params)
        made = Made(*cursor.fetchone())
    PairRun.objects.update_or_create(
        kind=kind,
        defaults={
            "computed_at": Now(),
            "pairs": made.pairs,
            "changed": made.changed,
            "seconds": round(time.monotonic() - started, 3),
        },
    )
    return made


@use_case
def make_favourites() -> int:
    """Rank each category's sales of the week anew; return how many rows changed."""
    with connection.cursor() as cursor:
        _alone(cursor, len(PairKind))
        cursor.execute(
            FAVOURITES_SQL,
            {
                "today": shop_day(timezone.now()),
                "days": FAVOURITE_DAYS,
                "decay": FAVOURITE_DECAY,
                "favourites": FAVOURITES_PER_CATEGORY,
            },
        )
        return int(cursor.fetchone()[0])


def make_all() -> None:
    """Make favourites and both kinds of pairs."""
    make_favourites()
    for kind in PairKind:
        make_pairs(kind)


def make_due() -> None:
    """Refresh the favourites, and once a night the pairs; a missed night is made up."""
    make_favourites()
    # A night begins at three, shop time, when hardly anybody shops.
    night = shop_day(timezone.now() - NIGHT)
    runs = dict(PairRun.objects.values_list("kind", "computed_at"))
    for kind in PairKind:
        if kind not in runs or shop_day(runs[kind] - NIGHT) < night:
            make_pairs(kind)


def _alone(cursor: Any, what: int) -> None:
    # Two runs at once would trip over each other's rows.
    cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [PAIRS_LOCK, what])
