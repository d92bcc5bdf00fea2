"""Coupons that the shop gives to certain customers by itself, and to nobody else.

A rule is worth no more than its budget: what its coupons took off, and the most that
those still can which are open or could come back. By lot some customers of a segment
get nothing, so that the others can be compared with them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.postgres.functions import TransactionNow

from common.db import requires_transaction, run, use_case
from coupons.models import (
    Coupon,
    CouponBatch,
    CouponState,
    PersonalOffer,
    PersonalRule,
)
from outbox import services as outbox

# What a coupon has taken off, or the most that it still can. That never grows: one that
# is on an order comes back whole if the order is called off, staff may resume what they
# paused, and an order that has expired takes its coupon along if its money comes late,
# however long the coupon has been over.
COST_SQL = """
    CASE WHEN coupon.state = 'used'
              AND (batch.valid_until <= now() OR EXISTS (
                   SELECT FROM orders_order AS sent
                    WHERE sent.id = coupon.order_id
                      AND sent.status IN ('shipped', 'delivered')))
         THEN coalesce((
              SELECT -sum((step ->> 'amount')::bigint)
                FROM orders_order AS placed,
                     jsonb_array_elements(placed.adjustments) AS step
               WHERE placed.id = coupon.order_id
                 AND step ->> 'kind' = 'personal'), 0)
         WHEN coupon.state IN ('reserved', 'used')
              OR coupon.state = 'issued' AND (batch.valid_until > now() OR EXISTS (
                   SELECT FROM orders_order AS late
                    WHERE late.user_id = coupon.user_id
                      AND late.coupon_id = coupon.id AND late.status = 'expired'))
         THEN coalesce(batch.max_discount, batch.value)
         ELSE 0 END"""
COMMITTED_SQL = f"""
    SELECT coalesce(sum({COST_SQL}), 0)::bigint
      FROM coupons_personaloffer AS offer
      JOIN coupons_coupon AS coupon ON coupon.id = offer.coupon_id
      JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
     WHERE offer.rule_id = %(rule_id)s::bigint
"""  # noqa: S608 — our own text
BUSY_SQL = """
    SELECT DISTINCT offer.user_id
      FROM coupons_personaloffer AS offer
      LEFT JOIN coupons_coupon AS coupon ON coupon.id = offer.coupon_id
      LEFT JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
     WHERE offer.user_id = ANY(%(user_ids)s::bigint[])
       AND (coupon.state = 'reserved'
            OR coupon.state = 'issued' AND batch.valid_until > now()
            OR offer.rule_id = %(rule_id)s::bigint
               AND offer.decided_at > now() - make_interval(days => %(pause)s::int))
"""


# Rows a statement writes: the text of one is kept in memory whole.
AT_ONCE = 5_000


DECIDING_LOCK = 0x0D0C0FF  # any constant that nobody else uses


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
    rule = _lock(rule_id)
    if not rule.is_active:
        return Decided()
    # Rules decide one after the other, or two could think of the same customer.
    _queue_up()
    fresh = _without_recent(rule, candidates)
    affordable = max(0, rule.budget - committed(rule)) // rule.worst
    chosen, held_out, unaffordable = _draw(rule, fresh, affordable)
    _remember(rule, held_out, {})
    if chosen:
        _remember(rule, chosen, _issue(rule, chosen))
    return Decided(
        offered=len(chosen), held_out=len(held_out), unaffordable=unaffordable
    )


@requires_transaction
def _lock(rule_id: int) -> PersonalRule:
    return PersonalRule.objects.select_for_update(no_key=True).get(pk=rule_id)


def _draw(
    rule: PersonalRule, fresh: Sequence[Candidate], affordable: int
) -> tuple[list[Candidate], list[Candidate], int]:
    """Part those who get a coupon from those whom the lot leaves out.

    Nobody is left out after the budget is spent: who comes that late is less deserving,
    and no measure for those who got one.
    """
    chosen: list[Candidate] = []
    held_out: list[Candidate] = []
    for place, one in enumerate(fresh):
        if len(chosen) >= affordable:
            late = sum(not is_held_out(rule, rest.user_id) for rest in fresh[place:])
            return chosen, held_out, late
        (held_out if is_held_out(rule, one.user_id) else chosen).append(one)
    return chosen, held_out, 0


@requires_transaction
def _queue_up() -> None:
    run("SELECT pg_advisory_xact_lock(%(lock)s::bigint)", {"lock": DECIDING_LOCK})


def _without_recent(
    rule: PersonalRule, candidates: Sequence[Candidate]
) -> list[Candidate]:
    params = {
        "user_ids": [one.user_id for one in candidates],
        "rule_id": rule.pk,
        "pause": rule.pause_days,
    }
    busy = {user_id for (user_id,) in run(BUSY_SQL, params).rows()}
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
        (
            Coupon(
                batch=batch,
                user_id=one.user_id,
                serial=serial,
                state=CouponState.ISSUED,
            )
            for serial, one in enumerate(chosen, start=1)
        ),
        batch_size=AT_ONCE,
    )
    outbox.publish_many(
        topic="coupon.issued",
        payloads={
            f"coupon-batch/{batch.pk}/user/{one.user_id}": {
                "batch_id": batch.pk,
                "user_id": one.user_id,
            }
            for one in chosen
        },
    )
    return {coupon.user_id: coupon for coupon in made}


def _remember(
    rule: PersonalRule, decided: Sequence[Candidate], given: Mapping[int, Coupon]
) -> None:
    PersonalOffer.objects.bulk_create(
        (
            PersonalOffer(
                rule=rule,
                user_id=one.user_id,
                coupon=given.get(one.user_id),
                segment=rule.segment,
                orders=one.orders,
                decided_at=TransactionNow(),
            )
            for one in decided
        ),
        batch_size=AT_ONCE,
    )
