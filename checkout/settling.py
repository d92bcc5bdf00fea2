"""What providers say of payments, and what follows from it.

By whichever way it comes (a webhook, the payer's return, our own asking), it is decided
here, once, under the order's lock. Captured money always ends as exactly one of a paid
order (or points) and a refund.
"""

import logging
from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.db import transaction

from checkout.paying import abandon, end_attempt, lock, provider_of
from common.db import requires_transaction, use_case
from common.errors import DomainError
from coupons import services as coupons
from inventory import services as inventory
from orders import events
from orders import services as orders
from orders.errors import OrderNotPayable
from orders.models import Order, OrderLine, OrderStatus
from outbox import services as outbox
from payments import refunds
from payments import services as payments
from payments.errors import NothingToRefund, ProviderAway, WebhookRejected
from payments.gateways.base import (
    GatewayAway,
    Notice,
    ProviderState,
    Sight,
    WebhookInvalid,
)
from payments.models import InboxState, Payment, PaymentState
from points import services as points
from promotions import services as promotions

logger = logging.getLogger(__name__)


@use_case
def record(payment_id: UUID, sight: Sight) -> Payment:
    """Take down what a provider says of a payment, and do what follows from it.

    Harmless when it is told twice, late, or in the wrong order: captured money stays
    captured, and what has been decided stays decided.
    """
    order, payment = lock(payment_id)
    _decide(order, payment, sight)
    return payment


@requires_transaction
def _decide(order: Order | None, payment: Payment, sight: Sight) -> None:
    if payment.state == PaymentState.CAPTURED:
        return
    if sight.state == ProviderState.CAPTURED:
        _captured(order, payment, sight)
    elif sight.state == ProviderState.AUTHORISED:
        _authorised(order, payment, sight)
    elif not payment.is_open:
        return
    elif sight.state == ProviderState.OPEN:
        payments.look_again(payment)
    else:
        state = PaymentState(sight.state.value)
        end_attempt(order, payment, state, note=sight.reason)


def _authorised(order: Order | None, payment: Payment, sight: Sight) -> None:
    if payment.state == PaymentState.AUTHORISED:
        payments.look_again(payment)
        return
    wanted = order is None or order.status == OrderStatus.PENDING
    if wanted and payment.is_open and payments.fits(payment, sight):
        payments.mark_authorised(payment, reference=sight.reference)
        payments.request_capture(payment)
        return
    if payment.is_open:
        end_attempt(order, payment, PaymentState.VOIDED, note="not wanted any more")
    if not payment.provider_reference:
        payments.note_reference(payment, sight.reference)
    payments.request_void(payment)


def _captured(order: Order | None, payment: Payment, sight: Sight) -> None:
    if not payments.fits(payment, sight):
        _park(payment, sight)
        if not payments.is_more(payment, sight):
            return
    try:
        if order is None:
            _credit(payment, sight)
        elif order.status == OrderStatus.PENDING and payment.is_open:
            _settle(order, payment, sight)
        elif order.status in {OrderStatus.PENDING, OrderStatus.EXPIRED}:
            _settle_late(order, payment, sight)
        else:
            raise OrderNotPayable(status=order.status, wanted=OrderStatus.PAID.value)
    except DomainError as error:
        payment.refresh_from_db()
        payments.mark_captured(payment, reference=sight.reference, settled="no")
        refunds.return_money(payment, reason=f"{error.code}: too late for this")


def _settle(order: Order, payment: Payment, sight: Sight) -> None:
    """Turn captured money into a paid order."""
    if payment.amount != order.total:
        # These can fail alone, if somebody took the held points away.
        with transaction.atomic():
            payments.capture_held_points(order, order.total - payment.amount)
    payments.mark_captured(payment, reference=sight.reference, settled="yes")
    _keep(order, actor_id=order.user_id)


def _settle_late(order: Order, payment: Payment, sight: Sight) -> None:
    """Settle money that had been given up; all of it succeeds, or nothing is done."""
    with transaction.atomic():
        if order.status == OrderStatus.PENDING:
            abandon(order, note="an earlier payment came through")
            _settle(order, payment, sight)
            return
        if payment.amount != order.total:
            payments.capture_held_points(order, order.total - payment.amount)
        payments.mark_captured(payment, reference=sight.reference, settled="yes")
        _retake(order, actor_id=order.user_id)


@use_case
def pay_by_hand(*, order_id: UUID, reason: str, actor_id: int | None) -> Order:
    """Pay an order with money that came past all providers, whole, as staff say.

    An expired one is paid if its goods and coupon can still be had. A payment that is
    under way is given up; what arrives of it all the same goes back. Raises
    ``OrderNotFound``, ``OrderNotPayable``, ``InsufficientStock`` or what else says that
    an expired one cannot be had any more.
    """
    order = orders.lock(order_id, user_id=None)
    orders.check(order, OrderStatus.PAID)
    is_late = order.status == OrderStatus.EXPIRED
    abandon(order, note="it was paid past the provider")
    payments.take_by_hand(order, note=reason)
    step = _retake if is_late else _keep
    step(order, actor_id=actor_id, reason=reason)
    return order


def _keep(order: Order, *, actor_id: int | None, reason: str = "") -> None:
    """Make what an unpaid order holds its own."""
    coupons.use(order_id=order.pk)
    lines = list(order.lines.order_by("product_id"))
    quantities = {line.product_id: line.quantity for line in lines}
    inventory.commit(order_id=order.pk, quantities=quantities)
    _become_paid(order, lines, actor_id=actor_id, reason=reason)


def _retake(order: Order, *, actor_id: int | None, reason: str = "") -> None:
    """Take what an expired order has given up once more, all of it."""
    coupons.retake(order_id=order.pk, coupon_id=order.coupon_id)
    lines = list(order.lines.order_by("product_id"))
    quantities = {line.product_id: line.quantity for line in lines}
    inventory.retake(order_id=order.pk, quantities=quantities)
    promotions.retake(order_id=order.pk)
    _become_paid(order, lines, actor_id=actor_id, reason=reason)


def _become_paid(
    order: Order, lines: list[OrderLine], *, actor_id: int | None, reason: str
) -> None:
    orders.become(order, OrderStatus.PAID, actor_id=actor_id, reason=reason)
    outbox.publish(
        topic="order.paid",
        aggregate=f"order/{order.pk}",
        payload=events.payload(order, lines),
    )


def _credit(payment: Payment, sight: Sight) -> None:
    """Turn captured money into points; the ledger takes each payment once."""
    with transaction.atomic():
        payments.mark_captured(payment, reference=sight.reference, settled="yes")
        points.charge(
            user_id=payment.buyer_id or 0,
            amount=payment.amount,
            idempotency_key=f"payment/{payment.pk}",
        )
    payments.publish("points.charged", payment)


def _park(payment: Payment, sight: Sight) -> None:
    """Leave an amount that is not the one asked for to a human.

    Who paid more gets what was asked for; the difference is theirs, too.
    """
    logger.error(
        "payment %s: the provider says %s %s, the order says %s %s",
        payment.pk,
        sight.amount,
        sight.currency,
        payment.amount,
        settings.SHOP_CURRENCY,
    )
    payments.receive(
        provider=payment.method,
        event_id=f"amount/{payment.pk}/{sight.amount}/{sight.currency}",
        kind="amount",
        payment_id=payment.pk,
        reference=sight.reference,
        state=InboxState.PARKED,
        note=f"{sight.amount} {sight.currency} came, asked were {payment.amount}",
    )
    if payment.is_open:
        payments.look_again(payment)


@use_case
def send_back(payment_id: UUID, *, reason: str) -> None:
    """Send back captured money that bought nothing; raise ``NothingToRefund``."""
    _order, payment = lock(payment_id)
    if payment.state != PaymentState.CAPTURED:
        raise NothingToRefund
    refunds.return_money(payment, reason=reason)


# --- Webhooks ------------------------------------------------------------------------


def receive_webhook(provider: str, headers: Mapping[str, str], body: bytes) -> None:
    """Verify and take down a provider's messages; repeated ones change nothing.

    Raises ``PaymentMethodUnavailable`` for a provider we do not have,
    ``WebhookRejected``, or ``ProviderAway`` if its signature cannot be checked now.
    """
    adapter = provider_of(provider)
    try:
        notices = adapter.read_webhook(headers, body)
    except WebhookInvalid:
        raise WebhookRejected from None
    except GatewayAway:
        raise ProviderAway from None
    if not all(_is_text(notice) for notice in notices):
        raise WebhookRejected
    for notice in notices:
        take_down(provider, notice)


def _is_text(notice: Notice) -> bool:
    """Tell whether the database can keep what was told: JSON allows more than that."""
    sight = notice.sight
    words = [notice.event_id, notice.kind, notice.key]
    words += [sight.reference, sight.currency, sight.reason] if sight else []
    told = "".join(words)
    return "\0" not in told and told == told.encode(errors="ignore").decode()


@use_case
def take_down(provider: str, notice: Notice) -> None:
    """Act on one message of a provider, exactly once."""
    reference = notice.sight.reference if notice.sight else ""
    payment = payments.find(provider, reference=reference, key=notice.key)
    state, note = InboxState.HANDLED, ""
    if notice.sight is None:
        state = InboxState.IGNORED
    elif payment is None:
        state, note = InboxState.PARKED, f"no payment {notice.key}"
    is_new = payments.receive(
        provider=provider,
        event_id=notice.event_id,
        kind=notice.kind,
        payment_id=payment.pk if payment else None,
        reference=reference,
        state=state,
        note=note,
    )
    if is_new and payment is not None and notice.sight is not None:
        order = (
            orders.lock(payment.order_id, user_id=None) if payment.order_id else None
        )
        _decide(order, payments.lock_payment(payment.pk), notice.sight)
