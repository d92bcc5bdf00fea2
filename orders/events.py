"""What the shop tells others about an order; complete, so that nobody asks back."""

from collections.abc import Sequence
from typing import Any

from orders import guests
from orders.drafts import Draft
from orders.models import Order, OrderLine


def payload(order: Order, lines: Sequence[OrderLine] = ()) -> dict[str, Any]:
    """Describe an order as it stands; ``lines`` are read when they are not given."""
    return {
        "order_id": str(order.pk),
        "number": order.number,
        "user_id": order.user_id,
        "email": order.email,
        "status": order.status,
        "currency": order.currency,
        "subtotal": order.subtotal,
        "discount": order.discount,
        "delivery_cost": order.delivery_cost,
        "total": order.total,
        "coupon_id": order.coupon_id,
        "lines": [
            {
                "product_id": line.product_id,
                "sku": line.sku,
                "name": line.name,
                "unit_price": line.unit_price,
                "quantity": line.quantity,
                "discount_share": line.discount_share,
            }
            for line in lines or order.lines.order_by("pk")
        ],
        **_link(order),
    }


def draft_payload(draft: Draft, currency: str) -> dict[str, Any]:
    """Describe an order that is being written, in the same shape as ``payload``."""
    return {
        "order_id": str(draft.id),
        "number": draft.number,
        "user_id": draft.user_id,
        "email": draft.email,
        "status": draft.status.value,
        "currency": currency,
        "subtotal": draft.quote.subtotal,
        "discount": draft.quote.discount,
        "delivery_cost": draft.quote.delivery_cost,
        "total": draft.quote.total,
        "coupon_id": draft.coupon_id,
        "lines": [
            {
                "product_id": line.item.product_id,
                "sku": line.item.sku,
                "name": line.item.name,
                "unit_price": line.item.unit_price,
                "quantity": line.item.quantity,
                "discount_share": line.discount_share,
            }
            for line in draft.quote.lines
        ],
        **_link(draft),
    }


def _link(order: Order | Draft) -> dict[str, str]:
    """Return what takes a guest to the order; shoppers sign in instead."""
    return {"url": guests.link(order)} if order.user_id is None else {}
