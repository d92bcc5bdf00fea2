"""From a list of products to an order, all of it or nothing.

Everything is read and priced without a lock, then written in one round trip whose
statements check again what was read. Their order is the lock order of
``checkout/services.py``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError, IntegrityError

from cart import services as carts
from cart.errors import CartChanged
from checkout import quotes
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
from inventory.services import Holder, Wanted
from orders import events
from orders import services as orders
from orders.drafts import Draft
from orders.guests import fold
from orders.models import OrderStatus
from outbox import services as outbox
from payments import services as payments
from points import services as points
from points.errors import InsufficientPoints
from promotions import services as promotions
from promotions.pricing import Quote, Reason, Refusal

MAX_LINES = 100


@dataclass(frozen=True, slots=True)
class CartVersion:
    """The cart an order empties, as the shopper saw it."""

    cart_id: int
    version: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """What somebody wants to buy. It carries no price: those are the shop's.

    ``user_id`` ``None`` is a guest, who has neither points nor coupons.
    """

    user_id: int | None
    email: str
    # By product id; 1 … 999 each.
    quantities: Mapping[int, int]
    coupon_id: int | None = None
    address: dict[str, str] = field(default_factory=dict)
    # ``None`` is the shop's first method.
    delivery_method: str | None = None
    # The most that the shopper agreed to, in minor units; ``None`` agrees to anything.
    expected_total: int | None = None
    # What the shopper was shown, see ``checkout.quotes``; empty agrees to anything.
    quote_id: str = ""
    cart: CartVersion | None = None


Render = Callable[[Draft], Reply]


def place_order(purchase: Purchase) -> Draft:
    """Write an unpaid order that holds its stock and coupon until it expires.

    Raises ``InsufficientStock``, ``ProductUnavailable``, ``PriceChanged``,
    ``QuoteOutdated``, ``CartChanged``, a coupon's error, or
    ``DeliveryMethodUnavailable``; then nothing is written.
    """
    draft, _reply = _place(purchase, OrderStatus.PENDING, None, None)
    return draft


def place_and_pay(purchase: Purchase) -> Draft:
    """Write an order and pay it from the shopper's points, in one transaction.

    Raises what ``place_order`` raises, and ``InsufficientPoints``. For a guest that is
    everything but a purchase that costs nothing.
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


def price(purchase: Purchase) -> tuple[Quote, Offer]:
    """Quote a purchase without buying: what it would cost right now, and why."""
    now = _read(purchase)
    return now.quote(), now


def _place(
    purchase: Purchase,
    status: OrderStatus,
    claim: Claim | None,
    render: Render | None,
) -> tuple[Draft, Reply]:
    """Read, price, then write everything in one round trip.

    What moved in between without making it dearer is no reason to ask: it is tried
    once more.
    """
    for _attempt in range(2):
        draft, now = _draft(purchase, status)
        reply = render(draft) if render else Reply(201, "")
        wanted = [
            Wanted(line.item.product_id, line.item.quantity, line.item.unit_price)
            for line in draft.quote.lines
        ]
        try:
            _write(purchase, draft, now, wanted, claim, reply)
        except (_Moved, IntegrityError) as error:
            _raise_unless_moved(error)
            if why_not := _why_not(purchase, draft, wanted):
                raise why_not from None
        else:
            return draft, reply
    # It was short for the moments of the writes only; the shopper may try again.
    raise InsufficientStock({})


def _draft(purchase: Purchase, status: OrderStatus) -> tuple[Draft, Offer]:
    if not 1 <= len(purchase.quantities) <= MAX_LINES:
        raise NothingToOrder
    now = _read(purchase)
    _check_offer(purchase, now)
    priced = now.quote()
    if refusal := priced.coupon_refusal:
        raise _coupon_error(refusal)
    _check_consent(purchase, priced)
    if status == OrderStatus.PAID and purchase.user_id is None and priced.total:
        raise InsufficientPoints(balance=0, required=priced.total)
    promised = now.promised
    draft = Draft(
        user_id=purchase.user_id,
        email=_email(purchase),
        quote=priced,
        address=purchase.address,
        delivery_method=now.delivery.code if now.delivery else "",
        coupon_id=purchase.coupon_id,
        coupon_name=now.coupon.name if now.coupon else "",
        status=status,
        placed_at=now.moment,
        deliver_by=promised.latest if promised else None,
    )
    return draft, now


def _check_consent(purchase: Purchase, priced: Quote) -> None:
    """Refuse what the shopper has not agreed to; what is cheaper now they get."""
    if purchase.quote_id:
        quotes.check(purchase.quote_id, priced)
    if purchase.expected_total is not None and priced.total > purchase.expected_total:
        raise _price_changed(priced)


def _email(purchase: Purchase) -> str:
    return fold(purchase.email) if purchase.user_id is None else purchase.email


def _holder(purchase: Purchase, now: Offer) -> Holder | None:
    return Holder(purchase.user_id, purchase.email) if now.held else None


def _read(purchase: Purchase) -> Offer:
    return offer(
        purchase.quantities,
        user_id=purchase.user_id,
        email=purchase.email,
        coupon_id=purchase.coupon_id,
        delivery_method=purchase.delivery_method,
        address=purchase.address,
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
    if not now.is_delivered:
        raise DeliveryMethodUnavailable
    if purchase.coupon_id is not None and now.coupon is None:
        raise CouponNotFound


class _Moved(Exception):
    """Stock, a price or a promotion was not any more what had been read."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """The statements whose effect decides whether the purchase stands."""

    cleared: Statement | None
    debited: Statement | None
    taken: Statement | None
    moved: Statement
    given: Statement | None


@use_case
def _write(
    purchase: Purchase,
    draft: Draft,
    now: Offer,
    wanted: list[Wanted],
    claim: Claim | None,
    reply: Reply,
) -> None:
    """Send every statement of the purchase at once, then look at what they did."""
    with pipeline() as pipe:
        if claim is not None:
            idempotency.queue_store(pipe, claim, reply)
        sent = _queue(pipe, purchase, draft, now, wanted)
    if sent.cleared is not None and not sent.cleared.count():
        raise CartChanged
    if sent.debited is not None and not sent.debited.count():
        balance = points.balance_of(purchase.user_id or 0)
        raise InsufficientPoints(balance=balance, required=draft.quote.total)
    if sent.taken is not None and not sent.taken.count():
        raise coupons.refusal(
            user_id=purchase.user_id or 0, coupon_id=draft.coupon_id or 0
        )
    if sent.moved.count() != len(wanted):
        raise _Moved
    if sent.given is not None and sent.given.count() != len(draft.quote.promotions):
        raise _Moved


def _queue(
    pipe: Pipeline,
    purchase: Purchase,
    draft: Draft,
    now: Offer,
    wanted: list[Wanted],
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
    moved = take(pipe, order_id=draft.id, wanted=wanted, holder=_holder(purchase, now))
    given = _queue_promotions(pipe, draft, now)
    return _Sent(
        cleared=cleared, debited=debited, taken=taken, moved=moved, given=given
    )


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


def _queue_promotions(pipe: Pipeline, draft: Draft, now: Offer) -> Statement | None:
    amounts = draft.quote.promotions
    if not amounts:
        return None
    return promotions.queue_take(
        pipe,
        order_id=draft.id,
        user_id=draft.user_id,
        amounts=amounts,
        versions={terms.promotion_id: terms.version for terms in now.promotions},
    )


def _raise_unless_moved(error: _Moved | IntegrityError) -> None:
    if isinstance(error, _Moved) or violates(error, "promotion_once_per_new_buyer"):
        return
    if violates(error, "order_coupon_on_one_live_order"):
        raise CouponAlreadyUsed from None
    raise error


def _why_not(
    purchase: Purchase, draft: Draft, wanted: list[Wanted]
) -> DomainError | None:
    """Say, after the rollback, what moved between reading and writing."""
    try:
        fresh, _now = _draft(purchase, draft.status)
    except DomainError as error:
        return error
    if fresh.quote.total > draft.quote.total:
        return _price_changed(fresh.quote)
    return inventory.shortage(wanted)


def _coupon_error(refusal: Refusal) -> DomainError:
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
