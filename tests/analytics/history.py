"""A past that tests write by hand: orders and refunds at any moment, without a till."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from accounts.models import User
from catalog.models import Product
from common.money import allocate
from orders.models import DEAD, Order, OrderLine, OrderStatus
from payments.models import Refund, RefundLine

_keys = count(1)


def sold(
    at: datetime,
    units: Mapping[Product, int],
    *,
    user: User | None = None,
    status: OrderStatus = OrderStatus.PAID,
    discount: int = 0,
    delivery: int = 0,
    **facts: Any,
) -> Order:
    """Write an order that was paid at a moment, at the products' prices."""
    weights = [product.price * number for product, number in units.items()]
    order = Order.objects.create(
        user=user,
        email=user.email if user else "guest@example.com",
        status=status,
        subtotal=sum(weights),
        discount=discount,
        delivery_cost=delivery,
        total=sum(weights) - discount + delivery,
        currency="KRW",
        placed_at=at,
        paid_at=at,
        closed_at=at if status in DEAD else None,
        expires_at=at + timedelta(hours=1),
        **facts,
    )
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            product=product,
            sku=product.sku,
            name=product.name,
            unit_price=product.price,
            quantity=number,
            discount_share=share,
            paid_at=at,
        )
        for (product, number), share in zip(
            units.items(), allocate(discount, weights), strict=True
        )
    )
    return order


def given_back(
    at: datetime, order: Order, units: Mapping[Product, int], *, delivery: int = 0
) -> Refund:
    """Write a refund of units, at their full price, and of a part of the delivery."""
    goods = sum(product.price * number for product, number in units.items())
    refund = Refund.objects.create(
        order=order,
        amount=goods + delivery,
        delivery_amount=delivery,
        idempotency_key=f"history/{next(_keys)}",
        refunded_at=at,
    )
    lines = {line.product_id: line for line in order.lines.all()}
    RefundLine.objects.bulk_create(
        RefundLine(
            refund=refund,
            order_line=lines[product.pk],
            product=product,
            quantity=number,
            amount=product.price * number,
            refunded_at=at,
        )
        for product, number in units.items()
    )
    return refund
