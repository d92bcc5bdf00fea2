"""A cart in JSON: what is in it, and how its price comes about."""

from collections.abc import Sequence
from typing import Literal, TypedDict

from api.shapes import MoneyJson, money
from cart.models import CartItem
from catalog.texts import local
from checkout.selectors import Offer
from promotions.pricing import Quote, QuotedLine

Problem = Literal["product_unavailable", "insufficient_stock", "price_changed"]


class CartItemJson(TypedDict):
    """A product in the cart at today's price; ``problem`` stands in an order's way."""

    product_id: int
    sku: str
    name: str
    quantity: int
    unit_price: MoneyJson
    line_total: MoneyJson
    discount_share: MoneyJson
    available: int
    price_when_added: MoneyJson
    # An order of the cart, and the totals, are for what is selected.
    selected: bool
    problem: Problem | None


class SavedItemJson(TypedDict):
    """A product that was put aside for later; it is in no total."""

    product_id: int
    sku: str
    name: str
    quantity: int
    unit_price: MoneyJson
    available: int
    price_when_added: MoneyJson


class CartCouponJson(TypedDict):
    """The coupon on the cart; ``reason`` says why it does not apply."""

    id: int
    name: str
    is_applied: bool
    reason: str | None
    missing: MoneyJson


class AdjustmentJson(TypedDict):
    """One step from the subtotal to the total, and by which rule it came about."""

    kind: str
    label: str
    amount: MoneyJson
    source_id: int | None
    rule: str


class NotAppliedJson(TypedDict):
    """A discount that is not given: the first rule that failed, what is missing."""

    kind: str
    label: str
    source_id: int | None
    reason: str
    missing: MoneyJson
    missing_units: int
    # The promotion that is given instead.
    by: str


class CartWarningJson(TypedDict):
    """What the shopper should look at; without a product it is about the coupon."""

    code: Problem | Literal["coupon_not_applicable"]
    product_id: int | None


class CartJson(TypedDict):
    """A cart and what it would cost. ``token`` is a guest's key to it.

    An order that sends ``quote_id`` along costs no more than this, or is refused with
    what has changed.
    """

    token: str | None
    version: int
    items: list[CartItemJson]
    saved: list[SavedItemJson]
    coupon: CartCouponJson | None
    subtotal: MoneyJson
    discount: MoneyJson
    delivery_cost: MoneyJson
    total: MoneyJson
    adjustments: list[AdjustmentJson]
    not_applied: list[NotAppliedJson]
    warnings: list[CartWarningJson]
    quote_id: str
    can_check_out: bool


def available_of(item: CartItem, offer: Offer) -> int:
    """Return what is left, with what is kept for whoever orders it."""
    left: int = getattr(item, "left", None) or 0
    is_on_sale = item.product.is_on_sale(offer.moment)
    return offer.available.get(item.product_id, left if is_on_sale else 0)


def saved_item_json(item: CartItem) -> SavedItemJson:
    return {
        "product_id": item.product_id,
        "sku": item.product.sku,
        "name": name_of(item),
        "quantity": item.quantity,
        "unit_price": money(item.product.price),
        "available": getattr(item, "left", None) or 0,
        "price_when_added": money(item.price_when_added),
    }


def name_of(item: CartItem) -> str:
    """Return the product's name in the reader's language, if it was read along."""
    return getattr(item, "shown_name", "") or item.product.name


def local_adjustments_json(quoted: Quote) -> list[AdjustmentJson]:
    """Render the steps for who reads them now; an order keeps its own words."""
    steps = adjustments_json(quoted)
    return [{**step, "label": local(step["label"])} for step in steps]


def warnings_json(
    items: Sequence[CartItemJson], coupon: CartCouponJson | None
) -> list[CartWarningJson]:
    """Gather what is said of each product, and of the coupon."""
    found: list[CartWarningJson] = [
        {"code": item["problem"], "product_id": item["product_id"]}
        for item in items
        if item["problem"]
    ]
    if coupon and not coupon["is_applied"]:
        found.append({"code": "coupon_not_applicable", "product_id": None})
    return found


def adjustments_json(quoted: Quote) -> list[AdjustmentJson]:
    return [
        {
            "kind": step.kind,
            "label": step.label,
            "amount": money(step.amount),
            "source_id": step.source_id,
            "rule": step.rule,
        }
        for step in quoted.adjustments
    ]


def not_applied_json(quoted: Quote) -> list[NotAppliedJson]:
    return [
        {
            "kind": refusal.kind,
            "label": local(refusal.label),
            "source_id": refusal.source_id,
            "reason": refusal.reason.value,
            "missing": money(refusal.missing),
            "missing_units": refusal.missing_units,
            "by": local(refusal.by),
        }
        for refusal in quoted.refusals
    ]


def item_json(item: CartItem, line: QuotedLine | None, offer: Offer) -> CartItemJson:
    available = available_of(item, offer)
    # What is not selected was not asked for, so the offer does not tell of it.
    is_on_sale = (
        bool(line) if item.is_selected else item.product.is_on_sale(offer.moment)
    )
    price = line.item.unit_price if line else item.product.price
    return {
        "product_id": item.product_id,
        "sku": item.product.sku,
        "name": name_of(item),
        "quantity": item.quantity,
        "unit_price": money(price),
        "line_total": money(price * item.quantity),
        "discount_share": money(line.discount_share if line else 0),
        "available": available,
        "price_when_added": money(item.price_when_added),
        "selected": item.is_selected,
        "problem": _problem(item, line, available, is_on_sale=is_on_sale),
    }


def _problem(
    item: CartItem, line: QuotedLine | None, available: int, *, is_on_sale: bool
) -> Problem | None:
    price = line.item.unit_price if line else item.product.price
    if not is_on_sale:
        return "product_unavailable"
    if available < item.quantity:
        return "insufficient_stock"
    is_same = price == item.price_when_added
    return None if is_same else "price_changed"


def coupon_json(quoted: Quote, offer: Offer) -> CartCouponJson | None:
    if offer.coupon is None:
        return None
    refusal = quoted.coupon_refusal
    return {
        "id": offer.coupon.coupon_id,
        "name": local(offer.coupon.name),
        "is_applied": refusal is None,
        "reason": refusal.reason.value if refusal else None,
        "missing": money(refusal.missing if refusal else 0),
    }
