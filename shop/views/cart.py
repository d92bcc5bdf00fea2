"""The cart page, the drawer, and what puts things in."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from analytics.models import Behaviour
from cart import services as carts
from cart.models import Cart, CartItem
from catalog.models import Product
from common.errors import DomainError
from coupons import services as coupons
from coupons.errors import CouponAlreadyIssued
from coupons.models import Coupon
from inventory.errors import InsufficientStock
from orders.models import MAX_QUANTITY
from shop.cart_answers import (
    after_change,
    cart_context,
    cart_view,
    left_for,
    name_of,
    tell_if_stale,
)
from shop.cart_rows import beside_empty_cart
from shop.carts import find_cart, open_cart
from shop.guards import from_our_pages, say_no, see_other, shopper_action
from shop.observing import observe
from shop.recommendations import beside_cart
from shop.typing import AuthenticatedHttpRequest, is_fragment, is_on


class AddForm(forms.Form):
    """What to put into the cart."""

    product = forms.IntegerField(min_value=1, max_value=2**62)
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY, initial=1)


class CouponForm(forms.Form):
    """Which of their coupons to use, none if empty; or a batch to get one of."""

    coupon = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    batch = forms.IntegerField(required=False, min_value=1, max_value=2**62)


def cart_page(request: HttpRequest) -> HttpResponse:
    """Show the cart, and what goes with it."""
    context = cart_context(request, request.GET.get("undo", ""))
    inside = [line.product_id for line in context["view"].lines]
    rows = beside_cart(request, inside) if inside else beside_empty_cart(request)
    return render(request, "shop/cart/page.html", context | {"rows": rows})


def drawer(request: HttpRequest) -> HttpResponse:
    """Show the cart beside the page; where there is no script, its own page does."""
    if not is_fragment(request):
        return see_other(request, reverse("shop:cart"))
    return render(request, "shop/cart/drawer.html", {"view": cart_view(request)})


@from_our_pages
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Put a product into the cart, and go to checkout if they want it now."""
    form = AddForm(request.POST)
    if not form.is_valid():
        say_no(request, _("Choose a quantity between 1 and 999."))
        return see_other(request, reverse("shop:cart"))
    product_id, quantity = form.cleaned_data["product"], form.cleaned_data["quantity"]
    opened = open_cart(request)
    try:
        item = _put(request, opened.cart, product_id, quantity)
    except DomainError as error:
        say_no(request, error)
        return see_other(request, reverse("shop:cart"))
    if request.POST.get("then") == "checkout":
        return opened.remember(see_other(request, reverse("shop:checkout")))
    if not is_fragment(request):
        return opened.remember(see_other(request, reverse("shop:cart")))
    return opened.remember(_added(request, opened.cart, item))


@require_POST
@shopper_action(back="shop:cart")
def choose_coupon(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Use one of the shopper's coupons for this cart, or none, or get one first."""
    form = CouponForm(request.POST)
    cart = find_cart(request)
    if cart is None or not form.is_valid():
        return after_change(request)
    tell_if_stale(request, cart)
    user_id, batch_id = request.user.pk, form.cleaned_data["batch"]
    try:
        coupon_id = form.cleaned_data["coupon"]
        if batch_id:
            coupon_id = _coupon_of(user_id, batch_id)
        carts.choose_coupon(cart_id=cart.pk, user_id=user_id, coupon_id=coupon_id)
    except DomainError as error:
        say_no(request, error)
    return after_change(request)


def tell_clamped(request: HttpRequest, left: int) -> None:
    """Say that there are fewer than were asked for, and that those were taken."""
    text = ngettext(
        "Only %(count)s left – we set %(count)s.",
        "Only %(count)s left – we set %(count)s.",
        left,
    )
    messages.warning(request, text % {"count": left})


def _put(request: HttpRequest, cart: Cart, product_id: int, quantity: int) -> CartItem:
    left = left_for(request, product_id)
    if left <= 0 and Product.objects.on_sale().filter(pk=product_id).exists():
        raise InsufficientStock({product_id: 0})
    held = cart.items.inside().filter(product=product_id).values_list("quantity")
    before = held[0][0] if held else 0
    item = carts.add(
        cart_id=cart.pk, product_id=product_id, quantity=quantity, at_most=left
    )
    observe(request, Behaviour.ADD, product_id=product_id)
    if left < before + quantity:
        tell_clamped(request, item.quantity)
    return item


def _coupon_of(user_id: int, batch_id: int) -> int:
    try:
        return coupons.claim(user_id=user_id, batch_id=batch_id).pk
    except CouponAlreadyIssued:
        # Another tab was quicker, for the same shopper.
        own = Coupon.objects.of_user(user_id).filter(batch=batch_id)
        return own.values_list("pk", flat=True).get()


def _added(request: HttpRequest, cart: Cart, item: CartItem) -> HttpResponse:
    view = cart_view(request, cart)
    is_on_cart = is_on(request, reverse("shop:cart"))
    text = _("In your cart: %(quantity)s × %(name)s")
    said = text % {"quantity": item.quantity, "name": name_of(item.product_id)}
    context = {"view": view, "said": said, "is_aside": True, "is_fragment": True}
    template = "shop/cart/fragment.html" if is_on_cart else "shop/cart/added.html"
    response = render(request, template, context)
    trigger_client_event(response, "cart", {"value": view.pieces})
    if is_on_cart:
        return trigger_client_event(response, "toast", {"value": said})
    return trigger_client_event(
        response, "drawer", {"value": "cart-drawer"}, after="swap"
    )
