"""A message of each kind with made-up facts, to see what a letter looks like."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from notifications.kinds import Kind
from notifications.models import Channel, Message

SAMPLE_FACTS: dict[str, Any] = {
    "number": "7K2M-9QXD-4",
    "currency": "KRW",
    "subtotal": 74_000,
    "discount": 7_400,
    "delivery_cost": 3_000,
    "total": 69_600,
    "lines": [
        {"name": "Moon jar, white porcelain", "quantity": 1, "unit_price": 52_000},
        {"name": "Celadon cup", "quantity": 2, "unit_price": 11_000},
    ],
    "parcel": [{"name": "Celadon cup", "quantity": 2}],
    "carrier": "CJ Logistics",
    "tracking_number": "681122334455",
    "tracking_url": "https://carrier.example/681122334455",
    "refund_amount": 22_000,
    "refund_points": 2_000,
    "refund_reason": "One cup arrived broken.",
    "reason": "The cup shows signs of use.",
    "product_name": "Moon jar, white porcelain",
    "quantity": 1,
    "coupon_name": "Autumn, 10 % off",
    "points": 50_000,
    "balance": 62_400,
    "price": 46_800,
    "old_price": 52_000,
    "promotion_name": "A week of celadon",
    "promotion_text": "Up to 30 % off all celadon until Sunday.",
}


def message(kind: Kind, language: str) -> Message:
    """Return a letter of a kind that is stored nowhere."""
    return Message(
        pk=0,
        event_id=UUID(int=0),
        guest_email="shopper@example.com",
        channel=Channel.EMAIL,
        address="shopper@example.com",
        kind=kind.name,
        language=language,
        params=SAMPLE_FACTS | {"held_until": timezone.now().isoformat()},
        url="/",
    )
