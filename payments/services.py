"""The only code that writes payments: money that comes in.

What a provider says arrives here only after it was asked or its signature was checked.
Whoever calls holds the lock of the order, and takes the payment's after it.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from common import metrics
from common.db import (
    Pipeline,
    Statement,
    pipeline,
    requires_transaction,
    run,
    use_case,
)
from common.ids import uuid7
from orders.models import Order, OrderQuerySet
from outbox import services as outbox
from payments.errors import PaymentKeyReused, PaymentNotFound
from payments.gateways.base import Sight
from payments.models import (
    GIVEN_UP,
    OPEN,
    OWN_METHODS,
    UNDER_WAY,
    InboxState,
    Payment,
    PaymentMethod,
    PaymentState,
    ProviderEvent,
)
from points import services as points
from points.errors import InsufficientPoints

# A provider that has said nothing for so long is asked.
FIRST_LOOK = timedelta(minutes=2)
NEXT_LOOK = timedelta(minutes=1)
# A provider that has not been reached for so long does not hold an order up any more.
LONGEST_SILENCE = timedelta(days=1)

CAPTURE_SQL = """
    INSERT INTO payments_payment (id, order_id, method, amount, refunded, state,
        provider_reference, created_at, captured_at, settled_at)
    VALUES (%(id)s, %(order_id)s, %(method)s, %(amount)s, 0, 'captured', '', now(),
        now(), now())
"""
RECEIVE_SQL = """
    INSERT INTO payments_providerevent (provider, event_id, kind, payment_id, reference,
        state, note, received_at)
    VALUES (%(provider)s, %(event_id)s, %(kind)s, %(payment_id)s::uuid, %(reference)s,
        %(state)s, %(note)s, now())
    ON CONFLICT (provider, event_id) DO NOTHING
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
    method, captured = method_for(amount).value, PaymentState.CAPTURED.value
    count = metrics.child(metrics.PAYMENTS, method, captured).inc
    transaction.on_commit(count, robust=True)
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
def take_by_hand(order: Order, *, note: str) -> Payment:
    """Note that a locked order's total came past all providers, as staff say."""
    return Payment.objects.create(
        order=order,
        method=PaymentMethod.BY_HAND if order.total else PaymentMethod.FREE,
        amount=order.total,
        state=PaymentState.CAPTURED,
        captured_at=Now(),
        settled_at=Now(),
        note=note[:200],
    )


# --- Outside payments ----------------------------------------------------------------


@requires_transaction
def open_for_order(order: Order, *, method: str, points_part: int) -> Payment:
    """Open the outside payment of a locked order, and hold its part in points.

    ``points_part`` is what points pay; the outside method pays the rest, which is at
    least 1. Raises ``InsufficientPoints``.
    """
    if points_part:
        hold_points(order, points_part)
    return Payment.objects.create(
        order=order,
        method=method,
        amount=order.total - points_part,
        state=PaymentState.CREATED,
        next_look_at=Now() + FIRST_LOOK,
    )


@requires_transaction
def open_for_points(*, user_id: int, method: str, amount: int, key: str) -> Payment:
    """Open the outside payment by which somebody buys ``amount`` points.

    The same ``key`` of the same buyer finds the same payment. Raises
    ``PaymentKeyReused`` if that one is of another amount or method.
    """
    payment, _is_new = Payment.objects.get_or_create(
        buyer_id=user_id,
        client_key=key,
        defaults={
            "method": method,
            "amount": amount,
            "state": PaymentState.CREATED,
            "next_look_at": Now() + FIRST_LOOK,
        },
    )
    if (payment.method, payment.amount) != (method, amount):
        raise PaymentKeyReused
    return payment


def is_known_charge(*, user_id: int, key: str) -> bool:
    """Tell whether somebody has begun to buy points with this key before."""
    return Payment.objects.filter(buyer_id=user_id, client_key=key).exists()


@requires_transaction
def mark_started(payment: Payment, *, reference: str, url: str) -> None:
    """Note that the provider waits for the payer of a locked payment."""
    payment.state = PaymentState.PROCESSING
    payment.provider_reference = reference
    payment.provider_url = url
    payment.save(update_fields=["state", "provider_reference", "provider_url"])


@requires_transaction
def note_reference(payment: Payment, reference: str) -> None:
    """Keep how the provider calls a locked payment that was given up meanwhile."""
    payment.provider_reference = reference
    payment.save(update_fields=["provider_reference"])


@requires_transaction
def lock_payment(payment_id: UUID) -> Payment:
    """Lock a payment; its order is locked already. Raises ``PaymentNotFound``."""
    found = Payment.objects.select_for_update(no_key=True).filter(pk=payment_id).first()
    if found is None:
        raise PaymentNotFound
    return found


def payer_window() -> timedelta:
    """Return for how long a payer may be away at a provider's page."""
    return timedelta(minutes=settings.PROVIDER_WINDOW_MINUTES)


def is_stale(payment: Payment, *, after: timedelta) -> bool:
    """Tell whether a payment was begun longer ago than ``after``."""
    return Payment.objects.filter(pk=payment.pk, created_at__lte=Now() - after).exists()


def open_attempt(order_id: UUID) -> Payment | None:
    """Return the outside payment of an order that is not decided yet, if any."""
    return Payment.objects.outside().filter(order_id=order_id, state__in=OPEN).first()


def with_attempts(order_ids: Sequence[UUID]) -> set[UUID | None]:
    """Return which of the orders have an outside payment that is not decided yet."""
    attempts = Payment.objects.outside().filter(order_id__in=order_ids, state__in=OPEN)
    return set(attempts.values_list("order_id", flat=True))


def without_attempt(chosen: OrderQuerySet) -> OrderQuerySet:
    """Keep orders that have no outside payment which is not decided yet."""
    attempts = Payment.objects.outside().filter(order=OuterRef("pk"), state__in=OPEN)
    return chosen.filter(~Exists(attempts))


def is_processing(order_id: UUID) -> bool:
    """Tell whether a payment of the order is under way at a provider."""
    return (
        Payment.objects.outside()
        .filter(order_id=order_id, state__in=UNDER_WAY)
        .exists()
    )


@requires_transaction
def mark_authorised(payment: Payment, *, reference: str) -> None:
    """Note that a provider holds the money of a locked payment for us."""
    if payment.state == PaymentState.CREATED:
        # Its opening was not noted, but its payer has been there.
        _advance(payment, PaymentState.PROCESSING)
    _advance(payment, PaymentState.AUTHORISED, reference=reference)


@requires_transaction
def mark_captured(payment: Payment, *, reference: str, settled: str) -> None:
    """Note that the money of a locked payment is ours.

    ``settled`` is "yes" if it becomes a paid order or points in this transaction, "no"
    if it has to go back.
    """
    payment.captured_at = Now()
    payment.settled_at = Now() if settled == "yes" else None
    _advance(payment, PaymentState.CAPTURED, reference=reference)


@requires_transaction
def give_up(payment: Payment, state: PaymentState, *, note: str) -> None:
    """Note that a locked payment is ``FAILED`` or ``VOIDED``, and tell who listens."""
    payment.note = note[:200]
    _advance(payment, state)
    if state == PaymentState.FAILED:
        publish("payment.failed", payment)


@requires_transaction
def request_void(payment: Payment) -> None:
    """Have the provider told, after the commit, that we do not want this money."""
    _request("payment.void_requested", payment)


@requires_transaction
def request_capture(payment: Payment) -> None:
    """Have the held money of a payment taken, after the commit."""
    _request("payment.capture_requested", payment)


@requires_transaction
def look_again(payment: Payment) -> None:
    """Have the provider of a payment asked again, a little later."""
    payment.next_look_at = Now() + NEXT_LOOK
    payment.save(update_fields=["next_look_at"])


@requires_transaction
def publish(topic: str, payment: Payment) -> None:
    """Tell others of a locked payment, after what they were told of its order."""
    order = payment.order
    outbox.publish(
        topic=topic,
        aggregate=f"order/{order.pk}" if order else f"payment/{payment.pk}",
        payload={
            "payment_id": str(payment.pk),
            "order_id": str(order.pk) if order else None,
            "number": order.number if order else "",
            "user_id": order.user_id if order else payment.buyer_id,
            "email": order.email if order else "",
            "currency": settings.SHOP_CURRENCY,
            "method": payment.method,
            "amount": payment.amount,
        },
    )


@requires_transaction
def receive(
    *,
    provider: str,
    event_id: str,
    kind: str,
    payment_id: UUID | None,
    reference: str,
    state: InboxState,
    note: str = "",
) -> bool:
    """Keep a provider's message; False if it has been here before."""
    params = {
        "provider": provider,
        "event_id": event_id[:200],
        "kind": kind[:80],
        "payment_id": payment_id,
        "reference": reference[:100],
        "state": state.value,
        "note": note[:200],
    }
    return run(RECEIVE_SQL, params).count() == 1


@use_case
def close_event(event_id: int, *, note: str) -> None:
    """Note that somebody has seen to a parked message, and what they did."""
    ProviderEvent.objects.filter(pk=event_id, state=InboxState.PARKED).update(
        state=InboxState.HANDLED, note=note[:200]
    )


def find(provider: str, *, reference: str, key: str) -> Payment | None:
    """Find whose payment a provider speaks of, by its reference or by our own key."""
    named = Q(provider_reference=reference) if reference else Q(pk=None)
    with suppress(ValueError):
        named |= Q(pk=UUID(key))
    return Payment.objects.filter(named, method=provider).first()


def fits(payment: Payment, sight: Sight) -> bool:
    """Tell whether what a provider says it holds is what we asked for."""
    return (sight.amount, sight.currency) == (payment.amount, settings.SHOP_CURRENCY)


def is_more(payment: Payment, sight: Sight) -> bool:
    """Tell whether a provider has more for us than was asked, as coins may come."""
    is_ours = sight.currency == settings.SHOP_CURRENCY
    return is_ours and sight.amount > payment.amount


def _advance(payment: Payment, state: PaymentState, *, reference: str = "") -> None:
    payment.state = state
    payment.provider_reference = reference or payment.provider_reference
    if state not in OPEN:
        payment.next_look_at = None
    payment.save()
    if state in {PaymentState.CAPTURED, *GIVEN_UP}:
        count = metrics.child(metrics.PAYMENTS, payment.method, state.value).inc
        transaction.on_commit(count, robust=True)


def _request(topic: str, payment: Payment) -> None:
    outbox.publish(
        topic=topic,
        aggregate=f"payment/{payment.pk}",
        payload={"payment_id": str(payment.pk)},
    )


# --- The part in points of a mixed payment -------------------------------------------


@requires_transaction
def hold_points(order: Order, amount: int) -> Payment:
    """Debit a locked order's part in points until the outside payment is decided."""
    held = Payment.objects.create(
        id=(hold_id := uuid7()),
        order=order,
        method=PaymentMethod.POINTS,
        amount=amount,
        state=PaymentState.AUTHORISED,
    )
    if order.user_id is None:
        raise InsufficientPoints(balance=0, required=amount)
    points.use(
        user_id=order.user_id,
        amount=amount,
        reference=order.number,
        idempotency_key=f"hold/{hold_id}",
    )
    return held


@requires_transaction
def held_points(order: Order) -> Payment | None:
    """Return the points that a locked order holds, locked."""
    return (
        Payment.objects.select_for_update(no_key=True)
        .filter(order=order, method=PaymentMethod.POINTS, state=PaymentState.AUTHORISED)
        .first()
    )


@requires_transaction
def capture_held_points(order: Order, amount: int) -> None:
    """Make the points that a locked order holds its payment; hold them if need be.

    Raises ``InsufficientPoints``.
    """
    held = held_points(order)
    if held is not None and held.amount != amount:
        _give_points_back(order, held)
        held = None
    held = held or hold_points(order, amount)
    held.captured_at = held.settled_at = Now()
    _advance(held, PaymentState.CAPTURED)


@requires_transaction
def release_points(order: Order) -> None:
    """Give the points that a locked order holds back to the shopper."""
    held = held_points(order)
    if held is not None:
        _give_points_back(order, held)


def _give_points_back(order: Order, held: Payment) -> None:
    _advance(held, PaymentState.VOIDED)
    points.refund(
        user_id=order.user_id or 0,
        amount=held.amount,
        reference=order.number,
        idempotency_key=f"release/{held.pk}",
    )


def legs_of(order_id: UUID) -> list[Payment]:
    """Return what a paid order was paid with: outside money first."""
    settled = Payment.objects.settled().filter(order_id=order_id)
    return sorted(settled, key=lambda payment: payment.method in OWN_METHODS)
