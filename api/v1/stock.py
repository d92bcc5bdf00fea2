"""Stock moved by staff, and the journal that explains it."""

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Input, StrictInteger, StrictText, clean, clean_query
from api.idempotency import once
from api.pagination import PageQuery, newest_first
from api.schema import operation
from api.shapes import PageJson
from api.staff import demand, note
from api.typing import AuthenticatedRequest
from api.views import PersonalView
from catalog.errors import ProductNotFound
from catalog.models import Product
from inventory import services as inventory
from inventory.models import STAFF_KINDS, MovementKind, StockMovement

MAY_ADJUST = "inventory.change_stock"
MAY_VIEW = "inventory.view_stockmovement"
MOST = 10**9


class StockMovementJson(TypedDict):
    """A change of what is in stock: by how much, and what that left.

    ``available`` is what could be bought then. ``actor_id`` is of staff; what orders
    and holds moved has none.
    """

    id: int
    product_id: int
    kind: str
    on_hand_delta: int
    reserved_delta: int
    on_hand: int
    reserved: int
    available: int
    order_id: UUID | None
    reference: str
    reason: str
    actor_id: int | None
    moved_at: datetime


class AdjustmentInput(Input):
    """What happened to the goods, to how many of them, and why."""

    kind = serializers.ChoiceField([kind.value for kind in STAFF_KINDS])
    delta = StrictInteger(
        min_value=-MOST, max_value=MOST, help_text="Pieces more, or with a minus fewer."
    )
    reason = StrictText(max_length=200)


class MovementQuery(PageQuery):
    kind = serializers.ChoiceField(MovementKind.values, required=False)


ADJUSTMENT = AdjustmentInput()
MOVEMENT_QUERY = MovementQuery()


class StockAdjustmentsView(PersonalView):
    """What moved the stock of a product."""

    @operation(
        "products_list-stock-movements",
        "List what moved a product's stock",
        query=MOVEMENT_QUERY,
        reply={200: PageJson[StockMovementJson]},
    )
    def get(self, request: AuthenticatedRequest, product_id: int) -> Response:
        """List deliveries, counts, sales, reservations and returns, newest first."""
        demand(request, MAY_VIEW)
        asked = clean_query(MOVEMENT_QUERY, request)
        _product(product_id)
        found = StockMovement.objects.filter(product=product_id)
        if kind := asked.get("kind"):
            found = found.filter(kind=kind)
        return newest_first(request, found, asked, render=movement_json)

    @operation(
        "products_adjust-stock",
        "Adjust a product's stock",
        body=ADJUSTMENT,
        example={"kind": "received", "delta": 40, "reason": "delivery note 1183"},
        reply={201: StockMovementJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, product_id: int) -> HttpResponse:
        """Say as staff what was `received` (more), `damaged` (fewer) or `counted`.

        What is promised to unpaid orders cannot be taken away: `stock_below_reserved`.
        """
        demand(request, MAY_ADJUST)
        asked = clean(ADJUSTMENT, request)
        product = _product(product_id)

        def adjust() -> StockMovementJson:
            movement = inventory.adjust(
                product_id=product_id,
                kind=MovementKind(asked["kind"]),
                delta=asked["delta"],
                reason=asked["reason"],
                actor_id=request.user.pk,
            )
            note(request, product, f"stock {asked['delta']:+d}: {asked['reason']}")
            movement.refresh_from_db()
            return movement_json(movement)

        return once(request, adjust, status=201)


def movement_json(movement: StockMovement) -> StockMovementJson:
    return {
        "id": movement.pk,
        "product_id": movement.product_id,
        "kind": movement.kind,
        "on_hand_delta": movement.on_hand_delta,
        "reserved_delta": movement.reserved_delta,
        "on_hand": movement.on_hand_after,
        "reserved": movement.reserved_after,
        "available": movement.on_hand_after - movement.reserved_after,
        "order_id": movement.order_id,
        "reference": movement.reference,
        "reason": movement.reason,
        "actor_id": movement.actor_id,
        "moved_at": movement.moved_at,
    }


def _product(product_id: int) -> Product:
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise ProductNotFound
    return product
