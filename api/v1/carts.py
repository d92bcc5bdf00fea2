"""The cart, of a user or of a guest who holds its token."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, TypeVar

from django.core import signing
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import CartTokenInvalid
from api.fields import Id, Input, ItemInput, Quantity, clean, merged
from api.idempotency import once
from api.schema import CART_TOKEN, operation
from api.shapes import MoneyJson, money
from api.typing import AuthenticatedRequest
from api.views import GuestView, PersonalView
from cart import services as carts
from cart.models import Cart, CartItem
from checkout import services as checkout
from checkout.quotes import quote_id
from checkout.selectors import Offer
from checkout.services import Purchase
from promotions.pricing import Quote, QuotedLine

HEADER = "X-Cart-Token"
SALT = "api.cart"
TOKEN_AGE = 60 * 24 * 3600  # seconds

Reply = TypeVar("Reply", bound=HttpResponse)
Problem = Literal["product_unavailable", "insufficient_stock", "price_changed"]


class CartItemJson(TypedDict):
    """A product in the cart at today's price; ``problem`` stands in an order's way."""

    product_id: int
    sku: str
    name: str
    quantity: int
    unit_price: MoneyJson
    line_total: MoneyJson
    discount_share: MoneyJson
    available: int
    price_when_added: MoneyJson
    problem: Problem | None


class CartCouponJson(TypedDict):
    """The coupon on the cart; ``reason`` says why it does not apply."""

    id: int
    name: str
    is_applied: bool
    reason: str | None
    missing: MoneyJson


class AdjustmentJson(TypedDict):
    """One step from the subtotal to the total, and by which rule it came about."""

    kind: str
    label: str
    amount: MoneyJson
    source_id: int | None
    rule: str


class NotAppliedJson(TypedDict):
    """A discount that is not given: the first rule that failed, what is missing."""

    kind: str
    label: str
    source_id: int | None
    reason: str
    missing: MoneyJson
    missing_units: int
    # The promotion that is given instead.
    by: str


class CartJson(TypedDict):
    """A cart and what it would cost. ``token`` is a guest's key to it.

    An order that sends ``quote_id`` along costs no more than this, or is refused with
    what has changed.
    """

    token: str | None
    version: int
    items: list[CartItemJson]
    coupon: CartCouponJson | None
    subtotal: MoneyJson
    discount: MoneyJson
    delivery_cost: MoneyJson
    total: MoneyJson
    adjustments: list[AdjustmentJson]
    not_applied: list[NotAppliedJson]
    quote_id: str
    can_check_out: bool


class QuantityInput(Input):
    quantity = Quantity()


class ReplaceInput(Input):
    items = serializers.ListField(child=ItemInput(), max_length=carts.MAX_ITEMS)


class ChooseCouponInput(Input):
    coupon_id = Id()


ITEM = ItemInput()
QUANTITY = QuantityInput()
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


class CartItemView(GuestView):
    """One product of the cart."""

    @operation(
        "cart_change",
        "Change a quantity",
        body=QUANTITY,
        example={"quantity": 3},
        reply={200: CartJson},
        headers=[CART_TOKEN],
        keyed="yes",
    )
    def patch(self, request: Request, product_id: int) -> HttpResponse:
        """Set how many of a product the cart holds."""
        quantity = clean(QUANTITY, request)["quantity"]
        return change(
            request,
            lambda cart: carts.set_quantity(
                cart_id=cart.pk, product_id=product_id, quantity=quantity
            ),
        )

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
    quoted, offer = checkout.price(
        Purchase(
            user_id=holder.user_id,
            email="",
            quantities={item.product_id: item.quantity for item in items},
            coupon_id=cart.coupon_id if cart else None,
        )
    )
    lines = {line.item.product_id: line for line in quoted.lines}
    shown = [
        _item(item, lines.get(item.product_id), offer.available.get(item.product_id, 0))
        for item in items
    ]
    return {
        "token": sign(holder.token) if holder.token else None,
        "version": cart.version if cart else 0,
        "items": shown,
        "coupon": _coupon(quoted, offer),
        "subtotal": money(quoted.subtotal),
        "discount": money(quoted.discount),
        "delivery_cost": money(quoted.delivery_cost),
        "total": money(quoted.total),
        "adjustments": adjustments_json(quoted),
        "not_applied": not_applied_json(quoted),
        "quote_id": quote_id(quoted),
        "can_check_out": bool(shown)
        and all(item["problem"] in {None, "price_changed"} for item in shown),
    }


def _items(cart: Cart) -> QuerySet[CartItem]:
    columns = [f"product__{name}" for name in ("sku", "name", "price")]
    own = ("cart", "product", "quantity", "price_when_added")
    return cart.items.select_related("product").only(*own, *columns)


def adjustments_json(quoted: Quote) -> list[AdjustmentJson]:
    return [
        {
            "kind": step.kind,
            "label": step.label,
            "amount": money(step.amount),
            "source_id": step.source_id,
            "rule": step.rule,
        }
        for step in quoted.adjustments
    ]


def not_applied_json(quoted: Quote) -> list[NotAppliedJson]:
    return [
        {
            "kind": refusal.kind,
            "label": refusal.label,
            "source_id": refusal.source_id,
            "reason": refusal.reason.value,
            "missing": money(refusal.missing),
            "missing_units": refusal.missing_units,
            "by": refusal.by,
        }
        for refusal in quoted.refusals
    ]


def sign(token: str) -> str:
    """Return a guest's token as they carry it."""
    return signing.TimestampSigner(salt=SALT).sign(token)


def _item(item: CartItem, line: QuotedLine | None, available: int) -> CartItemJson:
    price = line.item.unit_price if line else item.product.price
    return {
        "product_id": item.product_id,
        "sku": item.product.sku,
        "name": item.product.name,
        "quantity": item.quantity,
        "unit_price": money(price),
        "line_total": money(price * item.quantity),
        "discount_share": money(line.discount_share if line else 0),
        "available": available,
        "price_when_added": money(item.price_when_added),
        "problem": _problem(item, line, available),
    }


def _problem(item: CartItem, line: QuotedLine | None, available: int) -> Problem | None:
    if line is None:
        return "product_unavailable"
    if available < item.quantity:
        return "insufficient_stock"
    is_same = line.item.unit_price == item.price_when_added
    return None if is_same else "price_changed"


def _coupon(quoted: Quote, offer: Offer) -> CartCouponJson | None:
    if offer.coupon is None:
        return None
    refusal = quoted.coupon_refusal
    return {
        "id": offer.coupon.coupon_id,
        "name": offer.coupon.name,
        "is_applied": refusal is None,
        "reason": refusal.reason.value if refusal else None,
        "missing": money(refusal.missing if refusal else 0),
    }


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
