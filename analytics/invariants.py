"""The rollups say what the orders say."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from analytics.services import GRACE, LOOK_BACK
from common.days import shop_day, shop_zone
from common.invariants import Invariant
from payments.models import IS_OF_SALE_SQL

DAYS = 35


def _window() -> dict[str, Any]:
    today = shop_day(timezone.now())
    return {
        "first": today - timedelta(days=DAYS),
        "last": today - timedelta(days=1),
        # Younger days that were not rolled up for good yet are the job's next work.
        "fresh": today - timedelta(days=LOOK_BACK),
        "grace": GRACE,
        "zone": shop_zone().key,
    }


INVARIANTS = [
    Invariant(
        id="I14",
        title="Daily sales of the last 35 days are what orders and refunds add up to",
        sql="""
            WITH day AS (
                SELECT series.day::date AS day
                  FROM generate_series(%(first)s::timestamp, %(last)s::timestamp,
                                       interval '1 day') AS series (day)
                  LEFT JOIN analytics_rolluprun AS run ON run.day = series.day::date
                 WHERE NOT EXISTS (SELECT FROM analytics_dirtyday AS dirty
                                    WHERE dirty.day = series.day::date)
                   AND (series.day < %(fresh)s OR run.computed_at >= %(grace)s
                        + (series.day + interval '1 day') AT TIME ZONE %(zone)s)
            ), sold AS (
                SELECT (paid_at AT TIME ZONE %(zone)s)::date AS day, product_id,
                       sum(quantity) AS units, count(*) AS orders,
                       sum(unit_price * quantity - discount_share) AS revenue
                  FROM orders_orderline
                 WHERE paid_at >= %(first)s::timestamp AT TIME ZONE %(zone)s
                   AND paid_at < (%(last)s::timestamp + interval '1 day')
                                 AT TIME ZONE %(zone)s
                 GROUP BY 1, 2
            ), given AS (
                SELECT (refunded_at AT TIME ZONE %(zone)s)::date AS day, product_id,
                       sum(quantity) AS units, sum(amount) AS amount
                  FROM payments_refundline
                 WHERE refunded_at >= %(first)s::timestamp AT TIME ZONE %(zone)s
                   AND refunded_at < (%(last)s::timestamp + interval '1 day')
                                     AT TIME ZONE %(zone)s
                 GROUP BY 1, 2
            ), fresh AS (
                SELECT day, product_id, coalesce(sold.units, 0) AS units,
                       coalesce(sold.orders, 0) AS orders,
                       coalesce(sold.revenue, 0) AS revenue,
                       coalesce(given.units, 0) AS refunded_units,
                       coalesce(given.amount, 0) AS refunded
                  FROM sold FULL JOIN given USING (day, product_id)
            ), stored AS (
                SELECT * FROM analytics_dailysales
                 WHERE day BETWEEN %(first)s AND %(last)s
            )
            SELECT day || '/' || product_id, format('%%s sold for %%s, %%s returned for'
                       ' %%s; the orders say %%s for %%s, %%s for %%s',
                       coalesce(stored.units, 0), coalesce(stored.revenue, 0),
                       coalesce(stored.refunded_units, 0), coalesce(stored.refunded, 0),
                       coalesce(fresh.units, 0), coalesce(fresh.revenue, 0),
                       coalesce(fresh.refunded_units, 0), coalesce(fresh.refunded, 0))
              FROM stored FULL JOIN fresh USING (day, product_id) JOIN day USING (day)
             WHERE (stored.units, stored.orders, stored.revenue, stored.refunded_units,
                    stored.refunded)
                IS DISTINCT FROM (fresh.units, fresh.orders, fresh.revenue,
                                  fresh.refunded_units, fresh.refunded)
        """,
        params=_window,
        hint="Keys are day/product. Roll the day up again in the admin.",
    ),
    Invariant(
        id="I14b",
        title="Daily takings of the last 35 days are what orders and refunds add up to",
        sql=f"""
            WITH day AS (
                SELECT series.day::date AS day
                  FROM generate_series(%(first)s::timestamp, %(last)s::timestamp,
                                       interval '1 day') AS series (day)
                  LEFT JOIN analytics_rolluprun AS run ON run.day = series.day::date
                 WHERE NOT EXISTS (SELECT FROM analytics_dirtyday AS dirty
                                    WHERE dirty.day = series.day::date)
                   AND (series.day < %(fresh)s OR run.computed_at >= %(grace)s
                        + (series.day + interval '1 day') AT TIME ZONE %(zone)s)
            ), taken AS (
                SELECT (paid_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS orders,
                       sum(subtotal - discount + delivery_cost) AS total
                  FROM orders_order
                 WHERE paid_at >= %(first)s::timestamp AT TIME ZONE %(zone)s
                 GROUP BY 1
            ), given AS (
                SELECT (refunded_at AT TIME ZONE %(zone)s)::date AS day,
                       sum(amount) AS amount
                  FROM payments_refund
                 WHERE refunded_at >= %(first)s::timestamp AT TIME ZONE %(zone)s
                   AND {IS_OF_SALE_SQL}
                 GROUP BY 1
            ), kept AS (
                SELECT day, sum(orders) AS orders,
                       sum(goods - discount + delivery) AS total,
                       sum(refunded_goods + refunded_delivery) AS amount
                  FROM analytics_dailytakings
                 WHERE day BETWEEN %(first)s AND %(last)s
                 GROUP BY day
            )
            SELECT day, format('%%s orders for %%s, %%s given back; the orders say %%s'
                       ' for %%s, %%s', kept.orders, kept.total, kept.amount,
                       taken.orders, taken.total, given.amount)
              FROM day LEFT JOIN taken USING (day) LEFT JOIN given USING (day)
              LEFT JOIN kept USING (day)
             WHERE coalesce(kept.orders, 0) <> coalesce(taken.orders, 0)
                OR coalesce(kept.total, 0) <> coalesce(taken.total, 0)
                OR coalesce(kept.amount, 0) <> coalesce(given.amount, 0)
        """,  # noqa: S608 — our own text
        params=_window,
        hint="Keys are days. Roll the day up again in the admin.",
    ),
]
