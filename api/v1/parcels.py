"""Parcels: sent by staff, followed by everybody, told of by carriers."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import Input, ItemInput, StrictText, clean
from api.guests import ORDER_KEY, KeyView, is_guests
from api.idempotency import claim_of, once, respond
from api.renderers import dump
from api.schema import operation
from api.subjects import record
from api.typing import AuthenticatedRequest
from api.v1.items import line_quantities
from api.v1.order_shapes import OrderDetailJson
from api.v1.orders import MAY_CHANGE, MAY_VIEW, detail, find_order
from api.v1.parcel_shapes import (
    LINES,
    WITH_PARCELS,
    TrackingJson,
    lines_of,
    shipments_json,
    units,
)
from api.v1.payments import AnyNegotiation, raw_body
from api.views import PersonalView, PublicView, cacheable
from checkout import following, labels
from checkout import services as checkout
from checkout.services import MAX_LINES
from checkout.standing import standing_of
from common import idempotency
from common.idempotency import Reply
from orders.models import Order


class ShipInput(Input):
    """Either a carrier of the shop's makes the label, or somebody else has it."""

    items = serializers.ListField(
        child=ItemInput(),
        required=False,
        allow_empty=False,
        max_length=MAX_LINES,
        help_text="What is in the parcel; all that is left if absent.",
    )
    carrier_code = StrictText(
        required=False, max_length=20, help_text="Who makes the label, e.g. easypost."
    )
    service = StrictText(
        required=False, max_length=80, help_text="The carrier's; the usual if absent."
    )
    carrier = StrictText(required=False, max_length=60)
    tracking_number = StrictText(required=False, max_length=80, allow_blank=True)
    tracking_url = serializers.URLField(required=False, max_length=300)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "carrier_code" in attrs and attrs.keys() & {"carrier", "tracking_number"}:
            raise ValidationError(
                {"carrier_code": ["The carrier gives the parcel its number itself."]},
                "invalid",
            )
        return attrs


SHIP = ShipInput()


class OrderShipView(PersonalView):
    """Handing goods to a carrier."""

    @operation(
        "orders_ship",
        "Ship an order or a part of it",
        body=SHIP,
        example={
            "items": [{"product_id": 1, "quantity": 1}],
            "carrier": "CJ",
            "tracking_number": "6128",
        },
        reply={200: OrderDetailJson},
        keyed="yes",
        problems=(403, 404),
    )
    def post(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Send units of a packed order, as staff; it is shipped with the last of them.

        With ``carrier_code`` that carrier is asked for a label first.
        """
        asked = clean(SHIP, request)
        if not request.user.has_perm(MAY_CHANGE):
            raise PermissionDenied
        order = find_order(request, order_id, MAY_CHANGE, along=LINES)
        lines = line_quantities(order, asked["items"]) if "items" in asked else None
        if "carrier_code" not in asked:
            return once(request, lambda: _ship(request, order, lines, asked))

        claim = claim_of(request)

        def ship() -> Reply:
            # The carrier is called: no transaction may be open meanwhile.
            labels.ship_with(
                order_id=order.pk,
                carrier_code=asked["carrier_code"],
                service=asked.get("service", ""),
                lines=lines,
                actor_id=request.user.pk,
                key=claim.key if claim else "",
            )
            return Reply(200, dump(detail(request, order.pk)).decode())

        return respond(idempotency.run_outside(claim, ship))


class OrderTrackingView(KeyView):
    """Where the parcels are."""

    cache_control = "private, no-cache"

    @operation(
        "orders_tracking",
        "Follow an order",
        reply={200: TrackingJson},
        headers=[ORDER_KEY],
    )
    def get(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Show the parcels with their scans, and what is still to be sent."""
        order = find_order(request, order_id, MAY_VIEW, along=(*LINES, *WITH_PARCELS))
        lines = lines_of(order)
        body: TrackingJson = {
            "order_id": order.pk,
            "number": order.number,
            "status": order.status,
            "shipments": shipments_json(order),
            "to_send": [
                units(lines[line_id], quantity)
                for line_id, quantity in standing_of(order.pk).to_send.items()
            ],
        }
        return cacheable(request, body)


class OrderReceiptView(KeyView):
    """Having got everything."""

    @operation(
        "orders_confirm-receipt",
        "Confirm receipt",
        reply={200: OrderDetailJson},
        headers=[ORDER_KEY],
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Say that all parcels of a shipped order of one's own have arrived."""
        user_id = None if is_guests(request, order_id) else request.user.pk

        def confirm() -> OrderDetailJson:
            checkout.confirm_receipt(order_id=order_id, user_id=user_id)
            return detail(request, order_id)

        return once(request, confirm)


class CarrierWebhookView(PublicView):
    """What carriers tell us. The signature is all that counts."""

    cache_control = "no-store"
    content_negotiation_class = AnyNegotiation

    @operation(
        "delivery_webhook",
        "Receive a carrier's message",
        reply={204: None},
        problems=(400, 404, 413),
    )
    def post(self, request: Request, carrier: str) -> Response:
        """Take a signed message down; the same one again changes nothing."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        following.receive_webhook(carrier, headers, raw_body(request))
        return Response(status=204)


def _ship(
    request: AuthenticatedRequest,
    order: Order,
    lines: dict[int, int] | None,
    asked: dict[str, Any],
) -> OrderDetailJson:
    checkout.ship(
        order_id=order.pk,
        # Without a carrier it is the shop's own people who bring it.
        carrier=asked.get("carrier", settings.SHOP_NAME),
        tracking_number=asked.get("tracking_number", ""),
        tracking_url=asked.get("tracking_url", ""),
        lines=lines,
        actor_id=request.user.pk,
    )
    if order.user_id is not None:
        record(request, order.user_id, f"parcel of order {order.number}")
    return detail(request, order.pk)
