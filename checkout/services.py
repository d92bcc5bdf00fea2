"""The life of a purchase, from a list of products to a parcel at the door.

Every use case is one transaction. All of them take their locks in the same order,
which rules out deadlocks between them:

    idempotency key → order → cart → payment → point account → coupon
        → stock rows by product id → promotions with a budget, by id

The hottest rows come last: while one shopper's order is being written, others wait
for the stock of a popular product and what a whole campaign has left to give.
"""

import logging
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from accounts.selectors import proved_emails
from cart import services as carts
from checkout.addresses import change_address as change_address
from checkout.addresses import change_delivery as change_delivery
from checkout.addresses import write_note as write_note
from checkout.parcels import confirm_receipt as confirm_receipt
from checkout.parcels import deliver as deliver
from checkout.parcels import pack as pack
from checkout.parcels import ship as ship
from checkout.paying import abandon
from checkout.placing import MAX_LINES as MAX_LINES
from checkout.placing import CartVersion as CartVersion
from checkout.placing import Purchase as Purchase
from checkout.placing import place_and_pay as place_and_pay
from checkout.placing import place_order as place_order
from checkout.placing import price as price
from checkout.placing import purchase_once as purchase_once
from checkout.refunding import put_back
from checkout.refunding import refund as refund
from checkout.settling import pay_by_hand as pay_by_hand
from common.db import pipeline, use_case
from common.errors import DomainError
from coupons import services as coupons
from inventory import services as inventory
from orders import events
from orders import services as orders
from orders.errors import OrderExpired, OrderNotFound
from orders.models import Order, OrderLine, OrderStatus
from outbox import services as outbox
from payments import refunds
from payments import services as payments
from payments.models import Refund
from promotions import services as promotions

# Few, so that nobody waits long for the stock of what they order at this moment.
EXPIRED_AT_ONCE = 25
TIME_IS_UP = "payment window"
logger = logging.getLogger(__name__)


@use_case
def pay_with_points(*, user_id: int | None, order_id: UUID) -> Order:
    """Pay an unpaid order from its shopper's points, before its time is up.

    Raises ``OrderNotFound``, ``OrderNotPayable``, ``OrderExpired`` or
    ``InsufficientPoints``. ``user_id`` ``None`` is the staff's.
    """
    order = orders.lock_unpaid(order_id, user_id=user_id)
    if orders.is_overdue(order.pk):
        raise OrderExpired
    abandon(order, note="paid with points")
    payments.capture_points(order)
    coupons.use(order_id=order.pk)
    inventory.commit(order_id=order.pk, quantities=orders.quantities(order))
    orders.become(order, OrderStatus.PAID, actor_id=user_id)
    _publish("order.paid", order)
    return order


def pay(*, user_id: int | None, order_id: UUID) -> Order:
    """Pay as ``pay_with_points``; an order that is too late is expired on the spot.

    ``user_id`` ``None`` is a guest, who has no points: what costs nothing is all that
    can be settled so.
    """
    try:
        if user_id is None:
            return pay_as_guest(order_id=order_id)
        return pay_with_points(user_id=user_id, order_id=order_id)
    except OrderExpired:
        expire(order_id)
        raise


@use_case
def pay_as_guest(*, order_id: UUID) -> Order:
    """Settle an order that costs nothing and that nobody has claimed."""
    # Claimed a moment ago, it would be paid with its new owner's points.
    orders.lock_of_guest(order_id)
    return pay_with_points(user_id=None, order_id=order_id)


@use_case
def cancel(
    *,
    order_id: UUID,
    user_id: int | None,
    actor_id: int | None,
    reason: str,
    writes_off: bool = False,
) -> Order:
    """Call an order off: its stock, coupon and money go back, each exactly once.

    Its shopper (``user_id``) can do so until it is packed, staff (``None``) until
    something is shipped. A payment that is under way is given up; what arrives of it
    all the same goes back. ``writes_off`` is for goods of a paid order that nobody can
    sell again: they leave the stock. Cancelling twice gives the same order.
    """
    order = orders.lock(order_id, user_id=user_id)
    by = "staff" if user_id is None else "shopper"
    _cancel(order, by=by, actor_id=actor_id, reason=reason, writes_off=writes_off)
    return order


@use_case
def cancel_as_guest(*, order_id: UUID, reason: str) -> Order:
    """Call off an order that nobody has claimed, as its shopper could."""
    order = orders.lock_of_guest(order_id)
    _cancel(order, by="shopper", actor_id=None, reason=reason)
    return order


def expire_overdue(*, limit: int = 500) -> int:
    """Expire the unpaid orders whose time is up; return how many.

    A few at a time make a transaction: quick, and nobody waits long for their stock. A
    job that dies has done whole orders.
    """
    # Those that somebody may be paying are left out here as well: many of them would
    # keep the others from their turn.
    overdue = payments.without_attempt(Order.objects.overdue())
    ids = list(overdue.order_by("expires_at").values_list("pk", flat=True)[:limit])
    batches = [
        ids[n : n + EXPIRED_AT_ONCE] for n in range(0, len(ids), EXPIRED_AT_ONCE)
    ]
    return sum(_expire_batch_or_each(batch) for batch in batches)


def _expire_batch_or_each(order_ids: list[UUID]) -> int:
    try:
        return _expire_batch(order_ids)
    except Exception:
        if not connection.is_usable():
            raise
        # One of them cannot expire; it must not keep the others waiting.
        return sum(_expire_or_log(order_id) for order_id in order_ids)


@use_case
def _expire_batch(order_ids: list[UUID]) -> int:
    """Do what ``expire`` does to those of the orders that nobody pays right now."""
    locked = list(
        Order.objects.overdue()
        .select_for_update(no_key=True, skip_locked=True)
        .filter(pk__in=order_ids)
        .order_by("pk")
    )
    busy = payments.with_attempts([order.pk for order in locked])
    dying = {order.pk: order for order in locked if order.pk not in busy}
    lines: dict[UUID, list[OrderLine]] = {order_id: [] for order_id in dying}
    for line in OrderLine.objects.filter(order__in=dying).order_by("pk"):
        lines[line.order_id].append(line)
    coupons.release_many(list(dying))
    inventory.release_many(
        {
            order_id: {line.product_id: line.quantity for line in own}
            for order_id, own in lines.items()
        }
    )
    promotions.release_many(list(dying))
    with pipeline() as pipe:
        for order in dying.values():
            orders.queue_become(
                pipe, order, OrderStatus.EXPIRED, actor_id=None, reason=TIME_IS_UP
            )
            order.status = OrderStatus.EXPIRED
            outbox.queue_publish(
                pipe,
                topic="order.expired",
                aggregate=f"order/{order.pk}",
                payload=events.payload(order, lines[order.pk]),
            )
    return len(dying)


def _expire_or_log(order_id: UUID) -> bool:
    try:
        return expire(order_id)
    except Exception:
        # An order that cannot expire must not keep those behind it waiting.
        if not connection.is_usable():
            raise
        logger.exception("order %s could not expire", order_id)
        return False


@use_case
def expire(order_id: UUID) -> bool:
    """Expire one order if it is still due; its stock and coupon are free again.

    Decided under the lock, by the database's clock. An order that somebody else has
    locked is being decided by them, and one whose payment is under way waits.
    """
    order = (
        Order.objects.overdue()
        .select_for_update(no_key=True, skip_locked=True)
        .filter(pk=order_id)
        .first()
    )
    if order is None or payments.is_processing(order.pk):
        return False
    abandon(order, note="the order expired")
    _give_back(order, None)
    orders.become(order, OrderStatus.EXPIRED, actor_id=None, reason=TIME_IS_UP)
    _publish("order.expired", order)
    return True


@use_case
def claim_orders(*, user_id: int) -> int:
    """Make theirs what somebody ordered as a guest with addresses proved since.

    Returns how many orders. An address that was only typed in proves nothing.
    """
    emails = proved_emails(user_id)
    return sum(orders.claim(user_id=user_id, email=email) for email in emails)


@dataclass(frozen=True, slots=True)
class Repeated:
    """What "order again" put into the cart, and what it had to leave out, by name."""

    added: tuple[str, ...]
    skipped: tuple[str, ...]


@use_case
def order_again(*, user_id: int, order_id: UUID) -> Repeated:
    """Put what an order had into the cart, at today's prices."""
    order = Order.objects.placed_by(user_id).filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound
    cart = carts.of_user(user_id)
    added, skipped = [], []
    for line in order.lines.order_by("pk"):
        try:
            carts.add(
                cart_id=cart.pk, product_id=line.product_id, quantity=line.quantity
            )
        except DomainError:
            skipped.append(line.name)
        else:
            added.append(line.name)
    return Repeated(added=tuple(added), skipped=tuple(skipped))


def _cancel(
    order: Order,
    *,
    by: str,
    actor_id: int | None,
    reason: str,
    writes_off: bool = False,
) -> None:
    if order.status == OrderStatus.CANCELLED:
        return
    orders.check(order, OrderStatus.CANCELLED)
    orders.check_cancellable(order, by=by)
    abandon(order, note="the order was cancelled")
    refund = refunds.refund_in_full(order, reason=reason, actor_id=actor_id)
    _give_back(order, refund, writes_off=writes_off)
    orders.become(order, OrderStatus.CANCELLED, actor_id=actor_id, reason=reason)
    _publish("order.cancelled", order)


def _give_back(
    order: Order, refund: Refund | None, *, writes_off: bool = False
) -> None:
    coupons.release(order_id=order.pk)
    if refund is None:
        inventory.release(order_id=order.pk, quantities=orders.quantities(order))
    elif writes_off:
        put_back(refund, {}, reference=f"refund/{refund.pk}")
    else:
        # What was refunded before is back on the shelf already.
        goods = refund.lines.values_list("product_id", "quantity")
        inventory.take_back(order_id=order.pk, quantities=dict(goods))
    promotions.release(order_id=order.pk)


def _publish(topic: str, order: Order) -> None:
    outbox.publish(
        topic=topic, aggregate=f"order/{order.pk}", payload=events.payload(order)
    )
