"""Daily sales and takings: made from the orders, replaced whole, at any time."""

from datetime import date, timedelta

from django.db import connection
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from analytics.models import DirtyDay, RollupRun
from common.days import bounds, shop_day
from common.db import use_case
from payments.models import IS_OF_SALE_SQL

# Orders commit a little after the moment they carry. A day is final only when it was
# rolled up this long after its end.
GRACE = timedelta(minutes=15)
LOOK_BACK = 3  # days

# Only rows that differ are written, or even locked, so a second run changes nothing.
# What is there is read from the index alone: it has all the columns that are compared.
# Sales count on the day they were paid, refunds on the day they were given.
ROLL_UP_SQL = """
    WITH sold AS (
        SELECT product_id, sum(quantity) AS units, count(*) AS orders,
               sum(unit_price * quantity - discount_share) AS revenue
          FROM orders_orderline
         WHERE paid_at >= %(start)s AND paid_at < %(end)s
         GROUP BY product_id
    ), refunded AS (
        SELECT product_id, sum(quantity) AS units, sum(amount) AS amount
          FROM payments_refundline
         WHERE refunded_at >= %(start)s AND refunded_at < %(end)s
         GROUP BY product_id
    ), fresh AS (
        SELECT coalesce(sold.product_id, refunded.product_id) AS product_id,
               coalesce(sold.units, 0) AS units, coalesce(sold.orders, 0) AS orders,
               coalesce(sold.revenue, 0) AS revenue,
               coalesce(refunded.units, 0) AS refunded_units,
               coalesce(refunded.amount, 0) AS refunded
          FROM sold FULL JOIN refunded ON refunded.product_id = sold.product_id
    ), changed AS (
        SELECT fresh.*, old.product_id AS old_product_id
          FROM fresh
          FULL JOIN (SELECT product_id, units, orders, revenue, refunded_units, refunded
                       FROM analytics_dailysales WHERE day = %(day)s) AS old
            ON old.product_id = fresh.product_id
         WHERE fresh.product_id IS NULL OR old.product_id IS NULL
            OR (old.units, old.orders, old.revenue, old.refunded_units, old.refunded)
               IS DISTINCT FROM (fresh.units, fresh.orders, fresh.revenue,
                                 fresh.refunded_units, fresh.refunded)
    ), stale AS (
        DELETE FROM analytics_dailysales AS old
         USING changed
         WHERE changed.product_id IS NULL AND old.day = %(day)s
           AND old.product_id = changed.old_product_id
     RETURNING old.id
    ), written AS (
        INSERT INTO analytics_dailysales AS old (day, product_id, units, orders,
            revenue, refunded_units, refunded)
        SELECT %(day)s, product_id, units, orders, revenue, refunded_units, refunded
          FROM changed WHERE product_id IS NOT NULL
            ON CONFLICT (day, product_id) DO UPDATE
           SET units = excluded.units, orders = excluded.orders,
               revenue = excluded.revenue, refunded_units = excluded.refunded_units,
               refunded = excluded.refunded
     RETURNING old.id
    )
    SELECT (SELECT count(*) FROM stale) + (SELECT count(*) FROM written)
"""
# The same of whole orders, whose number does not follow from the products'. Money that
# came too late and went back was never among the takings, so nothing leaves them.
TAKINGS_SQL = f"""
    WITH taken AS (
        SELECT delivery_method, count(*) AS orders, sum(subtotal) AS goods,
               sum(discount) AS discount, sum(delivery_cost) AS delivery
          FROM orders_order
         WHERE paid_at >= %(start)s AND paid_at < %(end)s
         GROUP BY delivery_method
    ), refunded AS (
        SELECT "order".delivery_method, sum(refund.delivery_amount) AS delivery,
               sum(refund.amount - refund.delivery_amount) AS goods
          FROM payments_refund AS refund
          JOIN orders_order AS "order" ON "order".id = refund.order_id
         WHERE refund.refunded_at >= %(start)s AND refund.refunded_at < %(end)s
           AND {IS_OF_SALE_SQL}
         GROUP BY "order".delivery_method
    ), fresh AS (
        SELECT delivery_method, coalesce(taken.orders, 0) AS orders,
               coalesce(taken.goods, 0) AS goods,
               coalesce(taken.discount, 0) AS discount,
               coalesce(taken.delivery, 0) AS delivery,
               coalesce(refunded.goods, 0) AS refunded_goods,
               coalesce(refunded.delivery, 0) AS refunded_delivery
          FROM taken FULL JOIN refunded USING (delivery_method)
    ), stale AS (
        DELETE FROM analytics_dailytakings AS old
         WHERE day = %(day)s AND NOT EXISTS (
               SELECT FROM fresh WHERE fresh.delivery_method = old.delivery_method)
     RETURNING old.id
    ), written AS (
        INSERT INTO analytics_dailytakings AS old (day, delivery_method, orders, goods,
            discount, delivery, refunded_goods, refunded_delivery)
        SELECT %(day)s, * FROM fresh
            ON CONFLICT (day, delivery_method) DO UPDATE
           SET orders = excluded.orders, goods = excluded.goods,
               discount = excluded.discount, delivery = excluded.delivery,
               refunded_goods = excluded.refunded_goods,
               refunded_delivery = excluded.refunded_delivery
         WHERE (old.orders, old.goods, old.discount, old.delivery, old.refunded_goods,
                old.refunded_delivery)
            IS DISTINCT FROM (excluded.orders, excluded.goods, excluded.discount,
                              excluded.delivery, excluded.refunded_goods,
                              excluded.refunded_delivery)
     RETURNING old.id
    )
    SELECT (SELECT count(*) FROM stale) + (SELECT count(*) FROM written)
"""  # noqa: S608 — our own text
ROLL_UP_LOCK = 0x0D0750  # any constant that nobody else uses


@use_case
def roll_up_day(day: date) -> int:
    """Make the sales and takings of a shop day anew; return how many rows changed."""
    start, end = bounds(day)
    params = {"day": day, "start": start, "end": end}
    with connection.cursor() as cursor:
        # Two workers on one day would trip over each other's rows.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, %s)", [ROLL_UP_LOCK, day.toordinal()]
        )
        DirtyDay.objects.filter(day=day).delete()
        changed = 0
        for statement in (ROLL_UP_SQL, TAKINGS_SQL):
            cursor.execute(statement, params)
            changed += int(cursor.fetchone()[0])
    RollupRun.objects.bulk_create(
        [RollupRun(day=day, computed_at=Now())],
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["computed_at"],
    )
    return changed


def roll_up_fresh_days() -> int:
    """Roll up today, days not final yet and dirty ones; return changed rows.

    Newest first: however many days are dirty, today's sales do not wait for them.
    """
    today = shop_day(timezone.now())
    days = {today, *_unfinished(today)}
    days.update(DirtyDay.objects.values_list("day", flat=True))
    return sum(roll_up_day(day) for day in sorted(days, reverse=True))


@use_case
def mark_dirty(day: date) -> None:
    """Say that something of a past shop day has changed."""
    # An update even if the mark is there: a run that is about to take it off has not
    # seen our change, and must meet us at the row.
    DirtyDay.objects.bulk_create(
        [DirtyDay(day=day, marked_at=Now())],
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["marked_at"],
    )


def _unfinished(today: date) -> list[date]:
    last_run = RollupRun.objects.filter(day__lt=today).aggregate(day=Max("day"))["day"]
    # After an outage everything since the last run is due, however long ago that was.
    first = min(today - timedelta(days=LOOK_BACK), last_run or today)
    recent = [first + timedelta(days=ahead) for ahead in range((today - first).days)]
    done = dict(
        RollupRun.objects.filter(day__in=recent).values_list("day", "computed_at")
    )
    return [
        day for day in recent if day not in done or done[day] < bounds(day)[1] + GRACE
    ]
