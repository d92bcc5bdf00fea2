"""What of an event is worth keeping: names and numbers, in no language."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from notifications.kinds import Kind
from notifications.models import Group
from orders.guests import key_of

Payload = Mapping[str, Any]

KEPT = (
    "number",
    "currency",
    "subtotal",
    "discount",
    "delivery_cost",
    "total",
    "reason",
    "product_name",
    "quantity",
    "held_until",
    "coupon_name",
    "price",
    "old_price",
)
# What only a letter has room for.
ONLY_IN_LETTERS = ("lines", "parcel")
RENAMED = {
    "amount": "points",
    "balance_after": "balance",
    "name": "promotion_name",
    "text": "promotion_text",
}
LINE_KEYS = ("name", "quantity", "unit_price")
PARCEL_KEYS = ("carrier", "tracking_number", "tracking_url")
REFUND_KEYS = ("amount", "points", "reason")


def facts_of(payload: Payload) -> dict[str, Any]:
    """Return what is known about the event; a key that says nothing is left out."""
    parcel: Payload = payload.get("parcel") or {}
    refund: Payload = payload.get("refund") or {}
    found = {key: payload.get(key) for key in KEPT}
    found |= {new: payload.get(old) for old, new in RENAMED.items()}
    found |= {key: parcel.get(key) for key in PARCEL_KEYS}
    found |= {f"refund_{key}": refund.get(key) for key in REFUND_KEYS}
    if payload.get("payment_id"):
        found["refund_amount"] = found["refund_amount"] or payload.get("amount")
    found["lines"] = _lines(payload.get("lines") or ())
    found["parcel"] = _lines(parcel.get("lines") or ())
    return {key: value for key, value in found.items() if value not in (None, "", [])}


def short(facts: Payload) -> dict[str, Any]:
    """Return the facts without what only a letter has room for."""
    return {key: fact for key, fact in facts.items() if key not in ONLY_IN_LETTERS}


def url_of(kind: Kind, payload: Payload) -> str:
    """Return where to read on: the event's own address, or a path of the shop."""
    given = str(payload.get("url") or "")
    if given.startswith(("/", "https://", "http://")):
        return given
    if payload.get("number"):
        return _order_url(payload)
    if payload.get("product_slug"):
        return _product_url(kind, payload)
    if kind.name == "coupon_issued":
        return f"{reverse('shop:coupons')}?tab=mine"
    if kind.group in {Group.REWARDS, Group.PAYMENTS}:
        return reverse("shop:points")
    return reverse("shop:home")


def _order_url(payload: Payload) -> str:
    path = reverse("shop:order", args=[payload["number"]])
    if payload.get("user_id") or not payload.get("order_id"):
        return path
    # Guests have no login: the key opens this one order to them.
    return f"{path}?key={key_of(UUID(payload['order_id']))}"


def _product_url(kind: Kind, payload: Payload) -> str:
    product_id = payload["product_id"]
    if kind.name == "review_rejected":
        # Where it can be changed, with the reason beside it.
        return reverse("shop:review", args=[product_id])
    return reverse("shop:product", args=[payload["product_slug"], product_id])


def path_of(url: str) -> str:
    """Return an address as a path of this shop; a stranger's leads home."""
    own = url.removeprefix(settings.SHOP_BASE_URL)
    is_path = own.startswith("/") and not own.startswith("//")
    return own if is_path and len(own) <= LONGEST_PATH else "/"


LONGEST_PATH = 200


def _lines(lines: Any) -> list[dict[str, Any]]:
    return [{key: line[key] for key in LINE_KEYS if key in line} for line in lines]
