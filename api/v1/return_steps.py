"""Goods that come back, as staff see them: agreed to, refused, taken in."""

from typing import Any

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Input, ItemInput, StrictInteger, StrictText, clean, clean_query
from api.idempotency import once
from api.pagination import PageQuery, newest_first
from api.schema import operation
from api.shapes import PageJson
from api.staff import demand, note
from api.typing import AuthenticatedRequest
from api.v1.items import line_quantities
from api.v1.parcel_shapes import ReturnJson, lines_of, return_json
from api.v1.refunds import MAY_REFUND
from api.views import PersonalView
from checkout import returns
from checkout.services import MAX_LINES
from orders.errors import ReturnNotFound
from orders.models import Return, ReturnState

MAY_VIEW = "orders.view_return"
MAY_ANSWER = "orders.change_return"


class ReturnQuery(PageQuery):
    state = serializers.ChoiceField(ReturnState.values, required=False)


class AnswerInput(Input):
    answer = StrictText(
        max_length=500, allow_blank=True, required=False, help_text="For the shopper."
    )


class RejectionInput(Input):
    answer = StrictText(max_length=500, help_text="Tells the shopper why.")


class ReceiptInput(Input):
    """What of it can be sold again; the rest is written off."""

    restock = serializers.ListField(
        child=ItemInput(),
        required=False,
        max_length=MAX_LINES,
        help_text="What goes back on the shelf; all of it if absent.",
    )
    delivery = StrictInteger(
        required=False,
        allow_null=True,
        help_text="Of the delivery cost, in minor units; nothing if absent.",
    )


RETURN_QUERY = ReturnQuery()
ANSWER = AnswerInput()
REJECTION = RejectionInput()
RECEIPT = ReceiptInput()


class ReturnListView(PersonalView):
    """All that shoppers send back."""

    @operation(
        "returns_list-all",
        "List everybody's returns",
        query=RETURN_QUERY,
        reply={200: PageJson[ReturnJson]},
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """List returns for staff, newest first; `requested` ones wait for an answer."""
        demand(request, MAY_VIEW)
        asked = clean_query(RETURN_QUERY, request)
        found = Return.objects.prefetch_related("lines", "order__lines")
        if state := asked.get("state"):
            found = found.filter(state=state)
        return newest_first(
            request,
            found,
            asked,
            render=lambda one: return_json(one, lines_of(one.order)),
        )


class ReturnApproveView(PersonalView):
    """Agreeing to a return."""

    @operation(
        "returns_approve",
        "Approve a return",
        body=ANSWER,
        example={"answer": "Please send it to our address in Seoul."},
        reply={200: ReturnJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, return_id: int) -> HttpResponse:
        """Agree, as staff, that the shopper sends it back."""
        demand(request, MAY_ANSWER)
        answer = clean(ANSWER, request).get("answer", "")
        _find(return_id)

        def approve() -> ReturnJson:
            returns.approve(return_id=return_id, answer=answer)
            return _noted(request, return_id, f"approved: {answer}")

        return once(request, approve)


class ReturnRejectView(PersonalView):
    """Refusing a return."""

    @operation(
        "returns_reject",
        "Reject a return",
        body=REJECTION,
        example={"answer": "It was worn."},
        reply={200: ReturnJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, return_id: int) -> HttpResponse:
        """Refuse, as staff, and tell the shopper why."""
        demand(request, MAY_ANSWER)
        answer = clean(REJECTION, request)["answer"]
        _find(return_id)

        def reject() -> ReturnJson:
            returns.reject(return_id=return_id, answer=answer)
            return _noted(request, return_id, f"rejected: {answer}")

        return once(request, reject)


class ReturnReceiveView(PersonalView):
    """Taking the goods in."""

    @operation(
        "returns_receive",
        "Take a return in and refund it",
        body=RECEIPT,
        example={"restock": [{"product_id": 1, "quantity": 1}], "delivery": 0},
        reply={200: ReturnJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, return_id: int) -> HttpResponse:
        """Take an approved return in, as staff: its money goes back, once.

        What is named in `restock` can be bought again, the rest is written off.
        """
        demand(request, MAY_REFUND)
        asked = clean(RECEIPT, request)
        found = _find(return_id)
        restocked = _restocked(found, asked)

        def receive() -> ReturnJson:
            returns.receive(
                return_id=return_id,
                restocked=restocked,
                delivery=asked.get("delivery"),
                actor_id=request.user.pk,
            )
            return _noted(request, return_id, "taken in and refunded")

        return once(request, receive)


def _restocked(found: Return, asked: dict[str, Any]) -> dict[int, int]:
    if "restock" in asked:
        return line_quantities(found.order, asked["restock"], "restock")
    return {line.order_line_id: line.quantity for line in found.lines.all()}


def _find(return_id: int) -> Return:
    found = (
        Return.objects.filter(pk=return_id)
        .select_related("order")
        .prefetch_related("lines", "order__lines")
        .first()
    )
    if found is None:
        raise ReturnNotFound
    return found


def _noted(request: AuthenticatedRequest, return_id: int, what: str) -> ReturnJson:
    fresh = _find(return_id)
    note(request, fresh, what)
    return return_json(fresh, lines_of(fresh.order))
