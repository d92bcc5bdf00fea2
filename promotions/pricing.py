"""One pure function that says what a purchase costs, and why.

No database, no clock, no settings: the cart page, checkout and the API call it with
the same values and get the same answer. All amounts are integers in minor units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from common.money import allocate, percent_of
from delivery.terms import DeliveryTerms as DeliveryTerms


class Reason(StrEnum):
    """Why a discount does not apply."""

    BELOW_MIN_SPEND = "below_min_spend"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    ALREADY_USED = "already_used"


@dataclass(frozen=True, slots=True)
class Item:
    """A product at its price of the moment, times ``quantity``."""

    product_id: int
    sku: str
    name: str
    unit_price: int
    quantity: int
    # Of one piece, in grams.
    weight: int = 0

    @property
    def total(self) -> int:
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class CouponTerms:
    """What a coupon gives: percent (with a cap) or a fixed amount, from a minimum."""

    coupon_id: int
    name: str
    percent: int | None
    fixed: int | None
    max_discount: int | None
    min_spend: int
    # Set when the coupon itself cannot be used, whatever is bought.
    refused: Reason | None = None


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One step from the subtotal to the total; negative in the shopper's favour."""

    kind: str
    label: str
    amount: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A discount that does not apply: the first rule that failed, what is missing."""

    kind: str
    label: str
    reason: Reason
    missing: int


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """An item with its exact part of the discount."""

    item: Item
    discount_share: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What a purchase costs. ``total = subtotal - discount + delivery_cost``."""

    lines: tuple[QuotedLine, ...]
    subtotal: int
    discount: int
    delivery_cost: int
    total: int
    adjustments: tuple[Adjustment, ...]
    refusals: tuple[Refusal, ...]


def quote(
    items: Sequence[Item],
    *,
    coupon: CouponTerms | None = None,
    delivery: DeliveryTerms | None = None,
) -> Quote:
    """Price ``items``; same input, same answer.

    The discount never exceeds the subtotal, and the lines' shares of it add up to it
    exactly (largest remainder). Free delivery is judged by the goods before discount.
    ``delivery`` is one that takes the parcel; whoever offers it has made sure of that.
    """
    subtotal = sum(item.total for item in items)
    discount, discounts, refusals = _coupon_discount(subtotal, coupon)
    delivery_cost, delivery_adjustments = _delivery(
        weight_of(items), subtotal, delivery
    )
    shares = allocate(discount, [item.total for item in items])
    return Quote(
        lines=tuple(
            QuotedLine(item=item, discount_share=share)
            for item, share in zip(items, shares, strict=True)
        ),
        subtotal=subtotal,
        discount=discount,
        delivery_cost=delivery_cost,
        total=subtotal - discount + delivery_cost,
        adjustments=(*discounts, *delivery_adjustments),
        refusals=refusals,
    )


def weight_of(items: Sequence[Item]) -> int:
    """Return what ``items`` weigh together, in grams."""
    return sum(item.weight * item.quantity for item in items)


def _coupon_discount(
    subtotal: int, coupon: CouponTerms | None
) -> tuple[int, tuple[Adjustment, ...], tuple[Refusal, ...]]:
    if coupon is None:
        return 0, (), ()
    if coupon.refused is not None:
        return 0, (), (Refusal("coupon", coupon.name, coupon.refused, 0),)
    if subtotal < coupon.min_spend:
        missing = coupon.min_spend - subtotal
        refusal = Refusal("coupon", coupon.name, Reason.BELOW_MIN_SPEND, missing)
        return 0, (), (refusal,)
    amount = min(_coupon_value(subtotal, coupon), subtotal)
    return amount, (Adjustment("coupon", coupon.name, -amount),), ()


def _coupon_value(subtotal: int, coupon: CouponTerms) -> int:
    if coupon.percent is None:
        return coupon.fixed or 0
    amount = percent_of(subtotal, coupon.percent)
    return amount if coupon.max_discount is None else min(amount, coupon.max_discount)


def _delivery(
    weight: int, subtotal: int, delivery: DeliveryTerms | None
) -> tuple[int, tuple[Adjustment, ...]]:
    cost = None if delivery is None else delivery.cost_for(weight, subtotal)
    if delivery is None or cost is None:
        return 0, ()
    return cost, (Adjustment("delivery", delivery.name, cost),)
