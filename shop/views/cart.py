"""The cart page, and the buttons that change the cart."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from analytics.models import Behaviour
from cart import services as carts
from cart.models import Cart, CartItem
from catalog.models import Product
from common.errors import DomainError
from orders.models import MAX_QUANTITY
from shop.cart_page import CartView, read_cart
from shop.carts import find_cart, open_cart
from shop.guards import say_no, see_other, shopper_action
from shop.kept import email_of
from shop.observing import observe
from shop.recommendations import beside_cart
from shop.typing import AuthenticatedHttpRequest, is_fragment, user_id_of


class QuantityForm(forms.Form):
    """A quantity that an order line can have."""

    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY, initial=1)


class AddForm(QuantityForm):
    """What to put into the cart."""

    product = forms.IntegerField(min_value=1, max_value=2**62)


class UndoForm(forms.Form):
    """What was removed a moment ago."""

    removed = forms.IntegerField(min_value=1, max_value=2**62)
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY)


class CouponForm(forms.Form):
    """Which of the shopper's coupons to use; none if empty."""

    coupon = forms.IntegerField(required=False, min_value=1, max_value=2**62)


def cart_page(request: HttpRequest) -> HttpResponse:
    """Show the cart."""
    context = _context(request)
    inside = [line.product_id for line in context["view"].lines]
    rows = beside_cart(request, inside)
    return render(request, "shop/cart/page.html", context | {"rows": rows})


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Put a product into the cart, and go to checkout if they want it now."""
    form = AddForm(request.POST)
    if not form.is_valid():
        say_no(request, _("Choose a quantity between 1 and 999."))
        return see_other(request, reverse("shop:cart"))
    opened = open_cart(request)
    try:
        item = carts.add(
            cart_id=opened.cart.pk,
            product_id=form.cleaned_data["product"],
            quantity=form.cleaned_data["quantity"],
        )
    except DomainError as error:
        say_no(request, error)
        return see_other(request, reverse("shop:cart"))
    observe(request, Behaviour.ADD, product_id=item.product_id)
    if request.POST.get("then") == "checkout":
        return opened.remember(see_other(request, reverse("shop:checkout")))
    if not is_fragment(request):
        return opened.remember(see_other(request, reverse("shop:cart")))
    return opened.remember(_added(opened.cart, item))


@require_POST
def change(request: HttpRequest, product_id: int) -> HttpResponse:
    """Set how many of a product are in the cart."""
    form = QuantityForm(request.POST)
    cart = find_cart(request)
    if not form.is_valid():
        say_no(request, _("Choose a quantity between 1 and 999."))
    elif cart is not None:
        try:
            carts.set_quantity(
                cart_id=cart.pk,
                product_id=product_id,
                quantity=form.cleaned_data["quantity"],
            )
        except DomainError as error:
            say_no(request, error)
    return _after_change(request)


@require_POST
def remove(request: HttpRequest, product_id: int) -> HttpResponse:
    """Take a product out; the page that follows offers to undo it."""
    cart = find_cart(request)
    if cart is None:
        return _after_change(request)
    try:
        quantity = carts.remove(cart_id=cart.pk, product_id=product_id)
    except DomainError as error:
        say_no(request, error)
        return _after_change(request)
    observe(request, Behaviour.REMOVE, product_id=product_id)
    if is_fragment(request):
        return _after_change(request, {"removed": product_id, "quantity": quantity})
    undo = f"?removed={product_id}&quantity={quantity}"
    return see_other(request, reverse("shop:cart") + undo)


@require_POST
@shopper_action(back="shop:cart")
def choose_coupon(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Use one of the shopper's coupons for this cart, or none."""
    form = CouponForm(request.POST)
    cart = find_cart(request)
    if cart is not None and form.is_valid():
        try:
            carts.choose_coupon(
                cart_id=cart.pk,
                user_id=request.user.pk,
                coupon_id=form.cleaned_data["coupon"],
            )
        except DomainError as error:
            say_no(request, error)
    return _after_change(request)


def _added(cart: Cart, item: CartItem) -> HttpResponse:
    text = _("In your cart: %(quantity)s × %(name)s")
    values = {"quantity": item.quantity, "name": item.product.name}
    response = HttpResponse(status=204)
    trigger_client_event(response, "toast", {"value": text % values})
    in_cart = sum(cart.items.values_list("quantity", flat=True))
    return trigger_client_event(response, "cart", {"value": in_cart})


def _after_change(
    request: HttpRequest, removed: dict[str, int] | None = None
) -> HttpResponse:
    if not is_fragment(request):
        return see_other(request, reverse("shop:cart"))
    context = _context(request, removed)
    response = render(request, "shop/cart/fragment.html", context)
    in_cart = sum(line.quantity for line in context["view"].lines)
    return trigger_client_event(response, "cart", {"value": in_cart})


def _context(
    request: HttpRequest, removed: dict[str, int] | None = None
) -> dict[str, Any]:
    cart = find_cart(request)
    view = read_cart(
        cart,
        user_id=user_id_of(request),
        email=email_of(request),
        coupon_id=cart.coupon_id if cart else None,
    )
    return {
        "view": view,
        "removed": _removed(view, removed or request.GET),
        "is_fragment": is_fragment(request),
        "nav": "cart",
    }


def _removed(view: CartView, data: Any) -> dict[str, Any] | None:
    form = UndoForm(data)
    if not form.is_valid():
        return None
    product_id = form.cleaned_data["removed"]
    if any(line.product_id == product_id for line in view.lines):
        return None
    product = Product.objects.on_sale().filter(pk=product_id).first()
    if product is None:
        return None
    return {"product": product, "quantity": form.cleaned_data["quantity"]}
