"""Placing orders without an account."""

from hashlib import blake2b
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from api import limits
from api.fields import full_address, merged
from api.idempotency import claim_of, respond
from api.subjects import resolve_subject
from api.typing import AuthenticatedRequest
from api.v1.carts import guest_token
from api.v1.order_shapes import OrderJson, draft_json
from cart.errors import CartEmpty
from cart.models import Cart, CartItem
from checkout import services as checkout
from checkout.placing import Render
from checkout.services import CartVersion, Purchase
from orders.drafts import Draft
from orders.guests import fold, key_of
from orders.models import OrderStatus


class PlacedOrderJson(OrderJson):
    """An order that was just placed. ``key`` opens it to the guest who placed it."""

    key: str | None


def placed_json(draft: Draft) -> PlacedOrderJson:
    """Render a draft for whoever places it, with the key if that is a guest."""
    is_guests = draft.user_id is None
    return {**draft_json(draft), "key": key_of(draft.id) if is_guests else None}


def place_as_guest(
    request: AuthenticatedRequest,
    asked: dict[str, Any],
    status: OrderStatus,
    render: Render,
) -> HttpResponse:
    """Place the order of somebody who is not signed in and says who they are."""
    resolve_subject(request, asked.get("user_id"))
    missing = {"email", "address"} - asked.keys()
    if missing:
        raise ValidationError(
            {name: [_("Guests have to say it.")] for name in missing}, "required"
        )
    limits.check_also(request, limits.GUEST_ORDERS)
    token = guest_token(request)
    email = fold(asked["email"])
    reply = checkout.purchase_once(
        _purchase_of_guest(asked, email, token),
        status,
        claim=claim_of(request, blake2b(email.encode(), digest_size=16).hexdigest()),
        render=render,
    )
    return respond(reply, location="/api/v1/orders/{id}")


def _purchase_of_guest(
    asked: dict[str, Any], email: str, token: str | None
) -> Purchase:
    cart = None
    if "items" in asked:
        quantities = merged(asked["items"])
    else:
        own = Cart.objects.filter(token=token) if token else Cart.objects.none()
        cart, quantities, _coupon = cart_of(own, asked.get("cart_version"))
    return Purchase(
        user_id=None,
        email=email,
        quantities=quantities,
        coupon_id=asked.get("coupon_id"),
        address=full_address(asked["address"]),
        delivery_method=asked.get("delivery_method"),
        expected_total=asked.get("expected_total"),
        quote_id=asked.get("quote_id", ""),
        cart=cart,
    )


def cart_of(
    own: QuerySet[Cart], version: int | None
) -> tuple[CartVersion, dict[int, int], int | None]:
    """Return a cart to order as it was seen: version, quantities, chosen coupon.

    Of what is in it, the selected products only. Raises ``CartEmpty``.
    """
    cart = own.first()
    items = CartItem.objects.selected().filter(cart=cart).order_by("pk")
    quantities = dict(items.values_list("product_id", "quantity")) if cart else {}
    if cart is None or not quantities:
        raise CartEmpty
    seen = cart.version if version is None else version
    return CartVersion(cart.pk, seen), quantities, cart.coupon_id
