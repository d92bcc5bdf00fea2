"""Orders: placed, paid, looked at, changed and called off."""

from collections.abc import Callable
from typing import Any, TypedDict, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from accounts.models import User
from api.conditions import IF_MATCH, change_if_match, tagged
from api.errors import CursorInvalid
from api.fields import (
    MAX_BIGINT,
    AddressInput,
    Id,
    Input,
    ItemInput,
    StrictBoolean,
    StrictInteger,
    StrictText,
    clean,
    clean_query,
    merged,
)
from api.guests import ORDER_KEY, KeyView, SignedInToRead, is_stranger
from api.idempotency import claim_of, once, respond
from api.pagination import PageQuery, decode_cursor, encode_cursor, link_header, page
from api.renderers import dump
from api.schema import CART_TOKEN, operation
from api.shapes import PageJson
from api.sparse import Names
from api.staff import demand
from api.subjects import record, resolve_payer, resolve_subject
from api.typing import AuthenticatedRequest
from api.v1.cart_shapes import CartJson
from api.v1.carts import Holder, cart_json
from api.v1.guest_orders import (
    PlacedOrderJson,
    cart_of,
    place_as_guest,
    placed_json,
)
from api.v1.order_actions import ALONG, offer, shown_to
from api.v1.order_actions import MAY_CHANGE as MAY_CHANGE
from api.v1.order_changing import OWNERS_WISHES, call_off, change_own, move
from api.v1.order_finding import address_of
from api.v1.order_finding import detail as detail
from api.v1.order_finding import find_order as find_order
from api.v1.order_shapes import (
    EXPANSIONS,
    WITH_DETAILS,
    ExpandedOrderJson,
    OrderDetailJson,
    along,
    expanded_json,
)
from api.views import PersonalView, cacheable
from cart.models import Cart
from checkout import services as checkout
from checkout.quotes import LONGEST
from checkout.services import MAX_LINES, Purchase
from common.idempotency import Reply
from orders.drafts import Draft
from orders.models import Order, OrderStatus
from orders.models.order import OrderQuerySet

R = TypeVar("R")
MAY_VIEW = "orders.view_order"
EVERYBODYS = "all"
# What older clients write, and what we call it.
STATUSES = {"canceled": "cancelled"}


class RepeatedJson(TypedDict):
    """What went into the cart again, and what is not sold any more, by name."""

    added: list[str]
    skipped: list[str]
    cart: CartJson


class PlaceOrderInput(Input):
    items = serializers.ListField(
        child=ItemInput(), required=False, allow_empty=False, max_length=MAX_LINES
    )
    from_cart = StrictBoolean(required=False, help_text="Order what is in the cart.")
    cart_version = StrictInteger(required=False, help_text="The cart that was seen.")
    coupon_id = Id(required=False, allow_null=True)
    address_id = Id(required=False)
    address = AddressInput(required=False)
    delivery_method = StrictText(required=False, max_length=40)
    expected_total = StrictInteger(
        required=False, help_text="In minor units; refused if the total is higher."
    )
    quote_id = StrictText(
        required=False,
        max_length=LONGEST,
        help_text="What was shown; refused if it would cost more by now.",
    )
    pay = StrictBoolean(required=False, help_text="Pay from the points at once.")
    user_id = Id(required=False, allow_null=True)
    reason = StrictText(required=False, max_length=200, help_text="For somebody else.")
    email = serializers.EmailField(
        required=False, max_length=254, help_text="Of a guest, who needs one."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("items" in attrs) == attrs.get("from_cart", False):
            raise ValidationError(
                {"items": ["Send either items or from_cart."]}, "required"
            )
        return attrs


class OrderQuery(PageQuery):
    user_id = serializers.IntegerField(
        min_value=1,
        max_value=MAX_BIGINT,
        required=False,
        help_text="Oneself if absent.",
    )
    status = serializers.ChoiceField(OrderStatus.choices, required=False)
    from_ = serializers.DateTimeField(required=False, help_text="Placed then or later.")
    to = serializers.DateTimeField(required=False, help_text="Placed before.")
    scope = serializers.ChoiceField(
        ["mine", "all"],
        default="mine",
        help_text="`all` are everybody's, for staff; `user_id` then picks one's.",
    )
    q = serializers.CharField(
        max_length=254, required=False, help_text="A number, or an e-mail address."
    )
    expand = Names(tuple(EXPANSIONS), help_text="Of each order, what one alone shows.")

    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python.
        fields = super().get_fields()
        return {name.rstrip("_"): field for name, field in fields.items()}


class ChangeOrderInput(Input):
    """The owner changes where and how it is brought; staff move the order on."""

    status = serializers.ChoiceField(
        ["processing", "shipped", "delivered", "cancelled"], required=False
    )
    reason = StrictText(required=False, max_length=200, allow_blank=True)
    carrier = StrictText(required=False, max_length=60)
    tracking_number = StrictText(required=False, max_length=80, allow_blank=True)
    address = AddressInput(required=False)
    address_id = Id(required=False)
    delivery_method = StrictText(
        required=False, max_length=40, help_text="One that costs no more, nor is later."
    )
    note = StrictText(
        required=False,
        max_length=500,
        allow_blank=True,
        help_text="To whoever packs and brings it.",
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        status = data.get("status")
        if isinstance(status, str):
            data = data | {"status": STATUSES.get(status.lower(), status.lower())}
        cleaned: dict[str, Any] = super().to_internal_value(data)
        return cleaned

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wishes = attrs.keys() & OWNERS_WISHES
        if ("status" in attrs) == bool(wishes) or {"address", "address_id"} <= wishes:
            raise ValidationError(
                "Send a status, or what changes of address, delivery and note.",
                "required",
            )
        return attrs


class CancelInput(Input):
    reason = StrictText(required=False, max_length=200, allow_blank=True)


PLACE_ORDER = PlaceOrderInput()
ORDER_QUERY = OrderQuery()
CHANGE_ORDER = ChangeOrderInput()
CANCEL = CancelInput()


class OrderListView(PersonalView):
    """The shopper's orders, and new ones, also of guests."""

    cache_control = "private, no-cache"

    permission_classes = [SignedInToRead]

    # Older clients have a path that orders and pays in one go.
    pays_at_once = False

    @operation(
        "orders_list",
        "List orders",
        query=ORDER_QUERY,
        reply={200: PageJson[ExpandedOrderJson]},
        problems=(403, 404),
    )
    def get(
        self, request: AuthenticatedRequest, user_id: int | None = None
    ) -> Response:
        """List the orders, newest first."""
        asked = clean_query(ORDER_QUERY, request)
        found = _asked_for(_in_scope(request, user_id, asked), asked).newest_first()
        rows = found.prefetch_related(*along(asked.get("expand", ())))
        if asked["scope"] == EVERYBODYS:
            rows = rows.prefetch_related(*ALONG)
        if position := decode_cursor(asked.get("cursor"), str):
            rows = rows.filter(pk__lt=_uuid(position[0]))
        body = page(
            request,
            list(rows[: asked["limit"] + 1]),
            asked["limit"],
            cursor_of=lambda order: encode_cursor(str(order.pk)),
            render=lambda order: _listed(request, order, asked),
            all_rows=found,
        )
        return Response(body, headers=link_header(body))

    @operation(
        "orders_create",
        "Place an order",
        body=PLACE_ORDER,
        example={"items": [{"product_id": 1, "quantity": 2}], "pay": True},
        reply={201: PlacedOrderJson},
        headers=[CART_TOKEN],
        keyed="yes",
        problems=(403, 404),
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Order products, or what is in the cart: all lines or none.

        The order holds its stock and coupon until ``expires_at``. With ``pay`` it is
        paid from the points in the same step. Guests say who they are with ``email``
        and ``address``; the ``key`` of the reply opens the order to them again.
        """
        asked = clean(PLACE_ORDER, request)
        if is_stranger(request):
            wants_to_pay = self.pays_at_once or asked.get("pay", False)
            status = OrderStatus.PAID if wants_to_pay else OrderStatus.PENDING
            return place_as_guest(request, asked, status, _render)
        reason = asked.get("reason", "")
        subject = resolve_payer(request, asked.get("user_id"), reason)
        is_paid = self.pays_at_once or asked.get("pay", False)

        def place() -> Reply:
            return checkout.purchase_once(
                _purchase(request.user, subject, asked),
                OrderStatus.PAID if is_paid else OrderStatus.PENDING,
                claim=claim_of(request),
                render=_render,
            )

        if subject == request.user.pk:
            reply = place()
        else:
            # No order for somebody else without the record of it.
            with transaction.atomic():
                reply = place()
                record(request, subject, reason)
        return respond(reply, location="/api/v1/orders/{id}")


class OrderView(KeyView):
    """One order."""

    cache_control = "private, no-cache"

    @operation(
        "orders_retrieve",
        "Show an order",
        reply={200: OrderDetailJson},
        headers=[ORDER_KEY],
    )
    def get(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Show an order with its payments, parcels and timeline."""
        order = find_order(request, order_id, MAY_VIEW, along=WITH_DETAILS)
        return cacheable(request, shown_to(request, order))

    @operation(
        "orders_update",
        "Change an order",
        body=CHANGE_ORDER,
        example={"status": "cancelled", "reason": "changed my mind"},
        reply={200: OrderDetailJson},
        headers=[ORDER_KEY, IF_MATCH],
        keyed="yes",
        problems=(403, 404, 412, 428),
    )
    def put(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Send it elsewhere, call it off, or (as staff) move it on."""
        asked = clean(CHANGE_ORDER, request)
        order = find_order(request, order_id, MAY_CHANGE)

        def change() -> OrderDetailJson:
            if "status" in asked:
                move(request, order, asked)
            else:
                change_own(request, order, asked)
            return detail(request, order_id)

        def change_if_same() -> OrderDetailJson:
            return _if_same(
                request, order_id, change, required=self._says_what_it_saw(order)
            )

        return tagged(once(request, change_if_same))

    @operation(
        "orders_partial-update",
        "Change an order",
        body=CHANGE_ORDER,
        example={"status": "shipped", "carrier": "CJ", "tracking_number": "6128"},
        reply={200: OrderDetailJson},
        headers=[ORDER_KEY, IF_MATCH],
        keyed="yes",
        problems=(403, 404, 412, 428),
    )
    def patch(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Do the same as PUT: send only what changes."""
        return self.put(request, order_id)

    def _says_what_it_saw(self, order: Order) -> bool:
        """Tell if ``If-Match`` is a must: for staff, but not at older addresses."""
        user = self.request.user
        is_own = order.user_id is not None and order.user_id == user.pk
        return not self.successor and not is_own and user.has_perm(MAY_CHANGE)

    @operation(
        "orders_destroy",
        "Cancel an order",
        reply={200: OrderDetailJson},
        headers=[ORDER_KEY, IF_MATCH],
        keyed="yes",
        problems=(412,),
    )
    def delete(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Call an order off. It stays in the history; doing it twice is fine."""
        return _cancel(request, order_id, "")


class OrderCancelView(KeyView):
    """Calling an order off."""

    @operation(
        "orders_cancel",
        "Cancel an order, saying why",
        body=CANCEL,
        example={"reason": "ordered twice"},
        reply={200: OrderDetailJson},
        headers=[ORDER_KEY],
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Give stock, coupon and points back, each exactly once."""
        return _cancel(request, order_id, clean(CANCEL, request).get("reason", ""))


class OrderRepeatView(PersonalView):
    """Ordering the same again."""

    @operation("orders_repeat", "Order again", reply={200: RepeatedJson}, keyed="yes")
    def post(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Put what an order had into the cart, at today's prices."""
        user_id = request.user.pk

        def repeat() -> RepeatedJson:
            repeated = checkout.order_again(user_id=user_id, order_id=order_id)
            holder = Holder(user_id=user_id, token=None)
            return {
                "added": list(repeated.added),
                "skipped": list(repeated.skipped),
                "cart": cart_json(holder, holder.find()),
            }

        return once(request, repeat)


def _in_scope(
    request: AuthenticatedRequest, user_id: int | None, asked: dict[str, Any]
) -> OrderQuerySet:
    """Return one's own orders, or as staff somebody's or everybody's."""
    wanted = user_id or asked.get("user_id")
    if asked["scope"] != EVERYBODYS:
        return Order.objects.placed_by(resolve_subject(request, wanted))
    demand(request, MAY_VIEW)
    return Order.objects.placed_by(wanted) if wanted else Order.objects.all()


def _asked_for(found: OrderQuerySet, asked: dict[str, Any]) -> OrderQuerySet:
    if status := asked.get("status"):
        found = found.filter(status=status)
    if since := asked.get("from"):
        found = found.filter(placed_at__gte=since)
    if until := asked.get("to"):
        found = found.filter(placed_at__lt=until)
    if words := asked.get("q"):
        found = found.filter(Q(number=words.upper()) | Q(email__iexact=words))
    return found


def _listed(
    request: AuthenticatedRequest, order: Order, asked: dict[str, Any]
) -> ExpandedOrderJson:
    body = expanded_json(order, asked.get("expand", ()))
    if asked["scope"] == EVERYBODYS:
        offer(request, order, body)
    return body


def _render(draft: Draft) -> Reply:
    return Reply(201, dump(placed_json(draft)).decode())


def _purchase(buyer: User, subject: int, asked: dict[str, Any]) -> Purchase:
    user = buyer if subject == buyer.pk else User.objects.get(pk=subject)
    coupon_id = asked.get("coupon_id")
    cart = None
    if "items" in asked:
        quantities = merged(asked["items"])
    else:
        own = Cart.objects.filter(user_id=subject)
        cart, quantities, chosen = cart_of(own, asked.get("cart_version"))
        coupon_id = coupon_id or chosen
    return Purchase(
        user_id=subject,
        email=user.email,
        quantities=quantities,
        coupon_id=coupon_id,
        address=address_of(subject, asked),
        delivery_method=asked.get("delivery_method"),
        expected_total=asked.get("expected_total"),
        quote_id=asked.get("quote_id", ""),
        cart=cart,
    )


def _cancel(request: AuthenticatedRequest, order_id: UUID, reason: str) -> HttpResponse:
    order = find_order(request, order_id, MAY_CHANGE)

    def cancel() -> OrderDetailJson:
        call_off(request, order, reason)
        return detail(request, order_id)

    return tagged(once(request, lambda: _if_same(request, order_id, cancel)))


def _if_same(
    request: AuthenticatedRequest,
    order_id: UUID,
    effect: Callable[[], R],
    *,
    required: bool = False,
) -> R:
    """Do it unless the order has changed since the client read it."""
    return change_if_match(
        request,
        effect,
        lock=Order.objects.filter(pk=order_id),
        read=lambda: detail(request, order_id),
        required=required,
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CursorInvalid from None
