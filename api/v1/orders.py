"""Orders: placed, paid, looked at, changed and called off."""

from collections.abc import Sequence
from typing import Any, TypedDict
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.response import Response

from accounts.errors import AddressNotFound
from accounts.models import Address, User
from accounts.selectors import usual_address
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
    full_address,
    merged,
)
from api.guests import ORDER_KEY, KeyView, SignedInToRead, is_opened, is_stranger
from api.idempotency import claim_of, once, respond
from api.pagination import PageQuery, decode_cursor, encode_cursor, link_header, page
from api.renderers import dump
from api.schema import CART_TOKEN, operation
from api.shapes import PageJson
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
from api.v1.order_shapes import (
    WITH_DETAILS,
    OrderDetailJson,
    OrderJson,
    order_detail_json,
    order_json,
)
from api.views import PersonalView, cacheable
from cart.models import Cart
from checkout import services as checkout
from checkout.quotes import LONGEST
from checkout.services import MAX_LINES, Purchase
from common.idempotency import Reply
from orders.drafts import Draft
from orders.errors import OrderNotFound
from orders.models import Order, OrderStatus

MAY_CHANGE = "orders.change_order"
MAY_VIEW = "orders.view_order"
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


class ChangeOrderInput(Input):
    """The owner changes the address or cancels; staff move the order on."""

    status = serializers.ChoiceField(
        ["processing", "shipped", "delivered", "cancelled"], required=False
    )
    reason = StrictText(required=False, max_length=200, allow_blank=True)
    carrier = StrictText(required=False, max_length=60)
    tracking_number = StrictText(required=False, max_length=80, allow_blank=True)
    address = AddressInput(required=False)
    address_id = Id(required=False)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        status = data.get("status")
        if isinstance(status, str):
            data = data | {"status": STATUSES.get(status.lower(), status.lower())}
        cleaned: dict[str, Any] = super().to_internal_value(data)
        return cleaned

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs.keys() & {"status", "address", "address_id"}) != 1:
            raise ValidationError(
                "Send exactly one of status, address and address_id.", "required"
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

    permission_classes = [SignedInToRead]

    # Older clients have a path that orders and pays in one go.
    pays_at_once = False

    @operation(
        "orders_list",
        "List orders",
        query=ORDER_QUERY,
        reply={200: PageJson[OrderJson]},
        problems=(403, 404),
    )
    def get(
        self, request: AuthenticatedRequest, user_id: int | None = None
    ) -> Response:
        """List the orders, newest first."""
        asked = clean_query(ORDER_QUERY, request)
        subject = resolve_subject(request, user_id or asked.get("user_id"))
        found = Order.objects.placed_by(subject).newest_first()
        if status := asked.get("status"):
            found = found.filter(status=status)
        if position := decode_cursor(asked.get("cursor"), str):
            found = found.filter(pk__lt=_uuid(position[0]))
        body = page(
            request,
            list(found.prefetch_related("lines")[: asked["limit"] + 1]),
            asked["limit"],
            cursor_of=lambda order: encode_cursor(str(order.pk)),
            render=order_json,
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
        return cacheable(request, order_detail_json(order))

    @operation(
        "orders_update",
        "Change an order",
        body=CHANGE_ORDER,
        example={"status": "cancelled", "reason": "changed my mind"},
        reply={200: OrderDetailJson},
        keyed="yes",
        problems=(403, 404),
    )
    def put(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Send it elsewhere, call it off, or (as staff) move it on."""
        asked = clean(CHANGE_ORDER, request)
        order = find_order(request, order_id, MAY_CHANGE)

        def change() -> OrderDetailJson:
            if "status" in asked:
                _move(request, order, asked)
            else:
                address = address_of(order.user_id, asked)
                owner = order.user_id or 0
                checkout.change_address(
                    order_id=order_id, user_id=owner, address=address
                )
                record(request, owner, f"address of order {order.number}")
            return detail(order_id)

        return once(request, change)

    @operation(
        "orders_partial-update",
        "Change an order",
        body=CHANGE_ORDER,
        example={"status": "shipped", "carrier": "CJ", "tracking_number": "6128"},
        reply={200: OrderDetailJson},
        keyed="yes",
        problems=(403, 404),
    )
    def patch(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Do the same as PUT: send only what changes."""
        return self.put(request, order_id)

    @operation(
        "orders_destroy",
        "Cancel an order",
        reply={200: OrderDetailJson},
        headers=[ORDER_KEY],
        keyed="yes",
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


def address_of(user_id: int | None, asked: dict[str, Any]) -> dict[str, str]:
    """Return the address asked for: written out, from the book, or the usual one."""
    if "address" in asked:
        return full_address(asked["address"])
    if "address_id" not in asked:
        return usual_address(user_id or 0)
    book = Address.objects.of_user(user_id or 0)
    chosen = book.filter(pk=asked["address_id"]).first()
    if chosen is None:
        raise AddressNotFound
    return chosen.snapshot()


def find_order(
    request: AuthenticatedRequest,
    order_id: UUID,
    permission: str,
    *,
    along: Sequence[str] = (),
) -> Order:
    """Return one's own order, or any with the permission; else it is not there.

    ``along`` is what is read with it.
    """
    orders = Order.objects.prefetch_related(*along).filter(pk=order_id)
    user_id = request.user.pk
    # No id would be that of every guest.
    order = orders.placed_by(user_id).first() if user_id else None
    if order is None and (
        request.user.has_perm(permission) or is_opened(request, order_id)
    ):
        order = orders.first()
    if order is None:
        raise OrderNotFound
    return order


def detail(order_id: UUID) -> OrderDetailJson:
    found = Order.objects.prefetch_related(*WITH_DETAILS).get(pk=order_id)
    return order_detail_json(found)


def _move(request: AuthenticatedRequest, order: Order, asked: dict[str, Any]) -> None:
    status, actor_id = asked["status"], request.user.pk
    if status == OrderStatus.CANCELLED:
        _call_off(request, order, asked.get("reason", ""))
        return
    if not request.user.has_perm(MAY_CHANGE):
        raise PermissionDenied
    if status == OrderStatus.PROCESSING:
        checkout.pack(order_id=order.pk, actor_id=actor_id)
    elif status == OrderStatus.SHIPPED:
        checkout.ship(
            order_id=order.pk,
            # Without a carrier it is the shop's own people who bring it.
            carrier=asked.get("carrier", settings.SHOP_NAME),
            tracking_number=asked.get("tracking_number", ""),
            actor_id=actor_id,
        )
    else:
        checkout.deliver(order_id=order.pk, actor_id=actor_id)


def _call_off(request: AuthenticatedRequest, order: Order, reason: str) -> None:
    if order.user_id is None and not request.user.has_perm(MAY_CHANGE):
        checkout.cancel_as_guest(order_id=order.pk, reason=reason)
        return
    is_own = order.user_id == request.user.pk
    checkout.cancel(
        order_id=order.pk,
        user_id=request.user.pk if is_own else None,
        actor_id=request.user.pk,
        reason=reason,
    )


def _cancel(request: AuthenticatedRequest, order_id: UUID, reason: str) -> HttpResponse:
    order = find_order(request, order_id, MAY_CHANGE)

    def cancel() -> OrderDetailJson:
        _call_off(request, order, reason)
        return detail(order_id)

    return once(request, cancel)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CursorInvalid from None
