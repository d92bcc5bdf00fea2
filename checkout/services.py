"""The life of a purchase, from a list of products to a parcel at the door.

Every use case is one transaction. All of them take their locks in the same order,
which rules out deadlocks between them:

    idempotency key → order → cart → payment → point account → coupon
        → stock rows by product id

The hottest rows come last: while one shopper's order is being written, others wait
for the stock of a popular product and for nothing else.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection

from cart import services as carts
from cart.errors import CartChanged
from checkout.errors import (
    DeliveryMethodUnavailable,
    NothingToOrder,
    PriceChanged,
    ProductUnavailable,
)
from checkout.selectors import Offer, offer
from common import idempotency
from common.db import Pipeline, Statement, pipeline, use_case, violates
from common.errors import DomainError
from common.idempotency import Claim, Reply
from coupons import services as coupons
from coupons.errors import (
    CouponAlreadyUsed,
    CouponExpired,
    CouponNotApplicable,
    CouponNotFound,
)
from coupons.models import CouponState
from inventory import services as inventory
from inventory.errors import InsufficientStock
from inventory.services import Wanted
from orders import events
from orders import services as orders
from orders.drafts import Draft
from orders.errors import OrderExpired, OrderNotFound
from orders.models import Order, OrderStatus
from outbox import services as outbox
from payments import services as payments
from payments.errors import PaymentProcessing
from points import services as points
from points.errors import InsufficientPoints
from promotions.pricing import Quote, Reason, quote

MAX_LINES = 100
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CartVersion:
    """The cart an order empties, as the shopper saw it."""

    cart_id: int
    version: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """What somebody wants to buy. It carries no price: those are the shop's."""

    user_id: int
    email: str
    # By product id; 1 … 999 each.
    quantities: Mapping[int, int]
    coupon_id: int | None = None
    address: dict[str, str] = field(default_factory=dict)
    # ``None`` is the shop's first method.
    delivery_method: str | None = None
    # The total the shopper agreed to, in minor units; ``None`` agrees to any.
    expected_total: int | None = None
    cart: CartVersion | None = None


Render = Callable[[Draft], Reply]


def place_order(purchase: Purchase) -> Draft:
    """Write an unpaid order that holds its stock and coupon until it expires.

    Raises ``InsufficientStock``, ``ProductUnavailable``, ``PriceChanged``,
    ``CartChanged``, a coupon's error, or ``DeliveryMethodUnavailable``; then nothing
    is written.
    """
    draft, _reply = _place(purchase, OrderStatus.PENDING, None, None)
    return draft


def place_and_pay(purchase: Purchase) -> Draft:
    """Write an order and pay it from the shopper's points, in one transaction.

    Raises what ``place_order`` raises, and ``InsufficientPoints``.
    """
    draft, _reply = _place(purchase, OrderStatus.PAID, None, None)
    return draft


def purchase_once(
    purchase: Purchase, status: OrderStatus, *, claim: Claim | None, render: Render
) -> Reply:
    """Place an order (``PENDING``) or place and pay it (``PAID``), once per claim.

    ``render`` makes the reply from the order as it is about to be written, so that it
    is stored by the same transaction.
    """
    try:
        _draft, reply = _place(purchase, status, claim, render)
    except (DomainError, DatabaseError) as error:
        return idempotency.recover(claim, error)
    return reply


@use_case
def pay_with_points(*, user_id: int | None, order_id: UUID) -> Order:
    """Pay an unpaid order from its shopper's points, before its time is up.

    Raises ``OrderNotFound``, ``OrderNotPayable``, ``OrderExpired`` or
    ``InsufficientPoints``. ``user_id`` ``None`` is the staff's.
    """
    order = orders.lock_for(OrderStatus.PAID, order_id=order_id, user_id=user_id)
    if _is_overdue(order):
        raise OrderExpired
    payments.capture_points(order)
    coupons.use(order_id=order.pk)
    inventory.commit(order_id=order.pk, quantities=orders.quantities(order))
    orders.become(order, OrderStatus.PAID, actor_id=user_id)
    _publish("order.paid", order)
    return order


def pay(*, user_id: int, order_id: UUID) -> Order:
    """Pay as ``pay_with_points``; an order that is too late is expired on the spot."""
    try:
        return pay_with_points(user_id=user_id, order_id=order_id)
    except OrderExpired:
        expire(order_id)
        raise


@use_case
def cancel(
    *, order_id: UUID, user_id: int | None, actor_id: int | None, reason: str
) -> Order:
    """Call an order off: its stock, coupon and points go back, each exactly once.

    Possible until the parcel is shipped. Cancelling twice gives the same order.
    """
    order = orders.lock(order_id, user_id=user_id)
    if order.status == OrderStatus.CANCELLED:
        return order
    orders.check(order, OrderStatus.CANCELLED)
    if payments.is_processing(order.pk):
        raise PaymentProcessing
    was_paid = orders.was_paid(order)
    payments.refund_in_full(order, reason=reason, actor_id=actor_id)
    _give_back(order, was_paid=was_paid)
    orders.become(order, OrderStatus.CANCELLED, actor_id=actor_id, reason=reason)
    _publish("order.cancelled", order)
    return order


def expire_overdue(*, limit: int = 500) -> int:
    """Expire the unpaid orders whose time is up; return how many.

    Each order is a transaction of its own, so a job that dies has done whole orders.
    """
    overdue = Order.objects.overdue().order_by("expires_at")[:limit]
    ids = list(overdue.values_list("pk", flat=True))
    return sum(_expire_or_log(order_id) for order_id in ids)


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
    _give_back(order, was_paid=False)
    orders.become(order, OrderStatus.EXPIRED, actor_id=None, reason="payment window")
    _publish("order.expired", order)
    return True


@use_case
def pack(*, order_id: UUID, actor_id: int | None) -> Order:
    """Begin to pack a paid order."""
    order = orders.lock_for(OrderStatus.PROCESSING, order_id=order_id, user_id=None)
    orders.become(order, OrderStatus.PROCESSING, actor_id=actor_id)
    return order


@use_case
def ship(
    *, order_id: UUID, carrier: str, tracking_number: str, actor_id: int | None
) -> Order:
    """Hand a packed order to a carrier."""
    order = orders.lock_for(OrderStatus.SHIPPED, order_id=order_id, user_id=None)
    orders.ship(order, carrier=carrier, tracking_number=tracking_number)
    orders.become(order, OrderStatus.SHIPPED, actor_id=actor_id)
    _publish("order.shipped", order)
    return order


@use_case
def deliver(*, order_id: UUID, actor_id: int | None) -> Order:
    """Note that a shipped order has arrived."""
    order = orders.lock_for(OrderStatus.DELIVERED, order_id=order_id, user_id=None)
    orders.deliver(order)
    orders.become(order, OrderStatus.DELIVERED, actor_id=actor_id)
    _publish("order.delivered", order)
    return order


@use_case
def change_address(*, order_id: UUID, user_id: int, address: dict[str, str]) -> Order:
    """Send an order elsewhere, until it is packed."""
    order = orders.lock(order_id, user_id=user_id)
    orders.change_address(order, address)
    return order


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


def price(purchase: Purchase) -> tuple[Quote, Offer]:
    """Quote a purchase without buying: what it would cost right now, and why."""
    now = _read(purchase)
    return quote(now.items, coupon=now.coupon, delivery=now.delivery), now


def _place(
    purchase: Purchase,
    status: OrderStatus,
    claim: Claim | None,
    render: Render | None,
) -> tuple[Draft, Reply]:
    """Read, price, then write everything in one round trip."""
    draft = _draft(purchase, status)
    reply = render(draft) if render else Reply(201, "")
    wanted = [
        Wanted(line.item.product_id, line.item.quantity, line.item.unit_price)
        for line in draft.quote.lines
    ]
    try:
        _write(purchase, draft, wanted, claim, reply)
    except _StockMoved:
        raise _why_not(purchase, draft, wanted) from None
    except IntegrityError as error:
        if violates(error, "order_coupon_on_one_live_order"):
            raise CouponAlreadyUsed from None
        raise
    return draft, reply


def _draft(purchase: Purchase, status: OrderStatus) -> Draft:
    if not 1 <= len(purchase.quantities) <= MAX_LINES:
        raise NothingToOrder
    now = _read(purchase)
    _check_offer(purchase, now)
    priced = quote(now.items, coupon=now.coupon, delivery=now.delivery)
    if priced.refusals:
        raise _coupon_error(priced)
    if purchase.expected_total not in {None, priced.total}:
        raise _price_changed(priced)
    return Draft(
        user_id=purchase.user_id,
        email=purchase.email,
        quote=priced,
        address=purchase.address,
        delivery_method=now.delivery.code if now.delivery else "",
        coupon_id=purchase.coupon_id,
        coupon_name=now.coupon.name if now.coupon else "",
        status=status,
        placed_at=now.moment,
    )


def _read(purchase: Purchase) -> Offer:
    return offer(
        purchase.quantities,
        user_id=purchase.user_id,
        coupon_id=purchase.coupon_id,
        delivery_method=purchase.delivery_method,
    )


def _check_offer(purchase: Purchase, now: Offer) -> None:
    missing = set(purchase.quantities) - set(now.available)
    if missing:
        raise ProductUnavailable(sorted(missing))
    short = {
        item.product_id: now.available[item.product_id]
        for item in now.items
        if now.available[item.product_id] < item.quantity
    }
    if short:
        raise InsufficientStock(short)
    if purchase.delivery_method is not None and now.delivery is None:
        raise DeliveryMethodUnavailable
    if purchase.coupon_id is not None and now.coupon is None:
        raise CouponNotFound


class _StockMoved(Exception):
    """A stock row or a price was not any more what had been read."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """The statements whose effect decides whether the purchase stands."""

    cleared: Statement | None
    debited: Statement | None
    taken: Statement | None
    moved: Statement


@use_case
def _write(
    purchase: Purchase,
    draft: Draft,
    wanted: list[Wanted],
    claim: Claim | None,
    reply: Reply,
) -> None:
    """Send every statement of the purchase at once, then look at what they did."""
    with pipeline() as pipe:
        if claim is not None:
            idempotency.queue_store(pipe, claim, reply)
        sent = _queue(pipe, purchase, draft, wanted)
    if sent.cleared is not None and not sent.cleared.count():
        raise CartChanged
    if sent.debited is not None and not sent.debited.count():
        balance = points.balance_of(purchase.user_id)
        raise InsufficientPoints(balance=balance, required=draft.quote.total)
    if sent.taken is not None and not sent.taken.count():
        raise coupons.refusal(user_id=purchase.user_id, coupon_id=draft.coupon_id or 0)
    if sent.moved.count() != len(wanted):
        raise _StockMoved


def _queue(
    pipe: Pipeline, purchase: Purchase, draft: Draft, wanted: list[Wanted]
) -> _Sent:
    """Queue the writes; their order is the lock order."""
    is_paid = draft.status == OrderStatus.PAID
    orders.queue_create(pipe, draft)
    cleared = _queue_clear(pipe, purchase)
    debited = _queue_payment(pipe, draft) if is_paid else None
    taken = _queue_coupon(pipe, draft)
    outbox.queue_publish(
        pipe,
        topic="order.paid" if is_paid else "order.placed",
        aggregate=f"order/{draft.id}",
        payload=events.draft_payload(draft, settings.SHOP_CURRENCY),
    )
    take = inventory.queue_sell if is_paid else inventory.queue_reserve
    moved = take(pipe, order_id=draft.id, wanted=wanted)
    return _Sent(cleared=cleared, debited=debited, taken=taken, moved=moved)


def _queue_clear(pipe: Pipeline, purchase: Purchase) -> Statement | None:
    cart = purchase.cart
    if cart is None:
        return None
    return carts.queue_clear(pipe, cart_id=cart.cart_id, version=cart.version)


def _queue_payment(pipe: Pipeline, draft: Draft) -> Statement | None:
    total = draft.quote.total
    payments.queue_capture(pipe, order_id=draft.id, amount=total)
    if not total or draft.user_id is None:
        return None
    return points.queue_use(
        pipe,
        user_id=draft.user_id,
        amount=total,
        reference=draft.number,
        idempotency_key=payments.use_key(draft.id),
    )


def _queue_coupon(pipe: Pipeline, draft: Draft) -> Statement | None:
    if draft.coupon_id is None or draft.user_id is None:
        return None
    is_paid = draft.status == OrderStatus.PAID
    return coupons.queue_take(
        pipe,
        coupon_id=draft.coupon_id,
        user_id=draft.user_id,
        order_id=draft.id,
        state=CouponState.USED if is_paid else CouponState.RESERVED,
    )


def _why_not(purchase: Purchase, draft: Draft, wanted: list[Wanted]) -> DomainError:
    """Say, after the rollback, what moved between reading and writing."""
    try:
        fresh = _draft(purchase, draft.status)
    except DomainError as error:
        return error
    if fresh.quote != draft.quote:
        return _price_changed(fresh.quote)
    # It was short for the moment of the write only; the shopper may try again.
    return inventory.shortage(wanted) or InsufficientStock({})


def _coupon_error(priced: Quote) -> DomainError:
    refusal = priced.refusals[0]
    if refusal.reason == Reason.ALREADY_USED:
        return CouponAlreadyUsed()
    if refusal.reason in {Reason.EXPIRED, Reason.WITHDRAWN}:
        return CouponExpired()
    return CouponNotApplicable(reason=refusal.reason.value, missing=refusal.missing)


def _price_changed(priced: Quote) -> PriceChanged:
    return PriceChanged(
        total=priced.total,
        lines=[
            {
                "product_id": line.item.product_id,
                "unit_price": line.item.unit_price,
                "quantity": line.item.quantity,
            }
            for line in priced.lines
        ],
    )


def _is_overdue(order: Order) -> bool:
    return Order.objects.overdue().filter(pk=order.pk).exists()


def _give_back(order: Order, *, was_paid: bool) -> None:
    coupons.release(order_id=order.pk)
    give_back = inventory.take_back if was_paid else inventory.release
    give_back(order_id=order.pk, quantities=orders.quantities(order))


def _publish(topic: str, order: Order) -> None:
    outbox.publish(
        topic=topic, aggregate=f"order/{order.pk}", payload=events.payload(order)
    )
