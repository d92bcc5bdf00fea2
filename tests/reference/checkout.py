"""Place and pay as one would write it with the ORM: the oracle of the quick one.

Everything is locked first, in the shop's lock order, and read under its lock. It takes
some twenty statements; production takes a handful and must do exactly the same.
"""

from dataclasses import dataclass
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from cart.errors import CartChanged
from cart.models import Cart
from catalog.models import Product
from checkout.errors import (
    NothingToOrder,
    PriceChanged,
    ProductUnavailable,
)
from checkout.services import MAX_LINES, Purchase
from common.errors import DomainError
from coupons import services as coupons
from coupons.errors import (
    CouponAlreadyUsed,
    CouponExpired,
    CouponNotApplicable,
    CouponNotFound,
)
from coupons.models import Coupon, CouponState
from delivery.promise import promise
from inventory.errors import InsufficientStock
from inventory.models import MovementKind, Stock, StockMovement
from orders import events
from orders.models import Order, OrderEvent, OrderLine, OrderStatus
from outbox.models import Event
from payments.models import Payment, PaymentMethod, PaymentState
from points.errors import InsufficientPoints
from points.models import EntryKind, LedgerEntry, PointAccount, SystemAccount
from promotions.pricing import (
    DeliveryTerms,
    Item,
    PromotionTerms,
    Quote,
    Reason,
    Refusal,
    quote,
)
from tests.reference import promotions
from tests.reference.delivery import way_of


@dataclass
class _Locked:
    """All rows that a purchase reads and changes, under lock."""

    cart: Cart | None
    account: PointAccount
    coupon: Coupon | None
    stocks: dict[int, Stock]
    products: dict[int, Product]
    promotions: list[PromotionTerms]
    delivery: DeliveryTerms | None = None


@transaction.atomic
def place_and_pay(wish: Purchase) -> Order:
    """Do as ``checkout.place_and_pay``; raise what it raises."""
    if not 1 <= len(wish.quantities) <= MAX_LINES:
        raise NothingToOrder
    locked = _lock(wish)
    priced = _price(wish, locked)
    if locked.cart is not None and wish.cart is not None:
        _clear(locked.cart, wish.cart.version)
    order = _create(wish, locked, priced)
    _pay(order, locked.account)
    _use(locked.coupon, order)
    _publish(order)
    _sell(order, locked.stocks)
    promotions.give(order, priced.promotions)
    return order


def _lock(wish: Purchase) -> _Locked:
    cart = None
    if wish.cart is not None:
        carts = Cart.objects.select_for_update(no_key=True)
        cart = carts.get(pk=wish.cart.cart_id)
    accounts = PointAccount.objects.select_for_update(no_key=True)
    own = Coupon.objects.select_for_update(no_key=True, of=("self",))
    products = Product.objects.on_sale().in_bulk(list(wish.quantities))
    return _Locked(
        cart=cart,
        account=accounts.get(user_id=wish.user_id or 0),
        coupon=own.select_related("batch")
        .filter(pk=wish.coupon_id or 0, user_id=wish.user_id or 0)
        .first(),
        stocks={stock.pk: stock for stock in Stock.objects.lock(list(products))},
        products=products,
        promotions=promotions.terms_of(wish, products.values()),
    )


def _price(wish: Purchase, locked: _Locked) -> Quote:
    missing = set(wish.quantities) - set(locked.products)
    if missing:
        raise ProductUnavailable(sorted(missing))
    left = {pk: _available(locked, pk) for pk in wish.quantities}
    short = {pk: n for pk, n in left.items() if n < wish.quantities[pk]}
    if short:
        raise InsufficientStock(short)
    locked.delivery = way_of(wish, locked.products.values())
    if wish.coupon_id is not None and locked.coupon is None:
        raise CouponNotFound
    priced = _quote(wish, locked)
    for refusal in priced.refusals:
        # Nobody asked for a promotion, so none is missed.
        if refusal.kind != "promotion":
            raise _refused(refusal)
    if wish.expected_total is not None and priced.total > wish.expected_total:
        raise PriceChanged(total=priced.total, lines=[])
    return priced


def _refused(refusal: Refusal) -> DomainError:
    match refusal.reason:
        case Reason.ALREADY_USED:
            return CouponAlreadyUsed()
        case Reason.EXPIRED | Reason.WITHDRAWN:
            return CouponExpired()
        case reason:
            return CouponNotApplicable(reason=reason, missing=refusal.missing)


def _available(locked: _Locked, product_id: int) -> int:
    stock = locked.stocks.get(product_id)
    return stock.available if stock else 0


def _quote(wish: Purchase, locked: _Locked) -> Quote:
    items = [
        Item(
            product_id=product.pk,
            sku=product.sku,
            name=product.name,
            unit_price=product.price,
            quantity=wish.quantities[product.pk],
        )
        for product in sorted(locked.products.values(), key=lambda product: product.pk)
    ]
    coupon = locked.coupon
    return quote(
        items,
        promotions=locked.promotions,
        coupon=coupons.terms_of(coupon) if coupon else None,
        delivery=locked.delivery,
    )


def _clear(cart: Cart, version: int) -> None:
    if cart.version != version:
        raise CartChanged
    cart.items.filter(is_selected=True).delete()
    cart.coupon = None
    cart.declines_coupons = False
    cart.version += 1
    cart.updated_at = Now()
    cart.save()


def _create(wish: Purchase, locked: _Locked, priced: Quote) -> Order:
    now = timezone.now()
    order = Order.objects.create(
        user_id=wish.user_id,
        email=wish.email,
        status=OrderStatus.PAID,
        subtotal=priced.subtotal,
        discount=priced.discount,
        delivery_cost=priced.delivery_cost,
        total=priced.total,
        currency=settings.SHOP_CURRENCY,
        address=wish.address,
        delivery_method=locked.delivery.code if locked.delivery else "",
        coupon_id=wish.coupon_id,
        coupon_name=locked.coupon.batch.name if locked.coupon else "",
        adjustments=[
            {
                "kind": step.kind,
                "label": step.label,
                "amount": step.amount,
                "source_id": step.source_id,
                "rule": step.rule,
            }
            for step in priced.adjustments
        ],
        deliver_by=promise(locked.delivery.schedule, now=now).latest
        if locked.delivery
        else None,
        placed_at=now,
        paid_at=now,
    )
    for line in priced.lines:
        OrderLine.objects.create(
            order=order,
            product_id=line.item.product_id,
            sku=line.item.sku,
            name=line.item.name,
            unit_price=line.item.unit_price,
            quantity=line.item.quantity,
            discount_share=line.discount_share,
            paid_at=now,
        )
    steps = [("", OrderStatus.PENDING), (OrderStatus.PENDING, OrderStatus.PAID)]
    for before, after in steps:
        OrderEvent.objects.create(
            order=order, from_status=before, to_status=after, actor_id=wish.user_id
        )
    return order


def _pay(order: Order, account: PointAccount) -> None:
    Payment.objects.create(
        order=order,
        method=PaymentMethod.POINTS if order.total else PaymentMethod.FREE,
        amount=order.total,
        state=PaymentState.CAPTURED,
        captured_at=Now(),
        settled_at=Now(),
    )
    if not order.total:
        return
    if account.balance < order.total:
        raise InsufficientPoints(balance=account.balance, required=order.total)
    entry = LedgerEntry(
        account=account,
        counter_account=SystemAccount.SALES,
        kind=EntryKind.USE,
        amount=-order.total,
        balance_after=account.balance - order.total,
        sequence=account.last_sequence + 1,
        reference=order.number,
        idempotency_key=f"order/{order.pk}",
        previous_hash=bytes(account.head_hash),
        created_at=timezone.now(),
    )
    entry.hash = entry_hash(entry)
    entry.save()
    account.balance, account.last_sequence = entry.balance_after, entry.sequence
    account.head_hash, account.updated_at = entry.hash, entry.created_at
    account.save()


def entry_hash(entry: LedgerEntry) -> bytes:
    """Return what an entry's hash must be."""
    microseconds = round(entry.created_at.timestamp() * 1_000_000)
    columns = (
        entry.account_id,
        entry.sequence,
        entry.counter_account,
        entry.kind,
        entry.amount,
        entry.balance_after,
        entry.reference,
        entry.idempotency_key,
        microseconds,
    )
    text = "|".join(str(column) for column in columns)
    return sha256(bytes(entry.previous_hash) + text.encode()).digest()


def _use(coupon: Coupon | None, order: Order) -> None:
    if coupon is None:
        return
    coupon.state, coupon.order, coupon.used_at = CouponState.USED, order, Now()
    coupon.save()


def _publish(order: Order) -> None:
    Event.objects.create(
        topic="order.paid",
        aggregate=f"order/{order.pk}",
        payload=events.payload(order),
    )


def _sell(order: Order, stocks: dict[int, Stock]) -> None:
    for line in order.lines.order_by("product_id"):
        stock = stocks[line.product_id]
        stock.on_hand -= line.quantity
        stock.version += 1
        stock.save()
        StockMovement.objects.create(
            product_id=line.product_id,
            kind=MovementKind.SOLD,
            on_hand_delta=-line.quantity,
            on_hand_after=stock.on_hand,
            reserved_after=stock.reserved,
            order=order,
        )
