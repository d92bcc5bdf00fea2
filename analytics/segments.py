"""Sorts customers by how recently, how often and how much they buy (RFM).

The three measures are Hughes's (A. M. Hughes, "Strategic Database Marketing", 1994);
where one segment ends and the next begins is the shop's own:

- champion: at least 6 paid orders in 90 days, the last within 30;
- regular: at least 3 paid orders in 90 days;
- sleeping: at least 3 paid orders ever, the last more than 60 days ago;
- new: a single order, within 30 days;
- occasional: everybody else who ever paid for one.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone

from analytics.models import CustomerSegment
from analytics.sql import given_back
from common.days import shop_zone
from common.db import run, use_case
from coupons import personal
from coupons import services as coupons
from coupons.models import Coupon, PersonalRule, Segment
from coupons.personal import Candidate, Decided
from promotions.models import REGULAR_DAYS, REGULAR_ORDERS

AT_ONCE = 500  # coupons that are issued in a transaction
SEGMENTS_LOCK = 0x0D05E6  # any constant that nobody else uses
# Only customers whose numbers differ are written.
SEGMENT_SQL = f"""
    WITH paid AS (
        SELECT placed.user_id, placed.paid_at,
               placed.total - {given_back("placed")} AS kept
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
"""  # noqa: S608 — our own text


@dataclass(frozen=True, slots=True)
class Reached:
    """How many of a segment there are, and how many of them hold a coupon."""

    segment: Segment
    customers: int
    holders: int

    @property
    def lacking(self) -> int:
        return self.customers - self.holders


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


def lacking(batch_id: int, segment: str) -> QuerySet[CustomerSegment]:
    """Return who of a segment could use a coupon of a batch and holds none."""
    held = Coupon.objects.filter(batch=batch_id, user=OuterRef("user"))
    return _customers(segment).filter(~Exists(held))


def standing(batch_id: int) -> list[Reached]:
    """Return of each segment how many there are, and how many of them hold a coupon."""
    held = Coupon.objects.filter(batch=batch_id, user=OuterRef("user"))
    rows = (
        _customers()
        .order_by()
        .values("segment")
        .annotate(customers=Count("pk"), holders=Count("pk", filter=Exists(held)))
        .values_list("segment", "customers", "holders")
    )
    numbers = {segment: (customers, holders) for segment, customers, holders in rows}
    return [Reached(one, *numbers.get(one.value, (0, 0))) for one in Segment]


def issue_to(*, batch_id: int, segment: str, most: int) -> int:
    """Give coupons of a batch to who of a segment holds none; return how many.

    Who spent most comes first. Batch by batch, each a transaction: done again, it goes
    on where it ended. Raises what ``coupons.services.issue_to`` does.
    """
    given = 0
    while given < most:
        ids = lacking(batch_id, segment).values_list("user_id", flat=True)
        batch = list(ids[: min(AT_ONCE, most - given)])
        new = coupons.issue_to(batch_id=batch_id, user_ids=batch) if batch else 0
        given += new
        if not new:
            break
    return given


def _customers(segment: str | None = None) -> QuerySet[CustomerSegment]:
    found = CustomerSegment.objects.filter(user__is_active=True, user__is_staff=False)
    if segment is not None:
        found = found.filter(segment=segment)
    return found.order_by("-recent_spent", "user_id")


def _candidates(rule: PersonalRule) -> list[Candidate]:
    found = _customers(rule.segment).values_list("user_id", "recent_orders")
    return [Candidate(user_id, orders) for user_id, orders in found]
