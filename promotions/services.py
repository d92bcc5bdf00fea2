"""The only code that gives promotions to orders, takes them back and tells of them.

A promotion with a budget counts what live orders got of it. Orders meet at that row,
which therefore is the last that a purchase locks.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import IntegrityError

from common.db import (
    Pipeline,
    Statement,
    requires_transaction,
    run,
    use_case,
    violates,
)
from outbox import services as outbox
from promotions.errors import PromotionNotFound, PromotionOver
from promotions.models import Promotion
from promotions.selectors import IS_RUNNING_SQL

# A use is written only if the promotion still runs on the terms that were quoted, and
# its budget lasts. Only those with a budget are locked, in the order of their ids.
TAKE_SQL = f"""
    WITH wanted AS (
        SELECT * FROM unnest(%(promotion_ids)s::bigint[], %(amounts)s::bigint[],
                             %(versions)s::bigint[]) AS t (id, amount, version)
    ), locked AS (
        SELECT promotion.id, wanted.amount
          FROM promotions_promotion AS promotion JOIN wanted USING (id)
         WHERE promotion.budget IS NOT NULL AND promotion.version = wanted.version
           AND {IS_RUNNING_SQL}
         ORDER BY promotion.id
           FOR NO KEY UPDATE OF promotion
    ), paid AS (
        UPDATE promotions_promotion AS promotion SET spent = spent + locked.amount
          FROM locked
         WHERE promotion.id = locked.id
           AND promotion.spent + locked.amount <= promotion.budget
     RETURNING promotion.id, locked.amount
    ), given AS (
        SELECT id, amount FROM paid
         UNION ALL
        SELECT promotion.id, wanted.amount
          FROM promotions_promotion AS promotion JOIN wanted USING (id)
         WHERE promotion.budget IS NULL AND promotion.version = wanted.version
           AND {IS_RUNNING_SQL}
    )
    INSERT INTO promotions_promotionuse (promotion_id, order_id, amount, state,
        new_buyer_id, taken_at)
    SELECT given.id, %(order_id)s::uuid, given.amount, 'taken',
           CASE WHEN promotion.audience = 'new' THEN %(user_id)s::bigint END, now()
      FROM given JOIN promotions_promotion AS promotion USING (id)
"""  # noqa: S608 — our own text
RELEASE_SQL = """
    WITH freed AS (
        UPDATE promotions_promotionuse SET state = 'released'
         WHERE order_id = ANY(%(order_ids)s::uuid[]) AND state = 'taken'
     RETURNING promotion_id, amount
    ), sums AS (
        SELECT promotion_id AS id, sum(amount)::bigint AS amount
          FROM freed GROUP BY promotion_id
    ), locked AS (
        SELECT promotion.id, sums.amount
          FROM promotions_promotion AS promotion JOIN sums USING (id)
         WHERE promotion.budget IS NOT NULL
         ORDER BY promotion.id
           FOR NO KEY UPDATE OF promotion
    )
    UPDATE promotions_promotion AS promotion SET spent = spent - locked.amount
      FROM locked WHERE promotion.id = locked.id
"""
RETAKE_SQL = """
    WITH back AS (
        UPDATE promotions_promotionuse SET state = 'taken'
         WHERE order_id = %(order_id)s::uuid AND state = 'released'
     RETURNING promotion_id AS id, amount
    ), locked AS (
        SELECT promotion.id, back.amount
          FROM promotions_promotion AS promotion JOIN back USING (id)
         WHERE promotion.budget IS NOT NULL
         ORDER BY promotion.id
           FOR NO KEY UPDATE OF promotion
    )
    UPDATE promotions_promotion AS promotion SET spent = spent + locked.amount
      FROM locked WHERE promotion.id = locked.id
"""
# Whoever runs it at the same moment finds nothing left to tell.
ANNOUNCE_SQL = f"""
    UPDATE promotions_promotion AS promotion SET announced_at = now()
     WHERE announced_at IS NULL AND announcement <> '' AND {IS_RUNNING_SQL}
 RETURNING id, name, announcement
"""  # noqa: S608 — our own text


def queue_take(
    pipe: Pipeline,
    *,
    order_id: UUID,
    user_id: int | None,
    amounts: Mapping[int, int],
    versions: Mapping[int, int],
) -> Statement:
    """Queue giving promotions to an order: ``amounts`` in minor units, by promotion.

    It counts those that were given: fewer, if a promotion has ended, has other terms
    than ``versions`` says, or a budget that does not last.
    """
    params = {
        "order_id": order_id,
        "user_id": user_id,
        "promotion_ids": list(amounts),
        "amounts": list(amounts.values()),
        "versions": [versions[promotion_id] for promotion_id in amounts],
    }
    return pipe.run(TAKE_SQL, params)


@requires_transaction
def release(*, order_id: UUID) -> None:
    """Give the budgets back what a dead order got of them; twice is the same."""
    release_many([order_id])


@requires_transaction
def release_many(order_ids: Sequence[UUID]) -> None:
    """Give the budgets back what dead orders got, as ``release`` does."""
    run(RELEASE_SQL, {"order_ids": list(order_ids)})


@requires_transaction
def retake(*, order_id: UUID) -> None:
    """Give an expired order that is paid late its promotions again.

    It counts that they ran when the order was placed. Raises ``PromotionOver`` if a
    budget is gone, or the first order of a new buyer is another one by now.
    """
    try:
        run(RETAKE_SQL, {"order_id": order_id})
    except IntegrityError as error:
        limits = ("promotion_spent_within_budget", "promotion_once_per_new_buyer")
        if any(violates(error, name) for name in limits):
            raise PromotionOver from None
        raise


@use_case
def set_active(*, promotion_id: int, active: str) -> Promotion:
    """Pause ("no") or resume ("yes") a promotion; what orders got stays theirs.

    Raises ``PromotionNotFound``.
    """
    # Whoever writes an order looks at it again, or has it locked.
    changed = Promotion.objects.filter(pk=promotion_id).update(
        is_active=active == "yes"
    )
    if not changed:
        raise PromotionNotFound
    return Promotion.objects.get(pk=promotion_id)


@use_case
def announce_started() -> int:
    """Tell of each promotion once, when it starts; return of how many.

    Only those with an announcement; who hears of it is not decided here.
    """
    started = run(ANNOUNCE_SQL, {}).rows()
    for promotion_id, name, text in started:
        outbox.publish(
            topic="promotion.started",
            aggregate=f"promotion/{promotion_id}",
            payload={"promotion_id": promotion_id, "name": name, "text": text},
        )
    return len(started)
