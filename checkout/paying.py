"""Setting out to pay through somebody else, and giving that up.

Three steps: prepare in a transaction, call the provider outside of any, finish in a
transaction that can be repeated. What the provider says afterwards is decided in
``checkout/settling.py``.
"""

import logging
from uuid import UUID

from django.conf import settings
from django.db import transaction

from checkout.errors import PartInvalid
from common.db import requires_transaction, use_case
from orders import services as orders
from orders.errors import OrderExpired
from orders.models import Order
from payments import services as payments
from payments.errors import (
    PaymentDeclined,
    PaymentMethodUnavailable,
    PaymentNotFound,
    ProviderAway,
)
from payments.gateways import gateway
from payments.gateways.base import (
    Gateway,
    GatewayAway,
    GatewayRefused,
    Invoice,
    Started,
)
from payments.models import GIVEN_UP, Payment, PaymentState
from points import services as points

logger = logging.getLogger(__name__)


def start(
    *,
    user_id: int | None,
    order_id: UUID,
    method: str,
    points_part: int,
    return_url: str,
    language: str,
) -> Payment:
    """Send a shopper off to pay an unpaid order; ``provider_url`` is where they go.

    ``user_id`` ``None`` is the guest of an order that nobody has claimed.
    ``points_part`` points are held and the outside method pays the rest. Starting
    again with the same choice finds the same payment; with another, the one before is
    given up. ``return_url`` may contain ``{payment}``. Raises ``OrderNotFound``,
    ``OrderNotPayable``, ``OrderExpired``, ``PartInvalid``, ``InsufficientPoints``,
    ``PaymentMethodUnavailable``, ``PaymentDeclined`` or ``ProviderAway``.
    """
    provider = provider_of(method)
    payment = _open(
        user_id=user_id, order_id=order_id, method=method, points_part=points_part
    )
    order = payment.order
    if order is None:
        raise PaymentNotFound
    return _set_out(
        provider,
        payment,
        description=f"{settings.SHOP_NAME} {order.number}",
        email=order.email,
        return_url=return_url,
        language=language,
    )


def start_charge(
    *,
    user_id: int,
    email: str,
    amount: int,
    method: str,
    key: str,
    return_url: str,
    language: str,
) -> Payment:
    """Send a shopper off to buy ``amount`` points, credited once they are paid for.

    The same ``key`` gives the same payment, which may be decided by then and lead
    nowhere. Raises ``PaymentKeyReused``, ``AmountOutOfRange``,
    ``BalanceLimitReached``, ``PaymentMethodUnavailable``, ``PaymentDeclined`` or
    ``ProviderAway``.
    """
    provider = provider_of(method)
    if not payments.is_known_charge(user_id=user_id, key=key):
        points.check_charge(user_id=user_id, amount=amount)
    with transaction.atomic():
        payment = payments.open_for_points(
            user_id=user_id, method=method, amount=amount, key=key
        )
    return _set_out(
        provider,
        payment,
        description=f"{settings.SHOP_NAME}: {amount} points",
        email=email,
        return_url=return_url,
        language=language,
    )


def provider_of(method: str) -> Gateway:
    """Return the adapter of a method, or raise ``PaymentMethodUnavailable``."""
    try:
        return gateway(method)
    except LookupError:
        raise PaymentMethodUnavailable from None


@use_case
def _open(
    *, user_id: int | None, order_id: UUID, method: str, points_part: int
) -> Payment:
    if user_id is None:
        # Claimed a moment ago, its new owner's points would be held.
        orders.lock_of_guest(order_id)
    order = orders.lock_unpaid(order_id, user_id=user_id)
    if orders.is_overdue(order.pk):
        raise OrderExpired
    if not 0 <= points_part < order.total:
        raise PartInvalid(total=order.total)
    before = payments.open_attempt(order.pk)
    amount = order.total - points_part
    orders.wait_for_provider(order)
    if before is not None:
        if (before.method, before.amount) == (method, amount):
            return before
        abandon(order, note="another way was chosen")
    return payments.open_for_order(order, method=method, points_part=points_part)


def _set_out(
    provider: Gateway,
    payment: Payment,
    *,
    description: str,
    email: str,
    return_url: str,
    language: str,
) -> Payment:
    if payment.provider_url or not payment.is_open:
        return payment
    invoice = Invoice(
        key=str(payment.pk),
        amount=payment.amount,
        currency=settings.SHOP_CURRENCY,
        description=description,
        email=email,
        return_url=return_url.replace("{payment}", str(payment.pk)),
        language=language,
    )
    try:
        started = provider.start(invoice)
    except GatewayRefused as error:
        logger.warning("%s refused payment %s: %s", provider.code, payment.pk, error)
        _refused(payment.pk, note=str(error))
        raise PaymentDeclined from None
    except GatewayAway as error:
        logger.warning("%s is away: %s", provider.code, error)
        raise ProviderAway from None
    return _started(payment.pk, started)


@use_case
def _refused(payment_id: UUID, *, note: str) -> None:
    order, payment = lock(payment_id)
    if payment.is_open:
        end_attempt(order, payment, PaymentState.FAILED, note=note)


@use_case
def _started(payment_id: UUID, started: Started) -> Payment:
    _order, payment = lock(payment_id)
    if payment.state == PaymentState.CREATED:
        payments.mark_started(payment, reference=started.reference, url=started.url)
    elif payment.state in GIVEN_UP and not payment.provider_reference:
        # It was called off while we were on the telephone.
        payments.note_reference(payment, started.reference)
        payments.request_void(payment)
    return payment


@requires_transaction
def lock(payment_id: UUID) -> tuple[Order | None, Payment]:
    """Lock a payment and, before it, its order if it has one."""
    order_id = (
        Payment.objects.filter(pk=payment_id).values_list("order_id", flat=True).first()
    )
    order = orders.lock(order_id, user_id=None) if order_id else None
    return order, payments.lock_payment(payment_id)


@requires_transaction
def end_attempt(
    order: Order | None, payment: Payment, state: PaymentState, *, note: str
) -> None:
    """Give up a locked attempt to pay; the points held with it go back."""
    payments.give_up(payment, state, note=note)
    if order is not None:
        payments.release_points(order)


@requires_transaction
def abandon(order: Order, *, note: str) -> None:
    """Give up a locked order's open outside payment, if it has one.

    The points it holds go back; the provider is told after the commit. Should money
    arrive from there all the same, it is sent back.
    """
    attempt = payments.open_attempt(order.pk)
    if attempt is None:
        return
    payment = payments.lock_payment(attempt.pk)
    end_attempt(order, payment, PaymentState.VOIDED, note=note)
    if payment.provider_reference:
        payments.request_void(payment)
