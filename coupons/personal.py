"""Coupons that the shop gives to certain customers by itself, and to nobody else.

A rule is worth no more than its budget: what its used coupons took off, and the most
that its open ones still can. By lot some customers of a segment get nothing, so that
the others can be compared with them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.postgres.functions import TransactionNow
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from common.db import requires_transaction, run, use_case
from coupons.models import (
    Coupon,
    CouponBatch,
    CouponState,
    PersonalOffer,
    PersonalRule,
)
from outbox import services as outbox

# A coupon that is on an order may come back, so it counts until it is used or over.
COMMITTED_SQL = """
    SELECT coalesce(sum(CASE
               WHEN coupon.state = 'used' THEN coalesce((
                    SELECT -sum((step ->> 'amount')::bigint)
                      FROM orders_order AS placed,
                           jsonb_array_elements(placed.adjustments) AS step
                     WHERE placed.id = coupon.order_id
                       AND step ->> 'kind' = 'personal'), 0)
               WHEN coupon.state = 'reserved' OR coupon.state = 'issued'
                    AND batch.is_active AND batch.valid_until > now()
               THEN coalesce(batch.max_discount, batch.value)
               ELSE 0 END), 0)::bigint
      FROM coupons_personaloffer AS offer
      JOIN coupons_coupon AS coupon ON coupon.id = offer.coupon_id
      JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
     WHERE offer.rule_id = %(rule_id)s::bigint
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer whom a rule is about; ``orders`` are paid ones of the last 90 days."""

    user_id: int
    orders: int


@dataclass(frozen=True, slots=True)
class Decided:
    """How many got a coupon, were left out by lot, or found the budget spent."""

    offered: int = 0
    held_out: int = 0
    unaffordable: int = 0


def committed(rule: PersonalRule) -> int:
    """Return what a rule has spent or promised of its budget, in minor units."""
    return int(run(COMMITTED_SQL, {"rule_id": rule.pk}).rows()[0][0])


def is_held_out(rule: PersonalRule, user_id: int) -> bool:
    """Say whether a customer is left out by lot; the lot of a rule never changes."""
    digest = hashlib.sha256(f"{rule.pk}/{user_id}".encode()).digest()
    return int.from_bytes(digest[:4]) % 100 < rule.holdout_percent


@use_case
def offer(*, rule_id: int, candidates: Sequence[Candidate]) -> Decided:
    """Decide about customers of a rule's segment, the most deserving first.

    Nobody holds two open personal coupons, and who was thought of within the rule's
    pause is left alone. Doing it twice in a night changes nothing.
    """
    rule = PersonalRule.objects.select_for_update(no_key=True).get(pk=rule_id)
    if not rule.is_active:
        return Decided()
    # Rules decide one after the other, or two could think of the same customer.
    _queue_up()
    fresh = _without_recent(rule, candidates)
    held_out = [one for one in fresh if is_held_out(rule, one.user_id)]
    chosen = [one for one in fresh if not is_held_out(rule, one.user_id)]
    affordable = chosen[: max(0, rule.budget - committed(rule)) // rule.worst]
    _remember(rule, held_out, {})
    if affordable:
        _remember(rule, affordable, _issue(rule, affordable))
    return Decided(
        offered=len(affordable),
        held_out=len(held_out),
        unaffordable=len(chosen) - len(affordable),
    )


@requires_transaction
def _queue_up() -> None:
    run("SELECT pg_advisory_xact_lock(%(lock)s::bigint)", {"lock": 0x0D0C0FF})


def _without_recent(
    rule: PersonalRule, candidates: Sequence[Candidate]
) -> list[Candidate]:
    users = [one.user_id for one in candidates]
    is_open = Q(
        coupon__state=CouponState.ISSUED,
        coupon__batch__is_active=True,
        coupon__batch__valid_until__gt=Now(),
    ) | Q(coupon__state=CouponState.RESERVED)
    is_recent = Q(
        rule=rule, decided_at__gt=timezone.now() - timedelta(days=rule.pause_days)
    )
    busy = set(
        PersonalOffer.objects.filter(is_open | is_recent, user__in=users).values_list(
            "user_id", flat=True
        )
    )
    return [one for one in candidates if one.user_id not in busy]


def _issue(rule: PersonalRule, chosen: Sequence[Candidate]) -> dict[int, Coupon]:
    """Make a batch of tonight's coupons, one for each; return them by customer."""
    batch = CouponBatch.objects.create(
        name=rule.name,
        kind=rule.kind,
        value=rule.value,
        max_discount=rule.max_discount,
        min_spend=rule.min_spend,
        quantity=len(chosen),
        issued=len(chosen),
        opens_at=TransactionNow(),
        valid_from=TransactionNow(),
        valid_until=TransactionNow() + timedelta(days=rule.days_valid),
        is_personal=True,
        campaign_id=rule.campaign_id,
    )
    made = Coupon.objects.bulk_create(
        Coupon(
            batch=batch, user_id=one.user_id, serial=serial, state=CouponState.ISSUED
        )
        for serial, one in enumerate(chosen, start=1)
    )
    for coupon in made:
        outbox.publish(
            topic="coupon.issued",
            aggregate=f"coupon-batch/{batch.pk}/user/{coupon.user_id}",
            payload={"batch_id": batch.pk, "user_id": coupon.user_id},
        )
    return {coupon.user_id: coupon for coupon in made}


def _remember(
    rule: PersonalRule, decided: Sequence[Candidate], given: Mapping[int, Coupon]
) -> None:
    PersonalOffer.objects.bulk_create(
        PersonalOffer(
            rule=rule,
            user_id=one.user_id,
            coupon=given.get(one.user_id),
            segment=rule.segment,
            orders=one.orders,
            decided_at=TransactionNow(),
        )
        for one in decided
    )
