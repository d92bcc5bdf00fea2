"""Ways of delivery: all there are, and what they cost for a parcel."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, TypedDict

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import AddressNotFound
from accounts.models import Address
from accounts.selectors import usual_address
from api.fields import Id, Input, ItemInput, StrictText, clean, merged
from api.schema import CART_TOKEN, operation
from api.shapes import ListJson, MoneyJson, money, money_or_none
from api.v1.carts import holder_of
from api.views import GuestView, PublicView, cacheable
from cart.errors import CartEmpty
from catalog.texts import local
from checkout.errors import ProductUnavailable
from checkout.selectors import offer
from checkout.services import MAX_LINES
from delivery import selectors as deliveries
from delivery.models import PickupPoint
from delivery.selectors import DeliveryQuote
from delivery.terms import DeliveryTerms

Kind = Literal["standard", "express", "pickup"]


class DeliveryMethodJson(TypedDict):
    """A way of delivery, its price in the shop's own country, and its working days."""

    code: str
    name: str
    kind: Kind
    cost: MoneyJson
    free_from: MoneyJson | None
    days_min: int
    days_max: int


class PickupPointJson(TypedDict):
    """A place where a parcel waits for its shopper."""

    code: str
    name: str
    postal_code: str
    line1: str
    line2: str
    city: str
    country: str
    opening_hours: str


class DeliveryQuoteJson(TypedDict):
    """A way of delivery for one parcel: its price, and the days it may arrive on.

    ``is_estimate`` says that the carrier did not answer: the shop's own price holds.
    """

    code: str
    name: str
    kind: Kind
    cost: MoneyJson
    date_from: date
    date_to: date
    is_estimate: bool
    pickup_points: list[PickupPointJson]


class DeliveryQuotesJson(TypedDict):
    """Every way that takes the parcel to the address, the usual one first."""

    methods: list[DeliveryQuoteJson]


class DestinationInput(Input):
    """Where to, as far as it is known; without a country it is the shop's own."""

    country = serializers.RegexField(
        r"^[A-Z]{2}$", required=False, help_text="ISO 3166-1 alpha-2"
    )
    postal_code = StrictText(max_length=16, allow_blank=True, required=False)
    city = StrictText(max_length=100, allow_blank=True, required=False)
    line1 = StrictText(max_length=200, allow_blank=True, required=False)


class QuotesInput(Input):
    items = serializers.ListField(
        child=ItemInput(), required=False, allow_empty=False, max_length=MAX_LINES
    )
    address = DestinationInput(required=False)
    address_id = Id(required=False, help_text="One of the shopper's own.")


QUOTES = QuotesInput()


class DeliveryMethodListView(PublicView):
    """Ways of delivery."""

    cache_control = "public, max-age=60"

    @operation(
        "delivery-methods_list",
        "List ways of delivery",
        reply={200: ListJson[DeliveryMethodJson]},
    )
    def get(self, request: Request) -> HttpResponse:
        """List what is offered; the first one is the usual one."""
        body: ListJson[DeliveryMethodJson] = {
            "items": [_method(way) for way in deliveries.ways({})]
        }
        return cacheable(request, body)


class DeliveryQuotesView(GuestView):
    """What delivery would cost."""

    cache_control_of_writes = "private, max-age=60"

    @operation(
        "delivery_quotes",
        "Ask what delivery costs, and when it arrives",
        body=QUOTES,
        example={
            "items": [{"product_id": 1, "quantity": 2}],
            "address": {"country": "KR", "postal_code": "63186"},
        },
        reply={200: DeliveryQuotesJson},
        headers=[CART_TOKEN],
        problems=(404, 409),
    )
    def post(self, request: Request) -> Response:
        """Price each way for the products (or those in the cart) and the address.

        Without an address it is the shopper's usual one.
        """
        asked = clean(QUOTES, request)
        address = destination_of(request, asked)
        quantities = quantities_of(request, asked)
        now = offer(
            quantities,
            user_id=None,
            email="",
            coupon_id=None,
            delivery_method=None,
            address=address,
        )
        missing = quantities.keys() - now.available.keys()
        # A cart may hold what is not sold any more; the rest of it is priced.
        if missing and ("items" in asked or not now.items):
            raise ProductUnavailable(sorted(missing))
        found = deliveries.quotes(now.parcel(address), now=now.moment)
        body: DeliveryQuotesJson = {"methods": [_quote(one) for one in found]}
        return Response(body)


def quantities_of(request: Request, asked: dict[str, Any]) -> dict[int, int]:
    """Return the products asked for, or those in the cart; raise ``CartEmpty``."""
    if "items" in asked:
        return merged(asked["items"])
    cart = holder_of(request).find()
    items = cart.items.selected().order_by("pk") if cart else ()
    quantities = {item.product_id: item.quantity for item in items}
    if not quantities:
        raise CartEmpty
    return quantities


def destination_of(request: Request, asked: dict[str, Any]) -> Mapping[str, str]:
    """Return where to, as far as it was said; else the shopper's usual address."""
    if "address" in asked:
        written: dict[str, str] = asked["address"]
        return written
    user_id = request.user.pk or 0
    if "address_id" not in asked:
        return usual_address(user_id)
    chosen = Address.objects.of_user(user_id).filter(pk=asked["address_id"]).first()
    if chosen is None:
        raise AddressNotFound
    return chosen.snapshot()


def _method(way: DeliveryTerms) -> DeliveryMethodJson:
    cost = way.table_cost(0, 0)
    return {
        "code": way.code,
        "name": local(way.name),
        "kind": way.kind,  # type: ignore[typeddict-item]  # the column's own choices
        "cost": money(way.cost if cost is None else cost),
        "free_from": money_or_none(way.free_above(0)),
        "days_min": way.schedule.days_min,
        "days_max": way.schedule.days_max,
    }


def _quote(one: DeliveryQuote) -> DeliveryQuoteJson:
    return {
        "code": one.code,
        "name": local(one.name),
        "kind": one.kind,  # type: ignore[typeddict-item]  # the column's own choices
        "cost": money(one.cost),
        "date_from": one.promise.earliest,
        "date_to": one.promise.latest,
        "is_estimate": one.is_estimate,
        "pickup_points": [_point(point) for point in one.pickup_points],
    }


def _point(point: PickupPoint) -> PickupPointJson:
    return {
        "code": point.code,
        "name": point.name,
        "postal_code": point.postal_code,
        "line1": point.line1,
        "line2": point.line2,
        "city": point.city,
        "country": point.country,
        "opening_hours": point.opening_hours,
    }
