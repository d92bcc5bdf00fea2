"""What a purchase would cost, and why, before it is ordered."""

from typing import Any, TypedDict

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import Id, Input, ItemInput, StrictText, clean
from api.schema import CART_TOKEN, operation
from api.shapes import MoneyJson, money
from api.v1.cart_shapes import (
    AdjustmentJson,
    NotAppliedJson,
    adjustments_json,
    not_applied_json,
)
from api.v1.carts import holder_of
from api.v1.delivery import DestinationInput, destination_of, quantities_of
from api.views import GuestView
from checkout import services as checkout
from checkout.errors import DeliveryMethodUnavailable, ProductUnavailable
from checkout.quotes import quote_id
from checkout.services import MAX_LINES, Purchase
from coupons.errors import CouponNotFound
from promotions.pricing import Quote, QuotedLine


class QuotedLineJson(TypedDict):
    """A product with its exact part of the discount."""

    product_id: int
    quantity: int
    unit_price: MoneyJson
    line_total: MoneyJson
    discount_share: MoneyJson


class QuoteJson(TypedDict):
    """What a purchase costs right now: each step to the total, and what is not given.

    An order that sends ``quote_id`` along costs no more than this, or is refused with
    what has changed.
    """

    quote_id: str
    lines: list[QuotedLineJson]
    subtotal: MoneyJson
    discount: MoneyJson
    delivery_cost: MoneyJson
    total: MoneyJson
    adjustments: list[AdjustmentJson]
    not_applied: list[NotAppliedJson]


class QuoteInput(Input):
    items = serializers.ListField(
        child=ItemInput(),
        required=False,
        allow_empty=False,
        max_length=MAX_LINES,
        help_text="Absent: what is in the cart.",
    )
    coupon_id = Id(
        required=False, allow_null=True, help_text="Absent: the one on the cart."
    )
    address = DestinationInput(required=False)
    address_id = Id(required=False, help_text="One of the shopper's own.")
    delivery_method = StrictText(required=False, max_length=40)


QUOTE = QuoteInput()


class QuoteView(GuestView):
    """Prices with their reasons."""

    @operation(
        "quotes_create",
        "Ask what a purchase would cost",
        body=QUOTE,
        example={"items": [{"product_id": 1, "quantity": 3}]},
        reply={200: QuoteJson},
        headers=[CART_TOKEN],
        problems=(404, 409),
    )
    def post(self, request: Request) -> Response:
        """Price products, or what is in the cart, and say why; nothing is written."""
        purchase = _purchase(request, clean(QUOTE, request))
        quoted, now = checkout.price(purchase)
        if missing := purchase.quantities.keys() - now.available.keys():
            raise ProductUnavailable(sorted(missing))
        if not now.is_delivered:
            raise DeliveryMethodUnavailable
        if purchase.coupon_id is not None and now.coupon is None:
            raise CouponNotFound
        return Response(quote_json(quoted))


def _purchase(request: Request, asked: dict[str, Any]) -> Purchase:
    cart = None if "items" in asked else holder_of(request).find()
    return Purchase(
        user_id=request.user.pk,
        email="",
        quantities=quantities_of(request, asked),
        coupon_id=asked.get("coupon_id") or (cart.coupon_id if cart else None),
        address=dict(destination_of(request, asked)),
        delivery_method=asked.get("delivery_method"),
    )


def quote_json(quoted: Quote) -> QuoteJson:
    """Render a quote."""
    return {
        "quote_id": quote_id(quoted),
        "lines": [_line(line) for line in quoted.lines],
        "subtotal": money(quoted.subtotal),
        "discount": money(quoted.discount),
        "delivery_cost": money(quoted.delivery_cost),
        "total": money(quoted.total),
        "adjustments": adjustments_json(quoted),
        "not_applied": not_applied_json(quoted),
    }


def _line(line: QuotedLine) -> QuotedLineJson:
    return {
        "product_id": line.item.product_id,
        "quantity": line.item.quantity,
        "unit_price": money(line.item.unit_price),
        "line_total": money(line.item.total),
        "discount_share": money(line.discount_share),
    }
