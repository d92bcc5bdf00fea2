"""Events as the shop's apps publish them, one of each that people hear of."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from common.ids import uuid7
from outbox.services import OutgoingEvent

ORDER: dict[str, Any] = {
    "order_id": "0199d2a0-0000-7000-8000-000000000001",
    "number": "ABCD-1234-5",
    "status": "paid",
    "currency": "KRW",
    "subtotal": 45_000,
    "discount": 5_000,
    "delivery_cost": 3_000,
    "total": 43_000,
    "coupon_id": None,
    "lines": [
        {
            "product_id": 1,
            "sku": "CUP-1",
            "name": "Celadon cup <small> & saucer",
            "unit_price": 15_000,
            "quantity": 3,
            "discount_share": 5_000,
        }
    ],
}
PARCEL = {
    "id": 7,
    "carrier": "CJ Logistics",
    "tracking_number": "6811223344",
    "tracking_url": "https://carrier.example/6811223344",
    "lines": [{"line_id": 1, "name": "Celadon cup", "quantity": 2}],
    "is_last": False,
}
REFUND = {"amount": 20_000, "points": 4_000, "reason": "One cup was broken."}
BACK = {
    "alert_id": 3,
    "product_id": 9,
    "product_name": "Moon jar",
    "product_slug": "moon-jar",
    "language": "ko",
    "quantity": 1,
    "held_until": "2026-11-21T06:30:00Z",
}
REVIEW = {
    "review_id": 5,
    "product_id": 9,
    "product_name": "Moon jar",
    "product_slug": "moon-jar",
    "rating": 4,
}
# Points that were to be bought, by a provider.
CHARGE: dict[str, Any] = {
    "payment_id": "0199d2a0-0000-7000-8000-000000000002",
    "order_id": None,
    "number": "",
    "user_id": 1,
    "email": "",
    "currency": "KRW",
    "method": "stripe",
    "amount": 30_000,
}
PAYLOADS: dict[str, dict[str, Any]] = {
    "order.placed": {**ORDER, "status": "pending"},
    "order.paid": ORDER,
    "order.address_changed": ORDER,
    "order.cancelled": {**ORDER, "status": "cancelled"},
    "order.expired": {**ORDER, "status": "expired"},
    "order.shipped": {**ORDER, "status": "shipped", "parcel": PARCEL},
    "order.out_for_delivery": {**ORDER, "status": "shipped", "parcel": PARCEL},
    "order.delivered": {**ORDER, "status": "delivered"},
    "order.refunded": {**ORDER, "refund": REFUND},
    "payment.failed": {**ORDER, "status": "pending"},
    "payment.returned": {**ORDER, "status": "expired", "refund": REFUND},
    "return.requested": ORDER,
    "return.approved": ORDER,
    "return.rejected": {**ORDER, "reason": "It was worn."},
    "return.received": ORDER,
    "review.published": REVIEW,
    "review.rejected": {**REVIEW, "reason": "It is about the courier."},
    "stock.back": BACK,
    "coupon.issued": {"coupon_name": "Autumn 10 %"},
    "points.charged": {"amount": 50_000, "balance_after": 62_400},
    "product.price_changed": {
        "product_id": 9,
        "product_name": "Moon jar",
        "product_slug": "moon-jar",
        "price": 46_800,
        "old_price": 52_000,
        "is_on_sale": True,
    },
    "promotion.started": {
        "name": "A week of celadon",
        "text": "Up to 30 % off all celadon until Sunday.",
        "url": "/c/celadon/",
    },
}


def event(topic: str, *, event_id: UUID | None = None, **payload: Any) -> OutgoingEvent:
    """Return an event of a topic as the relay hands it out."""
    return OutgoingEvent(
        id=event_id or uuid7(),
        topic=topic,
        aggregate="order/1",
        payload=PAYLOADS[topic] | payload,
        occurred_at=timezone.now(),
        sequence=1,
        attempt=1,
    )
