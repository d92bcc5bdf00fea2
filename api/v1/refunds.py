"""Money and goods that go back: refunds by staff, returns by shoppers."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from api.fields import Input, ItemInput, StrictInteger, StrictText, clean
from api.guests import ORDER_KEY, KeyView, is_guests, is_opened
from api.idempotency import key_of, once
from api.schema import operation
from api.shapes import ListJson
from api.subjects import record
from api.typing import AuthenticatedRequest
from api.v1.items import line_quantities
from api.v1.orders import MAY_VIEW, find_order
from api.v1.parcel_shapes import (
    LINES,
    WITH_RETURNS,
    RefundJson,
    RefundPlanJson,
    ReturnJson,
    lines_of,
    methods_of,
    plan_json,
    refund_json,
    return_json,
    returns_json,
)
from api.views import PersonalView
from checkout import refunding, returns
from checkout import services as checkout
from checkout.services import MAX_LINES
from common.ids import uuid7
from orders.errors import ReturnNotFound
from orders.models import Order, Return
from payments.models import Refund

MAY_REFUND = "payments.add_refund"


class RefundPlanInput(Input):
    """Units that were not sent, and a part of the delivery cost."""

    items = serializers.ListField(
        child=ItemInput(), required=False, max_length=MAX_LINES
    )
    delivery = StrictInteger(
        required=False,
        allow_null=True,
        help_text="In minor units; by the rule if absent.",
    )


class RefundInput(RefundPlanInput):
    restock = serializers.ListField(
        child=ItemInput(),
        required=False,
        max_length=MAX_LINES,
        help_text="What goes back on the shelf; all of it if absent.",
    )
    reason = StrictText(max_length=200)


class ReturnInput(Input):
    """What is to be sent back, and why."""

    items = serializers.ListField(
        child=ItemInput(), allow_empty=False, max_length=MAX_LINES
    )
    reason = StrictText(max_length=500)


REFUND_PLAN = RefundPlanInput()
REFUND = RefundInput()
RETURN = ReturnInput()
EXAMPLE = {"items": [{"product_id": 1, "quantity": 1}], "reason": "broken"}


class RefundPlanView(PersonalView):
    """What a refund would do."""

    @operation(
        "orders_refund-plan",
        "Plan a refund",
        body=REFUND_PLAN,
        example={"items": [{"product_id": 1, "quantity": 1}]},
        reply={200: RefundPlanJson},
        problems=(403, 409),
    )
    def post(self, request: AuthenticatedRequest, order_id: UUID) -> Response:
        """Say what would go back for units that were not sent, and by which way.

        What was sent comes back by a return.
        """
        asked = clean(REFUND_PLAN, request)
        order = _of_staff(request, order_id)
        plan = refunding.plan(
            order_id=order.pk,
            quantities=line_quantities(order, asked.get("items", [])),
            delivery=asked.get("delivery"),
        )
        return Response(plan_json(plan, lines_of(order), methods_of(order)))


class OrderRefundView(PersonalView):
    """Giving money back."""

    @operation(
        "orders_refund",
        "Refund an order or a part of it",
        body=REFUND,
        example=EXAMPLE,
        reply={201: RefundJson},
        keyed="yes",
        problems=(403, 404),
    )
    def post(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Give money back for units that were not sent, to where it came from.

        The goods go back on the shelf. An order of which nothing is left is cancelled,
        and gives its coupon back.
        """
        asked = clean(REFUND, request)
        order = _of_staff(request, order_id)
        key = key_of(request) or str(uuid7())
        return once(
            request, lambda: refund_order(request, order, asked, key), status=201
        )


class OrderReturnsView(KeyView):
    """Goods of an order that come back."""

    @operation(
        "returns_list",
        "List an order's returns",
        reply={200: ListJson[ReturnJson]},
        headers=[ORDER_KEY],
    )
    def get(self, request: AuthenticatedRequest, order_id: UUID) -> Response:
        """List what was asked to be sent back, and what became of it."""
        order = find_order(request, order_id, MAY_VIEW, along=(*LINES, *WITH_RETURNS))
        body: ListJson[ReturnJson] = {"items": returns_json(order)}
        return Response(body)

    @operation(
        "returns_create",
        "Ask to send something back",
        body=RETURN,
        example={**EXAMPLE, "reason": "too small"},
        reply={201: ReturnJson},
        headers=[ORDER_KEY],
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Ask for a return, until 14 days after the arrival; one at a time."""
        asked = clean(RETURN, request)
        user_id = None if is_guests(request, order_id) else request.user.pk
        order = find_order(request, order_id, "", along=LINES)

        def ask() -> ReturnJson:
            made = returns.request(
                order_id=order.pk,
                user_id=user_id,
                quantities=line_quantities(order, asked["items"]),
                reason=asked["reason"],
            )
            return return_json(made, lines_of(order))

        return once(request, ask, status=201, location="/api/v1/returns/{id}")


class ReturnView(KeyView):
    """One return."""

    @operation(
        "returns_retrieve",
        "Show a return",
        reply={200: ReturnJson},
        headers=[ORDER_KEY],
    )
    def get(self, request: AuthenticatedRequest, return_id: int) -> Response:
        """Show what is to come back and how far that is."""
        asked = _find(request, return_id)
        return Response(return_json(asked, lines_of(asked.order)))


class ReturnWithdrawView(KeyView):
    """Keeping the goods after all."""

    @operation(
        "returns_withdraw",
        "Withdraw a return",
        reply={200: ReturnJson},
        headers=[ORDER_KEY],
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, return_id: int) -> HttpResponse:
        """Take a return of one's own back, until the goods are received."""
        asked = _find(request, return_id)

        def withdraw() -> ReturnJson:
            withdrawn = returns.withdraw(
                return_id=asked.pk,
                order_id=asked.order_id,
                user_id=asked.order.user_id,
            )
            return return_json(withdrawn, lines_of(asked.order))

        return once(request, withdraw)


def _of_staff(request: AuthenticatedRequest, order_id: UUID) -> Order:
    if not request.user.has_perm(MAY_REFUND):
        raise PermissionDenied
    return find_order(request, order_id, MAY_REFUND, along=(*LINES, "payments"))


def refund_order(
    request: AuthenticatedRequest, order: Order, asked: dict[str, Any], key: str
) -> RefundJson:
    """Give money back for what was cleaned by ``REFUND``, and keep who did it."""
    restock = asked.get("restock")
    made = checkout.refund(
        order_id=order.pk,
        quantities=line_quantities(order, asked.get("items", [])),
        delivery=asked.get("delivery"),
        restock=None if restock is None else line_quantities(order, restock, "restock"),
        reason=asked["reason"],
        actor_id=request.user.pk,
        key=key,
    )
    if order.user_id is not None:
        record(request, order.user_id, asked["reason"])
    found = Refund.objects.prefetch_related("lines", "legs").get(pk=made.pk)
    return refund_json(found, lines_of(order), methods_of(order))


def _find(request: AuthenticatedRequest, return_id: int) -> Return:
    """Return a return of one's own order, or of the guest's that the key opens."""
    asked = (
        Return.objects.filter(pk=return_id)
        .select_related("order")
        .prefetch_related("lines", "order__lines")
        .first()
    )
    if asked is None:
        raise ReturnNotFound
    is_own = asked.order.user_id is not None and asked.order.user_id == request.user.pk
    if not is_own and not is_opened(request, asked.order_id):
        raise ReturnNotFound
    return asked
