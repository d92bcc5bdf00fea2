"""Money that goes back. Each part returns to the payment that it came by.

A refund is one decision, written in one transaction; points are back with it. Money
that came by a provider is asked back from there after the commit, as often as needed.
"""

from secrets import token_hex

from django.db.models import F, Sum
from django.db.models.functions import Now
from django.utils import timezone

from common.db import requires_transaction, use_case
from orders.models import Order
from outbox import services as outbox
from payments import limits, planner
from payments import services as payments
from payments.errors import (
    LegNotRefused,
    NobodyToPay,
    NothingToRefund,
    NotRefundable,
)
from payments.models import (
    UNSOLD,
    LegState,
    Payment,
    Refund,
    RefundLeg,
    RefundLine,
)
from payments.planner import PaidLeg, PaidLine, PaidOrder, PlannedLeg, RefundPlan
from points import services as points

# The reference of a leg that went back as points instead.
AS_POINTS = "points"


def paid_order(order: Order) -> PaidOrder:
    """Read what a refund is decided by; under the order's lock it stays true."""
    gone = {
        line_id: (quantity, amount)
        for line_id, quantity, amount in RefundLine.objects.filter(
            order_line__order=order
        )
        .values_list("order_line_id")
        .annotate(Sum("quantity"), Sum("amount"))
    }
    delivery = Refund.objects.filter(order=order).aggregate(sum=Sum("delivery_amount"))
    return PaidOrder(
        lines=[
            PaidLine(
                line_id=line.pk,
                product_id=line.product_id,
                quantity=line.quantity,
                paid=line.line_total - line.discount_share,
                refunded_quantity=gone.get(line.pk, (0, 0))[0],
                refunded=gone.get(line.pk, (0, 0))[1],
            )
            for line in order.lines.order_by("pk")
        ],
        legs=[
            PaidLeg(
                payment_id=payment.pk,
                is_outside=payment.is_outside,
                amount=payment.amount,
                refunded=payment.refunded,
            )
            for payment in payments.legs_of(order.pk)
        ],
        delivery_cost=order.delivery_cost,
        refunded_delivery=delivery["sum"] or 0,
        is_unsent=not order.fulfilments.exists(),
    )


def plan(
    order: Order, quantities: dict[int, int], *, delivery: int | None
) -> RefundPlan:
    """Plan a refund of units by line id, as ``planner.plan_refund`` does.

    Raises ``NotRefundable``. Nothing is written.
    """
    try:
        return planner.plan_refund(paid_order(order), quantities, delivery=delivery)
    except planner.Impossible as error:
        raise NotRefundable(line_id=error.line_id, left=error.left) from None


@requires_transaction
def find(key: str) -> Refund | None:
    """Return the refund that was made with this key."""
    return Refund.objects.filter(idempotency_key=key).first()


@requires_transaction
def carry_out(
    order: Order,
    refund_plan: RefundPlan,
    *,
    reason: str,
    actor_id: int | None,
    key: str,
    as_points: bool = False,
) -> Refund:
    """Give back what a plan says of a locked order; ``key`` makes it happen once.

    The plan must have been made under the same lock. With ``as_points`` nothing goes
    back to providers: the shopper gets points instead. Raises ``RefundAboveLimit`` or
    ``NobodyToPay``.
    """
    if as_points and order.user_id is None:
        raise NobodyToPay
    limits.check(order, amount=refund_plan.amount, actor_id=actor_id)
    refund = Refund.objects.create(
        order=order,
        amount=refund_plan.amount,
        delivery_amount=refund_plan.delivery,
        reason=reason[:200],
        actor_id=actor_id,
        idempotency_key=key,
    )
    RefundLine.objects.bulk_create(
        RefundLine(
            refund=refund,
            order_line_id=line.line_id,
            product_id=line.product_id,
            quantity=line.quantity,
            amount=line.amount,
            refunded_at=refund.refunded_at,
        )
        for line in refund_plan.lines
    )
    give_back = _pay_leg_as_points if as_points else _return_leg
    for leg in refund_plan.legs:
        give_back(refund, leg, user_id=order.user_id, reference=order.number)
    return refund


def went_as_points(refund: Refund) -> bool:
    """Tell whether money of a provider went back as points."""
    return refund.legs.filter(provider_reference=AS_POINTS).exists()


@requires_transaction
def refund_in_full(order: Order, *, reason: str, actor_id: int | None) -> Refund | None:
    """Give back everything a locked order was paid, to where it came from.

    Returns ``None`` if nothing was captured. Exactly once per order, by its key.
    """
    paid = paid_order(order)
    if not paid.legs:
        return None
    return carry_out(
        order,
        planner.everything_left(paid),
        reason=reason,
        actor_id=actor_id,
        key=f"cancel/{order.pk}",
    )


@requires_transaction
def return_money(payment: Payment, *, reason: str) -> Refund:
    """Send back, whole, the captured money of a locked payment that bought nothing."""
    if payment.settled_at is not None or payment.refunded:
        raise NothingToRefund
    refund = Refund.objects.create(
        order_id=payment.order_id,
        amount=payment.amount,
        reason=reason[:200],
        idempotency_key=f"{UNSOLD}{payment.pk}",
    )
    leg = PlannedLeg(payment.pk, is_outside=True, amount=payment.amount)
    _return_leg(refund, leg, user_id=None, reference="")
    payments.publish("payment.returned", payment)
    return refund


@requires_transaction
def settle_leg(leg_id: int, state: LegState, *, reference: str, note: str) -> None:
    """Note what a provider said to a refund; only a pending or refused one changes."""
    RefundLeg.objects.filter(pk=leg_id).exclude(state=LegState.DONE).update(
        state=state,
        provider_reference=reference[:100],
        note=note[:200],
        done_at=Now() if state == LegState.DONE else None,
    )


# --- Legs that a provider has refused: for a human ------------------------------------


@use_case
def ask_again(leg_id: int) -> RefundLeg:
    """Ask the provider once more for what it refused; raise ``LegNotRefused``."""
    leg = _lock_refused(leg_id)
    leg.state = LegState.PENDING
    leg.save(update_fields=["state"])
    # By the old key a provider would repeat its old answer.
    _request(leg, again=f"/{token_hex(4)}")
    return leg


@use_case
def pay_as_points(leg_id: int) -> RefundLeg:
    """Give the payer points instead of what the provider refused to send back.

    Raises ``LegNotRefused``, or ``NobodyToPay`` if the payer has no account.
    """
    leg = _lock_refused(leg_id)
    order = leg.payment.order
    user_id = order.user_id if order else leg.payment.buyer_id
    if user_id is None:
        raise NobodyToPay
    points.refund(
        user_id=user_id,
        amount=leg.amount,
        reference=order.number if order else "",
        idempotency_key=f"leg/{leg.pk}",
    )
    return _done(leg, reference=AS_POINTS, note="paid as points")


@use_case
def pay_elsewhere(leg_id: int, *, note: str) -> RefundLeg:
    """Note that staff have paid back, by other means, what the provider refused.

    Raises ``LegNotRefused``.
    """
    return _done(_lock_refused(leg_id), reference="", note=note)


def _lock_refused(leg_id: int) -> RefundLeg:
    leg = RefundLeg.objects.select_for_update(no_key=True).get(pk=leg_id)
    if leg.state != LegState.REFUSED:
        raise LegNotRefused
    return leg


def _done(leg: RefundLeg, *, reference: str, note: str) -> RefundLeg:
    leg.state = LegState.DONE
    leg.provider_reference = reference
    leg.note = note[:200]
    leg.done_at = timezone.now()
    leg.save(update_fields=["state", "provider_reference", "note", "done_at"])
    return leg


def _request(leg: RefundLeg, *, again: str = "") -> None:
    outbox.publish(
        topic="refund.requested",
        aggregate=f"payment/{leg.payment_id}",
        payload={
            "leg_id": leg.pk,
            "amount": leg.amount,
            "key": f"refund/{leg.pk}{again}",
        },
    )


def _pay_leg_as_points(
    refund: Refund, planned: PlannedLeg, *, user_id: int | None, reference: str
) -> None:
    if not planned.is_outside or user_id is None:
        _return_leg(refund, planned, user_id=user_id, reference=reference)
        return
    _lower(planned)
    leg = RefundLeg.objects.create(
        refund=refund,
        payment_id=planned.payment_id,
        amount=planned.amount,
        state=LegState.DONE,
        done_at=refund.refunded_at,
        provider_reference=AS_POINTS,
        note="paid as points",
    )
    points.refund(
        user_id=user_id,
        amount=planned.amount,
        reference=reference,
        idempotency_key=f"leg/{leg.pk}",
    )


def _lower(planned: PlannedLeg) -> None:
    changed = Payment.objects.filter(pk=planned.payment_id).update(
        refunded=F("refunded") + planned.amount
    )
    if not changed:
        raise LookupError(planned.payment_id)


def _return_leg(
    refund: Refund, planned: PlannedLeg, *, user_id: int | None, reference: str
) -> None:
    _lower(planned)
    leg = RefundLeg.objects.create(
        refund=refund,
        payment_id=planned.payment_id,
        amount=planned.amount,
        state=LegState.PENDING if planned.is_outside else LegState.DONE,
        done_at=None if planned.is_outside else refund.refunded_at,
    )
    if planned.is_outside:
        _request(leg)
    elif user_id is not None and planned.amount:
        points.refund(
            user_id=user_id,
            amount=planned.amount,
            reference=reference,
            idempotency_key=f"refund/{refund.idempotency_key}",
        )
