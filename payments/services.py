"""The only code that writes payments and refunds."""

from uuid import UUID

from django.db.models import F

from common.db import Pipeline, Statement, pipeline, requires_transaction
from common.ids import uuid7
from orders.models import Order
from payments.models import Payment, PaymentMethod, PaymentState, Refund, RefundLine
from points import services as points
from points.errors import InsufficientPoints

CAPTURE_SQL = """
    INSERT INTO payments_payment (id, order_id, method, amount, refunded, state,
        provider_reference, created_at, captured_at)
    VALUES (%(id)s, %(order_id)s, %(method)s, %(amount)s, 0, 'captured', '', now(),
        now())
"""


def method_for(total: int) -> PaymentMethod:
    """Return how a purchase is settled from points: an empty bill needs none."""
    return PaymentMethod.POINTS if total else PaymentMethod.FREE


def queue_capture(pipe: Pipeline, *, order_id: UUID, amount: int) -> Statement:
    """Queue the captured payment of an order that is settled from points."""
    params = {
        "id": uuid7(),
        "order_id": order_id,
        "method": method_for(amount).value,
        "amount": amount,
    }
    return pipe.run(CAPTURE_SQL, params)


def use_key(order_id: UUID) -> str:
    """Return the ledger key of an order's debit: one order is debited once."""
    return f"order/{order_id}"


@requires_transaction
def capture_points(order: Order) -> None:
    """Pay a locked order from its shopper's points; raise ``InsufficientPoints``."""
    if order.total and order.user_id is None:
        raise InsufficientPoints(balance=0, required=order.total)
    debited: Statement | None = None
    with pipeline() as pipe:
        queue_capture(pipe, order_id=order.pk, amount=order.total)
        if order.total and order.user_id is not None:
            debited = points.queue_use(
                pipe,
                user_id=order.user_id,
                amount=order.total,
                reference=order.number,
                idempotency_key=use_key(order.pk),
            )
    if debited is not None and not debited.count():
        balance = points.balance_of(order.user_id or 0)
        raise InsufficientPoints(balance=balance, required=order.total)


@requires_transaction
def refund_in_full(order: Order, *, reason: str, actor_id: int | None) -> Refund | None:
    """Give back everything a locked order was paid, to where it came from.

    Returns ``None`` if nothing was captured. Exactly once per order, by its key.
    """
    payment = (
        Payment.objects.select_for_update(no_key=True)
        .filter(order=order, state=PaymentState.CAPTURED)
        .first()
    )
    if payment is None:
        return None
    refund = Refund.objects.create(
        payment=payment,
        amount=payment.amount - payment.refunded,
        reason=reason,
        actor_id=actor_id,
        idempotency_key=f"cancel/{order.pk}",
    )
    _record_lines(refund, order)
    Payment.objects.filter(pk=payment.pk).update(refunded=F("amount"))
    if refund.amount and order.user_id is not None:
        points.refund(
            user_id=order.user_id,
            amount=refund.amount,
            reference=order.number,
            idempotency_key=f"refund/{refund.idempotency_key}",
        )
    return refund


def _record_lines(refund: Refund, order: Order) -> None:
    RefundLine.objects.bulk_create(
        RefundLine(
            refund=refund,
            order_line=line,
            product_id=line.product_id,
            quantity=line.quantity,
            amount=line.line_total - line.discount_share,
            refunded_at=refund.refunded_at,
        )
        for line in order.lines.order_by("pk")
    )


def is_processing(order_id: UUID) -> bool:
    """Tell whether a payment of the order is under way at a provider."""
    return Payment.objects.filter(
        order_id=order_id, state=PaymentState.PROCESSING
    ).exists()
