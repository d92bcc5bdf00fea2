"""Sorts customers by how recently, how often and how much they buy (RFM).

The three measures are Hughes's (A. M. Hughes, "Strategic Database Marketing", 1994);
where one segment ends and the next begins is the shop's own:

- champion: at least 6 paid orders in 90 days, the last within 30;
- regular: at least 3 paid orders in 90 days;
- sleeping: at least 3 paid orders ever, the last more than 60 days ago;
- new: a single order, within 30 days;
- occasional: everybody else who ever paid for one.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from analytics.models import CustomerSegment
from common.days import shop_zone
from common.db import run, use_case
from coupons import personal
from coupons.models import PersonalRule
from coupons.personal import Candidate, Decided
from promotions.models import REGULAR_DAYS, REGULAR_ORDERS

SEGMENTS_LOCK = 0x0D05E6  # any constant that nobody else uses
# Only customers whose numbers differ are written.
SEGMENT_SQL = """
    WITH paid AS (
        SELECT placed.user_id, placed.paid_at, placed.total - coalesce((
                   SELECT sum(amount) FROM payments_refund
                    WHERE order_id = placed.id), 0) AS kept
          FROM orders_order AS placed
         WHERE placed.user_id IS NOT NULL
           AND placed.status IN ('paid', 'processing', 'shipped', 'delivered')
    ), measured AS (
        SELECT user_id, max(paid_at) AS last_paid_at, count(*) AS orders,
               count(*) FILTER (WHERE paid_at > %(recent)s) AS recent_orders,
               coalesce(sum(kept) FILTER (WHERE paid_at > %(recent)s), 0)::bigint
                   AS recent_spent
          FROM paid GROUP BY user_id
    ), fresh AS (
        SELECT user_id, (last_paid_at AT TIME ZONE %(zone)s)::date AS last_paid_on,
               orders, recent_orders, recent_spent, CASE
                   WHEN recent_orders >= 6 AND last_paid_at > %(lately)s
                   THEN 'champion'
                   WHEN recent_orders >= %(regular)s THEN 'regular'
                   WHEN orders >= 3 AND last_paid_at < %(long_ago)s THEN 'sleeping'
                   WHEN orders = 1 AND last_paid_at > %(lately)s THEN 'new'
                   ELSE 'occasional' END AS segment
          FROM measured
    ), gone AS (
        DELETE FROM analytics_customersegment AS old
         WHERE NOT EXISTS (SELECT FROM fresh WHERE fresh.user_id = old.user_id)
     RETURNING 1
    ), written AS (
        INSERT INTO analytics_customersegment AS old (user_id, segment, last_paid_on,
            orders, recent_orders, recent_spent, computed_at)
        SELECT user_id, segment, last_paid_on, orders, recent_orders, recent_spent,
               now()
          FROM fresh ORDER BY user_id
            ON CONFLICT (user_id) DO UPDATE
           SET segment = excluded.segment, last_paid_on = excluded.last_paid_on,
               orders = excluded.orders, recent_orders = excluded.recent_orders,
               recent_spent = excluded.recent_spent, computed_at = now()
         WHERE (old.segment, old.last_paid_on, old.orders, old.recent_orders,
                old.recent_spent)
               IS DISTINCT FROM (excluded.segment, excluded.last_paid_on,
                   excluded.orders, excluded.recent_orders, excluded.recent_spent)
     RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)
"""


@use_case
def sort_customers() -> int:
    """Count every customer anew; return how many rows changed."""
    now = timezone.now()
    run("SELECT pg_advisory_xact_lock(%(lock)s::bigint)", {"lock": SEGMENTS_LOCK})
    params: dict[str, Any] = {
        "recent": now - timedelta(days=REGULAR_DAYS),
        "lately": now - timedelta(days=30),
        "long_ago": now - timedelta(days=60),
        "regular": REGULAR_ORDERS,
        "zone": shop_zone().key,
    }
    return int(run(SEGMENT_SQL, params).rows()[0][0])


def give_personal_discounts() -> dict[int, Decided]:
    """Sort the customers, then let each active rule decide; return by rule.

    Twice in a night is the same as once. Who has no account to use a coupon with any
    more, and staff, are not thought of.
    """
    sort_customers()
    active = PersonalRule.objects.filter(is_active=True).order_by("pk")
    return {rule.pk: decide(rule) for rule in active}


def decide(rule: PersonalRule) -> Decided:
    """Let a rule decide about its segment, as customers were last sorted."""
    return personal.offer(rule_id=rule.pk, candidates=_candidates(rule))


def _candidates(rule: PersonalRule) -> list[Candidate]:
    found = CustomerSegment.objects.filter(
        segment=rule.segment, user__is_active=True, user__is_staff=False
    ).order_by("-recent_spent", "user_id")
    return [
        Candidate(user_id, orders)
        for user_id, orders in found.values_list("user_id", "recent_orders")
    ]
