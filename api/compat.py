"""Addresses and shapes of older clients: the same views, marked as deprecated."""

from typing import Any

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from api.fields import Id, Input, ItemInput, Quantity, clean, merged
from api.idempotency import key_of
from api.schema import CART_TOKEN, operation
from api.v1.cart_shapes import CartJson
from api.v1.carts import CartItemsView, CartView, change
from api.v1.orders import OrderListView
from api.v1.points import PointsChargeView
from api.views import PersonalView
from cart import services as carts

# When version 1 took over (RFC 9745 counts in seconds of 1970).
DEPRECATED_SINCE = 1_767_225_600


class CompatView(PersonalView):
    """Answers like its successor and says who that is."""

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Deprecation"] = f"@{DEPRECATED_SINCE}"
        successor = f'<{self.successor}>; rel="successor-version"'
        other = response.headers.get("Link")
        response["Link"] = f"{other}, {successor}" if other else successor
        return response


def compat(view: type[PersonalView], successor: str, *methods: str) -> Any:
    """Return ``view`` under an older address, for these methods only."""
    name = f"Compat{view.__name__}"
    attributes = {
        "successor": successor,
        "http_method_names": [*methods, "head"],
        "__doc__": view.__doc__,
        "__module__": __name__,
    }
    old: type[PersonalView] = type(name, (CompatView, view), attributes)
    return old.as_view()


class OrderAndPayView(OrderListView):
    """Orders and pays in one go."""

    pays_at_once = True


class PatchChargeView(PointsChargeView):
    """Charging was a PATCH once."""

    patch = PointsChargeView.post


class OldCartItemInput(Input):
    product_id = Id(required=False)
    quantity = Quantity(required=False)
    items = serializers.ListField(
        child=ItemInput(), required=False, max_length=carts.MAX_ITEMS
    )


class OldCartDropInput(Input):
    product_id = Id(required=False)


OLD_CART_ITEM = OldCartItemInput()
OLD_CART_DROP = OldCartDropInput()


class OldCartView(CartView):
    """The cart with everything under one address."""

    post = CartItemsView.post

    @operation(
        "cart_put",
        "Change the cart",
        body=OLD_CART_ITEM,
        reply={200: CartJson},
        headers=[CART_TOKEN],
        keyed="yes",
        problems=(404,),
    )
    def put(self, request: Request) -> HttpResponse:
        """Set the quantity of one product, or replace all with ``items``."""
        asked = clean(OLD_CART_ITEM, request)
        if "items" in asked:
            quantities = merged(asked["items"])
            return change(
                request,
                lambda cart: carts.replace(cart_id=cart.pk, quantities=quantities),
            )
        if not {"product_id", "quantity"} <= asked.keys():
            words = "Send product_id and quantity, or items."
            raise ValidationError(words, "required")
        return change(
            request,
            lambda cart: carts.set_quantity(
                cart_id=cart.pk,
                product_id=asked["product_id"],
                quantity=asked["quantity"],
            ),
        )

    @operation(
        "cart_delete",
        "Clear the cart",
        body=OLD_CART_DROP,
        reply={200: CartJson, 204: None},
        headers=[CART_TOKEN],
        keyed="yes",
        problems=(404,),
    )
    def delete(self, request: Request) -> Any:
        """Take one product out, or everything if none is named."""
        product_id = clean(OLD_CART_DROP, request).get("product_id")
        if product_id is None:
            # Twice is fine; but what is no key is not taken for one.
            key_of(request)
            return super().delete(request)
        return change(
            request, lambda cart: carts.remove(cart_id=cart.pk, product_id=product_id)
        )
