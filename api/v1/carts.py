"""The cart, of a user or of a guest who holds its token."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar

from django.core import signing
from django.db.models import F, QuerySet
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import CartTokenInvalid
from api.fields import Id, Input, ItemInput, Quantity, StrictBoolean, clean, merged
from api.idempotency import once
from api.schema import CART_TOKEN, operation
from api.shapes import money
from api.typing import AuthenticatedRequest
from api.v1.cart_shapes import (
    CartJson,
    coupon_json,
    item_json,
    local_adjustments_json,
    not_applied_json,
    saved_item_json,
    warnings_json,
)
from api.views import GuestView, PersonalView
from cart import services as carts
from cart.models import Cart, CartItem
from catalog.texts import local_name
from checkout import services as checkout
from checkout.quotes import quote_id
from checkout.services import Purchase

HEADER = "X-Cart-Token"
SALT = "api.cart"
TOKEN_AGE = 60 * 24 * 3600  # seconds

Reply = TypeVar("Reply", bound=HttpResponse)


class ItemChangeInput(Input):
    quantity = Quantity(required=False)
    selected = StrictBoolean(required=False)
    saved = StrictBoolean(required=False)


class SelectionInput(Input):
    selected = StrictBoolean()


class ReplaceInput(Input):
    items = serializers.ListField(child=ItemInput(), max_length=carts.MAX_ITEMS)


class ChooseCouponInput(Input):
    coupon_id = Id()


ITEM = ItemInput()
ITEM_CHANGE = ItemChangeInput()
SELECTION = SelectionInput()
REPLACE = ReplaceInput()
CHOOSE_COUPON = ChooseCouponInput()


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose cart a request is about; ``token`` is the unsigned one of a guest."""

    user_id: int | None
    token: str | None

    @property
    def guest(self) -> str:
        return self.token or ""

    def find(self) -> Cart | None:
        if self.user_id is not None:
            return Cart.objects.filter(user_id=self.user_id).first()
        return Cart.objects.filter(token=self.token).first() if self.token else None

    def open(self) -> Cart:
        if self.user_id is not None:
            return carts.of_user(self.user_id)
        return carts.of_guest(self.guest)


class CartView(GuestView):
    """The whole cart."""

    @operation(
        "cart_retrieve", "Show the cart", reply={200: CartJson}, headers=[CART_TOKEN]
    )
    def get(self, request: Request) -> Response:
        """Show the cart with today's prices, the exact stock and what it would cost."""
        holder = holder_of(request)
        return _with_token(Response(cart_json(holder, holder.find())), holder)

    @operation(
        "cart_replace",
        "Replace the cart",
        body=REPLACE,
        example={"items": [{"product_id": 1, "quantity": 2}]},
        reply={200: CartJson},
        headers=[CART_TOKEN],
        keyed="yes",
        problems=(404, 409),
    )
    def put(self, request: Request) -> HttpResponse:
        """Make the cart hold exactly these products."""
        quantities = merged(clean(REPLACE, request)["items"])
        return change(
            request,
            lambda cart: carts.replace(cart_id=cart.pk, quantities=quantities),
        )

    @operation("cart_clear", "Empty the cart", reply={204: None}, headers=[CART_TOKEN])
    def delete(self, request: Request) -> Response:
        """Empty the cart; emptying an empty one is fine."""
        cart = holder_of(request).find()
        if cart is not None:
            carts.clear(cart_id=cart.pk)
        return Response(status=204)


class CartItemsView(GuestView):
    """Putting things in."""

    @operation(
        "cart_add",
        "Put a product into the cart",
        body=ITEM,
        example={"product_id": 1, "quantity": 2},
        reply={201: CartJson},
        headers=[CART_TOKEN],
        keyed="yes",
        problems=(404,),
    )
    def post(self, request: Request) -> HttpResponse:
        """Put more of a product into the cart, up to 999 of it."""
        item = clean(ITEM, request)
        return change(
            request,
            lambda cart: carts.add(
                cart_id=cart.pk,
                product_id=item["product_id"],
                quantity=item["quantity"],
            ),
            status=201,
        )


class CartSelectionView(GuestView):
    """Which products of the cart are to be bought."""

    @operation(
        "cart_select-all",
        "Select everything, or nothing",
        body=SELECTION,
        example={"selected": True},
        reply={200: CartJson},
        headers=[CART_TOKEN],
    )
    def put(self, request: Request) -> HttpResponse:
        """Select all products in the cart, or none of them."""
        is_selected = clean(SELECTION, request)["selected"]
        return change(
            request,
            lambda cart: carts.select_all(cart_id=cart.pk, is_selected=is_selected),
        )


class CartItemView(GuestView):
    """One product of the cart."""

    @operation(
        "cart_change",
        "Change a product in the cart",
        body=ITEM_CHANGE,
        example={"quantity": 3},
        reply={200: CartJson},
        headers=[CART_TOKEN],
        keyed="yes",
    )
    def patch(self, request: Request, product_id: int) -> HttpResponse:
        """Set how many there are, whether an order takes it, or put it aside.

        `saved` puts it aside for later, or back into the cart, selected.
        """
        asked = clean(ITEM_CHANGE, request)
        return change(request, lambda cart: _change_item(cart, product_id, asked))

    @operation(
        "cart_remove",
        "Take a product out",
        reply={200: CartJson},
        headers=[CART_TOKEN],
        keyed="yes",
    )
    def delete(self, request: Request, product_id: int) -> HttpResponse:
        """Take a product out of the cart."""
        return change(
            request, lambda cart: carts.remove(cart_id=cart.pk, product_id=product_id)
        )


class MergedJson(TypedDict):
    """What came along, in numbers of products, and the cart that it came into.

    Of those that were ``cut`` there is less than both carts wanted together; for those
    that were ``left_out`` there was no room.
    """

    products: int
    cut: int
    left_out: int
    cart: CartJson


class CartMergeView(PersonalView):
    """A guest's cart, after signing in."""

    @operation(
        "cart_merge",
        "Take a guest's cart along",
        reply={200: MergedJson},
        headers=[CART_TOKEN],
        keyed="yes",
        problems=(400,),
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Move what is in the cart of `X-Cart-Token` into the user's own.

        Quantities of the same product add up, as far as there is stock. The guest's
        cart is gone afterwards: merging it again moves nothing.
        """
        token, user_id = guest_token(request), request.user.pk
        if token is None:
            raise CartTokenInvalid

        def merge() -> MergedJson:
            told = carts.merge(token=token, user_id=user_id)
            holder = Holder(user_id=user_id, token=None)
            return {
                "products": told.products,
                "cut": told.cut,
                "left_out": told.left_out,
                "cart": cart_json(holder, holder.find()),
            }

        return once(request, merge)


class CartCouponView(PersonalView):
    """The coupon on the cart."""

    @operation(
        "cart_choose-coupon",
        "Put a coupon on the cart",
        body=CHOOSE_COUPON,
        example={"coupon_id": 12},
        reply={200: CartJson},
        problems=(404,),
    )
    def put(self, request: AuthenticatedRequest) -> HttpResponse:
        """Put one of the shopper's own coupons on the cart."""
        return _choose(request, clean(CHOOSE_COUPON, request)["coupon_id"])

    @operation("cart_drop-coupon", "Take the coupon off", reply={200: CartJson})
    def delete(self, request: AuthenticatedRequest) -> HttpResponse:
        """Order without a coupon."""
        return _choose(request, None)


def holder_of(request: Request) -> Holder:
    """Return whose cart it is; raise ``CartTokenInvalid`` for a forged token."""
    if request.user.is_authenticated:
        return Holder(user_id=request.user.pk, token=None)
    return Holder(user_id=None, token=guest_token(request))


def guest_token(request: Request) -> str | None:
    """Return the token inside the signed one of the header."""
    signed = request.headers.get(HEADER)
    if not signed:
        return None
    try:
        token: str = signing.TimestampSigner(salt=SALT).unsign(
            signed, max_age=TOKEN_AGE
        )
    except signing.BadSignature:
        raise CartTokenInvalid from None
    return token


def change(
    request: Request, write: Callable[[Cart], Any], *, status: int = 200
) -> HttpResponse:
    """Write to the cart of the request, a new one if need be, and show it."""
    holder = holder_of(request)
    if holder.user_id is None and holder.token is None:
        holder = Holder(user_id=None, token=carts.new_token())

    def effect() -> CartJson:
        cart = holder.open()
        write(cart)
        return cart_json(holder, cart)

    return _with_token(once(request, effect, status=status, guest=holder.guest), holder)


def cart_json(holder: Holder, cart: Cart | None) -> CartJson:
    """Price a cart as an order of it would be priced now."""
    if cart is not None:
        cart.refresh_from_db()
    items = list(_items(cart)) if cart else []
    inside = [item for item in items if not item.is_saved]
    wanted = {item.product_id: item.quantity for item in items if item.is_selected}
    quoted, offer = checkout.price(
        Purchase(
            user_id=holder.user_id,
            email="",
            quantities=wanted,
            coupon_id=cart.coupon_id if cart else None,
        )
    )
    lines = {line.item.product_id: line for line in quoted.lines}
    shown = [item_json(item, lines.get(item.product_id), offer) for item in inside]
    chosen = [item for item in shown if item["selected"]]
    coupon = coupon_json(quoted, offer)
    return {
        "token": sign(holder.token) if holder.token else None,
        "version": cart.version if cart else 0,
        "items": shown,
        "saved": [saved_item_json(item) for item in items if item.is_saved],
        "coupon": coupon,
        "subtotal": money(quoted.subtotal),
        "discount": money(quoted.discount),
        "delivery_cost": money(quoted.delivery_cost),
        "total": money(quoted.total),
        "adjustments": local_adjustments_json(quoted),
        "not_applied": not_applied_json(quoted),
        "warnings": warnings_json(shown, coupon),
        "quote_id": quote_id(quoted),
        "can_check_out": bool(chosen)
        and all(item["problem"] in {None, "price_changed"} for item in chosen),
    }


def _change_item(cart: Cart, product_id: int, asked: dict[str, Any]) -> None:
    own = {"cart_id": cart.pk, "product_id": product_id}
    if "saved" in asked:
        move = carts.save_for_later if asked["saved"] else carts.move_to_cart
        move(**own)
    if "quantity" in asked:
        carts.set_quantity(**own, quantity=asked["quantity"])
    if "selected" in asked:
        carts.select(**own, is_selected=asked["selected"])
    if not asked:
        raise ValidationError("Send quantity, selected or saved.", "required")


def _items(cart: Cart) -> QuerySet[CartItem]:
    columns = [f"product__{name}" for name in ("sku", "name", "price", "published_at")]
    own = ("quantity", "price_when_added", "is_selected", "is_saved")
    items = cart.items.select_related("product").only("cart", "product", *own, *columns)
    left = F("product__stock__on_hand") - F("product__stock__reserved")
    return items.annotate(left=left, shown_name=local_name("product"))


def sign(token: str) -> str:
    """Return a guest's token as they carry it."""
    return signing.TimestampSigner(salt=SALT).sign(token)


def _choose(request: AuthenticatedRequest, coupon_id: int | None) -> HttpResponse:
    return change(
        request,
        lambda cart: carts.choose_coupon(
            cart_id=cart.pk, user_id=request.user.pk, coupon_id=coupon_id
        ),
    )


def _with_token(response: Reply, holder: Holder) -> Reply:
    if holder.token:
        response[HEADER] = sign(holder.token)
    return response
