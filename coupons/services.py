"""The only code that hands out, binds and gives back coupons."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from common import metrics
from common.db import (
    Pipeline,
    Statement,
    pipeline,
    requires_transaction,
    run,
    use_case,
    violates,
)
from common.errors import Conflict, DomainError
from coupons import refusals
from coupons.errors import (
    CouponAlreadyIssued,
    CouponAlreadyUsed,
    CouponBatchNotFound,
    CouponExpired,
    CouponNotFound,
    CouponNotOpen,
    CouponSoldOut,
)
from coupons.models import Coupon, CouponBatch, CouponState, DiscountKind
from outbox import services as outbox
from promotions.pricing import CouponTerms, Reason

# Whoever raises the counter has the place in line that it then shows. A shopper who
# has one already does not touch the counter; the unique constraint settles the rest.
CLAIM_SQL = """
    WITH place AS (
        UPDATE coupons_couponbatch
           SET issued = issued + 1
         WHERE id = %(batch_id)s AND issued < quantity AND is_active
           AND NOT is_personal
           AND opens_at <= now() AND valid_until > now()
           AND NOT EXISTS (SELECT FROM coupons_coupon
                            WHERE batch_id = %(batch_id)s AND user_id = %(user_id)s)
     RETURNING id, issued
    )
    INSERT INTO coupons_coupon (batch_id, user_id, serial, state, issued_at)
    SELECT id, %(user_id)s, issued, 'issued', now() FROM place
 RETURNING id, serial, issued_at
"""
# Most claims of a popular batch come too late. This tells them without a lock, a
# write or a rollback.
STANDING_SQL = """
    SELECT opens_at, opens_at > now(), valid_until <= now(), issued >= quantity,
           EXISTS (SELECT FROM coupons_coupon
                    WHERE batch_id = %(batch_id)s AND user_id = %(user_id)s)
      FROM coupons_couponbatch
     WHERE id = %(batch_id)s AND is_active AND NOT is_personal
"""
TAKE_SQL = """
    UPDATE coupons_coupon
       SET state = %(state)s::text, order_id = %(order_id)s,
           used_at = CASE WHEN %(state)s::text = 'used' THEN now() END
      FROM coupons_couponbatch AS batch
     WHERE coupons_coupon.id = %(coupon_id)s AND coupons_coupon.user_id = %(user_id)s
       AND coupons_coupon.state = 'issued' AND batch.id = coupons_coupon.batch_id
       AND batch.is_active AND batch.valid_from <= now() AND batch.valid_until > now()
"""


def claim(*, user_id: int, batch_id: int) -> Coupon:
    """Give the shopper the next coupon of a batch, with their place in line.

    Raises ``CouponNotOpen``, ``CouponSoldOut``, ``CouponExpired``,
    ``CouponAlreadyIssued`` or ``CouponBatchNotFound``.
    """
    try:
        coupon = _claim_once(user_id, batch_id)
    except DomainError as error:
        metrics.child(metrics.CLAIMS, error.code).inc()
        if isinstance(error, Conflict):
            # Not of batches that are not there: anybody can think up a number.
            refusals.count(batch_id, error.code)
        raise
    metrics.child(metrics.CLAIMS, "issued").inc()
    return coupon


def _claim_once(user_id: int, batch_id: int) -> Coupon:
    refused = _claim_refusal(user_id, batch_id)
    if refused is not None:
        raise refused
    try:
        claimed = _claim(user_id, batch_id)
    except IntegrityError as error:
        if violates(error, "coupon_once_per_user_and_batch"):
            raise CouponAlreadyIssued from None
        raise
    if claimed is None:
        raise _claim_refusal(user_id, batch_id) or CouponSoldOut()
    coupon_id, serial, issued_at = claimed
    return Coupon(
        pk=coupon_id,
        batch_id=batch_id,
        user_id=user_id,
        serial=serial,
        state=CouponState.ISSUED,
        issued_at=issued_at,
    )


def queue_take(
    pipe: Pipeline, *, coupon_id: int, user_id: int, order_id: UUID, state: CouponState
) -> Statement:
    """Queue binding a coupon to an order as reserved or used.

    It touches no row if the coupon cannot be used any more.
    """
    params = {
        "coupon_id": coupon_id,
        "user_id": user_id,
        "order_id": order_id,
        "state": state.value,
    }
    return pipe.run(TAKE_SQL, params)


@requires_transaction
def use(*, order_id: UUID) -> None:
    """Mark the coupon reserved for an order as used, now that the order is paid."""
    Coupon.objects.filter(order_id=order_id, state=CouponState.RESERVED).update(
        state=CouponState.USED, used_at=Now()
    )


@requires_transaction
def retake(*, order_id: UUID, coupon_id: int | None) -> None:
    """Use the coupon of an expired order that is paid late.

    It counts that the coupon was valid when the order was placed. Raises
    ``CouponAlreadyUsed`` if it is on another order by now.
    """
    if coupon_id is None:
        return
    taken = Coupon.objects.filter(pk=coupon_id, state=CouponState.ISSUED).update(
        state=CouponState.USED, order_id=order_id, used_at=Now()
    )
    if not taken:
        raise CouponAlreadyUsed


@requires_transaction
def release(*, order_id: UUID) -> None:
    """Give the coupon of a dead order back to its holder.

    It is the coupon's own change of state, so doing it twice changes nothing. The
    validity is not extended.
    """
    release_many([order_id])


@requires_transaction
def release_many(order_ids: Sequence[UUID]) -> None:
    """Give the coupons of dead orders back to their holders, as ``release`` does."""
    Coupon.objects.filter(
        order_id__in=order_ids, state__in=[CouponState.RESERVED, CouponState.USED]
    ).update(state=CouponState.ISSUED, order=None, used_at=None)


@use_case
def set_active(*, batch_id: int, active: str) -> None:
    """Pause ("no") or resume ("yes") a batch: claims and new orders see it at once."""
    CouponBatch.objects.filter(pk=batch_id).update(is_active=active == "yes")


@use_case
def add_stock(*, batch_id: int, pieces: int) -> int:
    """Let ``pieces`` more coupons of a batch be claimed; return how many there are now.

    Raises ``CouponBatchNotFound`` for a personal batch, which nobody claims, and
    ``CouponExpired`` for one that is over.
    """
    batch = _lock_batch(batch_id)
    if batch.valid_until <= timezone.now():
        raise CouponExpired
    batch.quantity += pieces
    batch.save(update_fields=["quantity"])
    return batch.quantity


@use_case
def stop(*, batch_id: int) -> int:
    """Hand out no more of a batch; return how many there are. Those out stay good.

    Adding stock starts it again. Raises ``CouponBatchNotFound`` as ``add_stock`` does.
    """
    batch = _lock_batch(batch_id)
    batch.quantity = batch.issued
    batch.save(update_fields=["quantity"])
    return batch.quantity


@use_case
def issue_to(*, batch_id: int, user_ids: Sequence[int]) -> int:
    """Give coupons to shoppers who have none of the batch; return how many that were.

    One transaction, so pass some hundreds. They are served in their order until none
    is left; who has one is passed over, so doing it twice changes nothing. Raises
    ``CouponBatchNotFound`` or ``CouponExpired``, also for a batch that is paused.
    """
    batch = _lock_batch(batch_id)
    if not batch.is_active or batch.valid_until <= timezone.now():
        raise CouponExpired
    held = Coupon.objects.filter(batch=batch, user__in=user_ids)
    have = set(held.values_list("user_id", flat=True))
    chosen = [user_id for user_id in dict.fromkeys(user_ids) if user_id not in have]
    chosen = chosen[: batch.left]
    if not chosen:
        return 0
    Coupon.objects.bulk_create(
        Coupon(batch=batch, user_id=user_id, serial=serial, state=CouponState.ISSUED)
        for serial, user_id in enumerate(chosen, start=batch.issued + 1)
    )
    batch.issued += len(chosen)
    batch.save(update_fields=["issued"])
    outbox.publish_many(
        topic="coupon.issued",
        payloads={
            f"coupon-batch/{batch.pk}/user/{user_id}": {
                "batch_id": batch.pk,
                "user_id": user_id,
            }
            for user_id in chosen
        },
    )
    return len(chosen)


@requires_transaction
def _lock_batch(batch_id: int) -> CouponBatch:
    batches = CouponBatch.objects.select_for_update(no_key=True)
    batch = batches.filter(pk=batch_id, is_personal=False).first()
    if batch is None:
        raise CouponBatchNotFound
    return batch


def terms_of(coupon: Coupon) -> CouponTerms:
    """Return what a coupon (with its batch) gives right now, for ``quote()``."""
    return terms(
        coupon_id=coupon.pk,
        state=coupon.state,
        batch={
            "name": coupon.batch.name,
            "kind": coupon.batch.kind,
            "value": coupon.batch.value,
            "max_discount": coupon.batch.max_discount,
            "min_spend": coupon.batch.min_spend,
            "is_active": coupon.batch.is_active,
            "is_started": coupon.batch.valid_from <= timezone.now(),
            "is_over": coupon.batch.valid_until <= timezone.now(),
            "is_personal": coupon.batch.is_personal,
        },
    )


def terms(*, coupon_id: int, state: str, batch: dict[str, Any]) -> CouponTerms:
    """Build the terms from columns; ``batch`` as in ``terms_of``."""
    is_percent = batch["kind"] == DiscountKind.PERCENT
    return CouponTerms(
        coupon_id=coupon_id,
        name=batch["name"],
        percent=batch["value"] if is_percent else None,
        fixed=None if is_percent else batch["value"],
        max_discount=batch["max_discount"],
        min_spend=batch["min_spend"],
        refused=_refused(state, batch),
        kind="personal" if batch["is_personal"] else "coupon",
    )


def refusal(*, user_id: int, coupon_id: int) -> Exception:
    """Say why a coupon could not be bound to an order."""
    coupon = (
        Coupon.objects.of_user(user_id).select_related("batch").filter(pk=coupon_id)
    ).first()
    if coupon is None:
        return CouponNotFound()
    if coupon.state in {CouponState.RESERVED, CouponState.USED}:
        return CouponAlreadyUsed()
    return CouponExpired()


def _refused(state: str, batch: dict[str, Any]) -> Reason | None:
    if state in {CouponState.RESERVED, CouponState.USED}:
        return Reason.ALREADY_USED
    if state == CouponState.REVOKED or not batch["is_active"]:
        return Reason.WITHDRAWN
    if state == CouponState.EXPIRED or batch["is_over"]:
        return Reason.EXPIRED
    return None if batch["is_started"] else Reason.NOT_YET_VALID


def _claim(user_id: int, batch_id: int) -> tuple[int, int, datetime] | None:
    with transaction.atomic():
        with pipeline() as pipe:
            # The event first and the counter last: every other shopper waits for the
            # counter, so it is held for as short as can be.
            outbox.queue_publish(
                pipe,
                topic="coupon.issued",
                aggregate=f"coupon-batch/{batch_id}/user/{user_id}",
                payload={"batch_id": batch_id, "user_id": user_id},
            )
            claimed = pipe.run(CLAIM_SQL, {"batch_id": batch_id, "user_id": user_id})
        rows = claimed.rows()
        if not rows:
            transaction.set_rollback(True)
            return None
        coupon_id, serial, issued_at = rows[0]
        return coupon_id, serial, issued_at


def _claim_refusal(user_id: int, batch_id: int) -> Exception | None:
    standing = run(STANDING_SQL, {"batch_id": batch_id, "user_id": user_id}).rows()
    if not standing:
        return CouponBatchNotFound()
    opens_at, is_early, is_late, is_gone, has_one = standing[0]
    if has_one:
        return CouponAlreadyIssued()
    if is_early:
        return CouponNotOpen(opens_at=opens_at)
    if is_late:
        return CouponExpired()
    return CouponSoldOut() if is_gone else None
