"""A purchase written the usual Django way, with as few queries as the ORM allows.

The rows are the same as those of ``checkout.services``; what differs is how they get
there: rows are locked, read into objects, changed and written, a table at a time.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.models import Product
from checkout.services import Purchase
from common.idempotency import Claim
from common.ids import public_number, uuid7
from common.models import IdempotencyRecord
from coupons.errors import CouponAlreadyIssued, CouponExpired, CouponSoldOut
from coupons.models import Coupon, CouponBatch, CouponState
from coupons.services import terms_of
from delivery.selectors import ways
from inventory.errors import InsufficientStock
from inventory.models import MovementKind, Stock, StockMovement
from orders.events import payload
from orders.models import Order, OrderEvent, OrderLine, OrderStatus
from orders.services import adjustments_of
from outbox.models import Event
from payments.models import Payment, PaymentMethod, PaymentState
from points.errors import InsufficientPoints
from points.models import EntryKind, LedgerEntry, PointAccount, SystemAccount
from promotions.pricing import Item, Quote, quote
from tests.reference.checkout import entry_hash


@transaction.atomic
def buy(purchase: Purchase, claim: Claim) -> Order:
    """Write a paid order and everything that belongs to it."""
    mine = Coupon.objects.select_related("batch").of_user(purchase.user_id or 0)
    coupon = mine.get(pk=purchase.coupon_id or 0)
    priced = _price(purchase, coupon)
    now = timezone.now()
    order, lines = _create_order(purchase, coupon, priced, now)
    IdempotencyRecord.objects.create(
        subject=claim.subject,
        method=claim.method,
        path=claim.path,
        key=claim.key,
        fingerprint=claim.fingerprint,
        status=201,
        reply=f'{{"id": "{order.pk}", "number": "{order.number}"}}',
    )
    _pay(order, now)
    Coupon.objects.filter(pk=coupon.pk, state=CouponState.ISSUED).update(
        state=CouponState.USED, order=order, used_at=now
    )
    _publish(order, lines)
    _take_stock(purchase, order)
    return order


def _price(purchase: Purchase, coupon: Coupon) -> Quote:
    products = Product.objects.on_sale().filter(pk__in=list(purchase.quantities))
    items = [
        Item(
            product_id=product.pk,
            sku=product.sku,
            name=product.name,
            unit_price=product.price,
            quantity=purchase.quantities[product.pk],
            weight=product.weight_grams,
        )
        for product in products.order_by("pk")
    ]
    # The ORM would ask for the zone, too: this one statement is to its advantage.
    delivery = ways(purchase.address)[0]
    return quote(items, coupon=terms_of(coupon), delivery=delivery)


def _create_order(
    purchase: Purchase, coupon: Coupon, priced: Quote, now: datetime
) -> tuple[Order, list[OrderLine]]:
    order = Order.objects.create(
        number=public_number(),
        user_id=purchase.user_id,
        email=purchase.email,
        status=OrderStatus.PAID,
        subtotal=priced.subtotal,
        discount=priced.discount,
        delivery_cost=priced.delivery_cost,
        total=priced.total,
        currency="KRW",
        address=purchase.address,
        coupon_id=coupon.pk,
        coupon_name=coupon.batch.name,
        adjustments=adjustments_of(priced),
        placed_at=now,
        paid_at=now,
    )
    OrderEvent.objects.bulk_create(
        OrderEvent(
            order=order,
            from_status=before,
            to_status=after,
            actor_id=purchase.user_id,
            happened_at=now,
        )
        for before, after in (("", "pending"), ("pending", "paid"))
    )
    lines = OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            product_id=line.item.product_id,
            sku=line.item.sku,
            name=line.item.name,
            unit_price=line.item.unit_price,
            quantity=line.item.quantity,
            discount_share=line.discount_share,
            paid_at=now,
        )
        for line in priced.lines
    )
    return order, lines


def _pay(order: Order, now: datetime) -> None:
    Payment.objects.create(
        order=order,
        method=PaymentMethod.POINTS,
        amount=order.total,
        refunded=0,
        state=PaymentState.CAPTURED,
        created_at=now,
        captured_at=now,
        settled_at=now,
    )
    accounts = PointAccount.objects.select_for_update(no_key=True)
    account = accounts.get(user_id=order.user_id or 0)
    if account.balance < order.total:
        raise InsufficientPoints(balance=account.balance, required=order.total)
    account.balance -= order.total
    account.last_sequence += 1
    entry = LedgerEntry(
        account=account,
        counter_account=SystemAccount.SALES,
        kind=EntryKind.USE,
        amount=-order.total,
        balance_after=account.balance,
        sequence=account.last_sequence,
        reference=order.number,
        idempotency_key=f"order/{order.pk}",
        previous_hash=bytes(account.head_hash),
        created_at=timezone.now(),
    )
    entry.hash = account.head_hash = entry_hash(entry)
    entry.save(force_insert=True)
    account.updated_at = entry.created_at
    account.save(update_fields=["balance", "last_sequence", "head_hash", "updated_at"])


def _publish(order: Order, lines: list[OrderLine]) -> None:
    Event.objects.create(
        id=uuid7(),
        topic="order.paid",
        aggregate=f"order/{order.pk}",
        payload=payload(order, lines),
    )


def _take_stock(purchase: Purchase, order: Order) -> None:
    stocks = list(Stock.objects.lock(list(purchase.quantities)))
    short: dict[int, int] = {}
    movements: list[Any] = []
    for stock in stocks:
        quantity = purchase.quantities[stock.product_id]
        if stock.available < quantity:
            short[stock.product_id] = stock.available
        stock.on_hand -= quantity
        stock.version += 1
        movements.append(
            StockMovement(
                product_id=stock.product_id,
                kind=MovementKind.SOLD,
                on_hand_delta=-quantity,
                reserved_delta=0,
                on_hand_after=stock.on_hand,
                reserved_after=stock.reserved,
                order=order,
            )
        )
    if short:
        raise InsufficientStock(short)
    Stock.objects.bulk_update(stocks, ["on_hand", "version"])
    StockMovement.objects.bulk_create(movements)


@transaction.atomic
def claim(*, user_id: int, batch_id: int) -> Coupon:
    """Give out a coupon under a lock on the batch."""
    batch = CouponBatch.objects.select_for_update(no_key=True).get(pk=batch_id)
    if batch.coupons.filter(user_id=user_id).exists():
        raise CouponAlreadyIssued
    if not batch.is_open(timezone.now()):
        raise CouponExpired
    if batch.issued >= batch.quantity:
        raise CouponSoldOut
    batch.issued += 1
    batch.save(update_fields=["issued"])
    Event.objects.create(
        id=uuid7(),
        topic="coupon.issued",
        aggregate=f"coupon-batch/{batch_id}/user/{user_id}",
        payload={"batch_id": batch_id, "user_id": user_id},
    )
    return Coupon.objects.create(batch=batch, user_id=user_id, serial=batch.issued)
