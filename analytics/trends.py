"""Makes the products' scores anew: what sold ever, this month, and more than usual.

**Decayed score.** Each day's orders, and a small part of each day's looks, count half
as much for every ``HALF_LIFE`` days that have passed: ``sum(x * 2 ** (-age / half))``,
the exponential smoothing of Holt and Brown with weights that need no memory.

**On the rise.** The orders of the last ``RECENT`` days beside those of the ``USUAL``
days before: ``z = (recent - expected) / sqrt(RECENT * max(variance, mean) + 1)``.
Counts vary at least as much as their mean (Poisson), and the 1 keeps products that
hardly sell from jumping to the top with their second order. Orders and not units: one
that buys a hundred is one.
"""

from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Min
from django.db.models.functions import Now
from django.utils import timezone

from analytics.models import DailySales, ProductScore, ReportRun
from catalog import services as catalog
from common.days import bounds, shop_day, shop_zone
from common.db import use_case

HALF_LIFE = 3.0  # days
# Days; the usual ones end where the recent ones begin. A shop that has not been open
# for so long has fewer.
RECENT, USUAL = 3, 28
MONTH = 30
# Days after which less than a thousandth of a day is left of it.
REMEMBERED = 30
# A look is worth so much of an order: about one in twenty buys.
LOOK = 0.05

# Nobody's row is written, or even locked, unless something of it differs. The scores
# are rounded, for sums of floating point depend on the order of their parts.
_SCORES = """
    WITH ever AS (
        SELECT product_id, sum((units - refunded_units)::float8)::bigint AS units,
               sum((revenue - refunded)::float8)::bigint AS revenue
          FROM analytics_dailysales GROUP BY product_id
    ), month AS (
        SELECT product_id, sum(units - refunded_units)::bigint AS units,
               sum(revenue - refunded)::bigint AS revenue
          FROM analytics_dailysales
         WHERE day BETWEEN %(today)s::date - (%(month)s - 1) AND %(today)s
         GROUP BY product_id
    ), demand AS (
        SELECT product_id,
               sum(orders) FILTER (WHERE age < %(recent)s) AS recent,
               sum(orders) FILTER (WHERE age >= %(recent)s) AS before,
               sum(orders * orders) FILTER (WHERE age >= %(recent)s) AS squares,
               sum(orders * power(2::float8, -age / %(half)s::float8))
                   FILTER (WHERE age < %(remembered)s) AS score
          FROM (SELECT product_id, orders, (%(today)s::date - day) AS age
                  FROM analytics_dailysales
                 WHERE day BETWEEN %(today)s::date - (%(recent)s + %(usual)s - 1)
                                   AND %(today)s) AS sales
         GROUP BY product_id
    ), looks AS (
        SELECT product_id, sum(visits) FILTER (WHERE age < %(recent)s) AS recent,
               sum(visits * power(2::float8, -age / %(half)s::float8)) AS score
          FROM (SELECT product_id, %(today)s::date - (at AT TIME ZONE %(zone)s)::date
                       AS age, count(DISTINCT session) AS visits
                  FROM analytics_behaviourevent
                 WHERE kind = 'view' AND product_id IS NOT NULL
                   AND at >= %(looks_from)s AND at < %(looks_until)s
                 GROUP BY 1, 2) AS days
         GROUP BY product_id
    ), fresh AS (
        SELECT product_id, coalesce(ever.units, 0) AS units_ever,
               coalesce(ever.revenue, 0) AS revenue_ever,
               coalesce(month.units, 0) AS units_month,
               coalesce(month.revenue, 0) AS revenue_month,
               coalesce(demand.recent, 0)::int AS recent_orders,
               coalesce(demand.before, 0) * %(recent)s / %(usual)s::float8 AS usual,
               coalesce(demand.before, 0) / %(usual)s::float8 AS mean,
               coalesce(demand.squares, 0) / %(usual)s::float8 AS mean_square,
               coalesce(looks.recent, 0)::int AS recent_views,
               coalesce(demand.score, 0) + %(look)s * coalesce(looks.score, 0) AS score
          FROM ever FULL JOIN looks USING (product_id)
          LEFT JOIN month USING (product_id) LEFT JOIN demand USING (product_id)
    ), rounded AS (
        SELECT product_id, units_ever, revenue_ever, units_month, revenue_month,
               recent_orders, round(usual::numeric, 3)::float8 AS usual_orders,
               round(((recent_orders - usual)
                      / sqrt(%(recent)s * greatest(mean_square - mean * mean, mean) + 1)
                     )::numeric, 3)::float8 AS z,
               recent_views, round(score::numeric, 4)::float8 AS score
          FROM fresh
    ), stale AS (
        DELETE FROM analytics_productscore AS old
         WHERE NOT EXISTS (SELECT FROM rounded
                            WHERE rounded.product_id = old.product_id)
     RETURNING old.product_id
    ), written AS (
        INSERT INTO analytics_productscore AS old (product_id, units_ever, revenue_ever,
            units_month, revenue_month, recent_orders, usual_orders, z, recent_views,
            score)
        SELECT * FROM rounded
            ON CONFLICT (product_id) DO UPDATE
           SET units_ever = excluded.units_ever, revenue_ever = excluded.revenue_ever,
               units_month = excluded.units_month,
               revenue_month = excluded.revenue_month,
               recent_orders = excluded.recent_orders,
               usual_orders = excluded.usual_orders, z = excluded.z,
               recent_views = excluded.recent_views, score = excluded.score
         WHERE (old.units_ever, old.revenue_ever, old.units_month, old.revenue_month,
                old.recent_orders, old.usual_orders, old.z, old.recent_views, old.score)
            IS DISTINCT FROM (excluded.units_ever, excluded.revenue_ever,
                excluded.units_month, excluded.revenue_month, excluded.recent_orders,
                excluded.usual_orders, excluded.z, excluded.recent_views,
                excluded.score)
     RETURNING old.product_id
    )
    SELECT (SELECT count(*) FROM stale) + (SELECT count(*) FROM written)
"""
SCORES_LOCK = 0x0D0752  # any constant that nobody else uses


def refresh() -> int:
    """Make the scores anew and let the search know them; return changed rows."""
    changed = score_products()
    scores = ProductScore.objects.filter(score__gt=0).values_list("product", "score")
    catalog.set_popularity(dict(scores))
    return changed


@use_case
def score_products() -> int:
    """Make the scores of all products anew; return how many rows changed.

    From the rolled up sales and the raw looks, by shop days with today. A second run
    on the same data changes nothing.
    """
    today = shop_day(timezone.now())
    params: dict[str, Any] = {
        "today": today,
        "zone": shop_zone().key,
        "recent": RECENT,
        "usual": _usual_days(today),
        "half": HALF_LIFE,
        "month": MONTH,
        "remembered": REMEMBERED,
        "look": LOOK,
        "looks_from": bounds(today - timedelta(days=REMEMBERED - 1))[0],
        "looks_until": bounds(today)[1],
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SCORES_LOCK])
        cursor.execute(_SCORES, params)
        changed = int(cursor.fetchone()[0])
    ReportRun.objects.update_or_create(
        name=ReportRun.SCORES, defaults={"computed_at": Now(), "changed": changed}
    )
    return changed


def _usual_days(today: date) -> int:
    first = DailySales.objects.aggregate(day=Min("day"))["day"] or today
    open_before = (today - first).days + 1 - RECENT
    return max(1, min(USUAL, open_before))
