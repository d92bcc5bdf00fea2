"""Calls to providers: for a payer who returns, for the sweep, and for the outbox.

None is made in a transaction. Each may be repeated: the keys make providers do it once.
"""

import logging
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from django.conf import settings

from checkout.paying import end_attempt, lock, provider_of
from checkout.settling import record
from common.db import use_case
from common.errors import DomainError
from orders import services as orders
from outbox.services import DELIVERED, Outcome, OutgoingEvent
from payments import refunds
from payments import services as payments
from payments.errors import ProviderAway
from payments.gateways.base import (
    GatewayAway,
    GatewayError,
    GatewayRefused,
    ProviderState,
)
from payments.models import (
    LegState,
    Payment,
    PaymentMethod,
    PaymentState,
    RefundLeg,
)

MOST_LOOKS = 50  # payments that one sweep asks after
# What has not begun by then is left to the next delivery, or sweep: a lease is 30
# seconds, a sweep begins as often, and a provider may take ten.
LONGEST_RUN = 15.0  # seconds
# For staff, who pay it back and say so.
BACK_BY_HAND = "it came past all providers: pay it back by hand"
logger = logging.getLogger(__name__)


def check(payment_id: UUID) -> Payment:
    """Ask the provider how an open payment stands, and finish it if it can be.

    Raises ``ProviderAway``; then nothing is known, and nothing has been changed.
    """
    payment = Payment.objects.get(pk=payment_id)
    if not payment.is_open or not payment.provider_reference:
        return payment
    provider = provider_of(payment.method)
    try:
        payment = record(payment.pk, provider.look_up(payment.provider_reference))
        if payment.state == PaymentState.AUTHORISED:
            payment = capture(payment.pk)
    except GatewayAway:
        raise ProviderAway from None
    except GatewayRefused as error:
        logger.warning("%s refused %s: %s", provider.code, payment.pk, error)
    return payment


def capture(payment_id: UUID) -> Payment:
    """Take money that is held for us; doing it twice takes it once.

    Raises ``GatewayAway`` or ``GatewayRefused``.
    """
    payment = Payment.objects.get(pk=payment_id)
    if payment.state != PaymentState.AUTHORISED:
        return payment
    sight = provider_of(payment.method).capture(
        payment.provider_reference, amount=payment.amount, key=f"capture/{payment.pk}"
    )
    return record(payment.pk, sight)


def void(payment_id: UUID) -> Payment:
    """Tell the provider that we do not want a payment.

    Should it be too late for that, the money is taken down, and sent back.

    Raises ``GatewayAway`` or ``GatewayRefused``.
    """
    payment = Payment.objects.get(pk=payment_id)
    if payment.state == PaymentState.CAPTURED or not payment.provider_reference:
        return payment
    sight = provider_of(payment.method).void(
        payment.provider_reference, key=f"void/{payment.pk}"
    )
    if sight.state == ProviderState.OPEN and not payment.is_open:
        # As with coins that are under way: whether they arrive is not known yet.
        raise GatewayAway("it cannot be given up over there yet")
    if sight.state == ProviderState.AUTHORISED and not payment.is_open:
        # Nothing is held that could be let go, and nobody will capture it.
        return payment
    return record(payment.pk, sight)


def ask_providers() -> int:
    """Ask after payments that have been silent for too long; return how many.

    A lost webhook does no harm this way. An order whose time is up is called off at
    the provider, and expires once that is confirmed.
    """
    due = (
        Payment.objects.unanswered()
        .order_by("next_look_at")
        .values_list("pk", flat=True)
    )
    end = time.monotonic() + LONGEST_RUN
    asked = 0
    for payment_id in list(due[:MOST_LOOKS]):
        if time.monotonic() > end:
            break
        _ask_robustly(payment_id)
        asked += 1
    return asked


def _ask_robustly(payment_id: UUID) -> None:
    try:
        _ask(payment_id)
    except (DomainError, GatewayError) as error:
        logger.warning("payment %s: %s", payment_id, error)
    except Exception:
        # One payment's trouble is not the others'.
        logger.exception("payment %s could not be asked after", payment_id)
    _postpone(payment_id)


def _ask(payment_id: UUID) -> None:
    payment = check(payment_id)
    if payment.is_open and payment.provider_reference and _is_over(payment):
        void(payment_id)


def _is_over(payment: Payment) -> bool:
    if payment.order_id is not None:
        return orders.is_overdue(payment.order_id)
    return payments.is_stale(payment, after=payments.payer_window())


@use_case
def _postpone(payment_id: UUID) -> None:
    """Ask after a payment that is still open later, or give it up."""
    order, payment = lock(payment_id)
    if not payment.is_open:
        return
    reference = payment.provider_reference
    # Without one the shopper never got the address to pay at.
    if reference and not payments.is_stale(payment, after=payments.LONGEST_SILENCE):
        payments.look_again(payment)
        return
    end_attempt(order, payment, PaymentState.VOIDED, note="the provider is silent")
    if reference:
        payments.request_void(payment)


# --- Subscribers of the outbox -------------------------------------------------------


def send_captures(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Take the held money of payments whose orders want it."""
    return _each(events, lambda event: _ask_for(event, capture))


def send_voids(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Tell providers which payments we do not want."""
    return _each(events, lambda event: _ask_for(event, void))


def send_refunds(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Ask providers to give money back; each leg of a refund once, by its key."""
    return _each(events, _refund)


def _each(
    events: Sequence[OutgoingEvent], call: Callable[[OutgoingEvent], Outcome]
) -> list[Outcome]:
    end = time.monotonic() + LONGEST_RUN
    outcomes = []
    for event in events:
        if time.monotonic() > end:
            outcomes.append(Outcome(error="not sent: others took too long"))
            continue
        try:
            outcomes.append(call(event))
        except Exception as error:
            if not isinstance(error, (GatewayError, DomainError)):
                logger.exception("event %s", event.id)
            outcomes.append(Outcome(error=f"{type(error).__name__}: {error}"))
    return outcomes


def _ask_for(event: OutgoingEvent, call: Callable[[UUID], Payment]) -> Outcome:
    payment_id = UUID(event.payload["payment_id"])
    try:
        call(payment_id)
    except GatewayRefused as error:
        # It may have gone another way meanwhile, which asking tells.
        payment = Payment.objects.get(pk=payment_id)
        sight = provider_of(payment.method).look_up(payment.provider_reference)
        payment = record(payment_id, sight)
        if payment.state == PaymentState.AUTHORISED:
            return Outcome(error=str(error), is_final=True)
    return DELIVERED


def _refund(event: OutgoingEvent) -> Outcome:
    leg = RefundLeg.objects.select_related("payment").get(pk=event.payload["leg_id"])
    if leg.state == LegState.DONE:
        return DELIVERED
    if leg.payment.method == PaymentMethod.BY_HAND:
        _settle_leg(leg.pk, LegState.REFUSED, note=BACK_BY_HAND)
        return DELIVERED
    try:
        returned = provider_of(leg.payment.method).refund(
            leg.payment.provider_reference,
            amount=leg.amount,
            currency=settings.SHOP_CURRENCY,
            key=event.payload.get("key", f"refund/{leg.pk}"),
        )
    except GatewayRefused as error:
        _settle_leg(leg.pk, LegState.REFUSED, note=str(error))
    else:
        _settle_leg(leg.pk, LegState.DONE, reference=returned.reference)
    return DELIVERED


@use_case
def _settle_leg(
    leg_id: int, state: LegState, *, reference: str = "", note: str = ""
) -> None:
    refunds.settle_leg(leg_id, state, reference=reference, note=note)
