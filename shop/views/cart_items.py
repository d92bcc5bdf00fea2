"""The buttons of a line in the cart: how many, with or without, later, away."""

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from analytics.models import Behaviour
from cart import services as carts
from cart.models import Cart
from common.errors import DomainError
from orders.models import MAX_QUANTITY
from shop.cart_answers import (
    after_change,
    after_removal,
    left_for,
    name_of,
    read_removed,
    tell_if_stale,
)
from shop.carts import find_cart, open_cart
from shop.guards import from_our_pages, say_no
from shop.observing import observe
from shop.typing import is_fragment
from shop.views.cart import tell_clamped

ON = "on"


class ChangeForm(forms.Form):
    """A quantity, and what the button beside it adds to it."""

    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY)
    step = forms.IntegerField(min_value=-1, max_value=1, required=False)


@require_POST
def change(request: HttpRequest, product_id: int) -> HttpResponse:
    """Set how many of a product are in the cart, as many as there are at most."""
    form = ChangeForm(request.POST)
    if not form.is_valid():
        say_no(request, _("Choose a quantity between 1 and 999."))
        return after_change(request)
    # The script has added it already, and htmx sends the pressed button along.
    step = 0 if is_fragment(request) else form.cleaned_data["step"] or 0
    wanted = max(1, form.cleaned_data["quantity"] + step)
    left = left_for(request, product_id)
    quantity = min(wanted, left, MAX_QUANTITY) if left > 0 else wanted

    def act(cart: Cart) -> None:
        carts.set_quantity(cart_id=cart.pk, product_id=product_id, quantity=quantity)
        if quantity == left < wanted:
            tell_clamped(request, left)

    return _do(request, act)


@require_POST
def select(request: HttpRequest, product_id: int) -> HttpResponse:
    """Buy a product with the others, or leave it in the cart for another time."""
    is_selected = request.POST.get("selected") == ON
    return _do(
        request,
        lambda cart: carts.select(
            cart_id=cart.pk, product_id=product_id, is_selected=is_selected
        ),
    )


@require_POST
def select_all(request: HttpRequest) -> HttpResponse:
    """Select everything in the cart, or nothing."""
    is_selected = request.POST.get("selected") == ON
    return _do(
        request,
        lambda cart: carts.select_all(cart_id=cart.pk, is_selected=is_selected),
    )


@require_POST
def save_for_later(request: HttpRequest, product_id: int) -> HttpResponse:
    """Put a product aside, beneath the cart."""

    def act(cart: Cart) -> None:
        carts.save_for_later(cart_id=cart.pk, product_id=product_id)
        text = _("%(name)s is saved for later.") % {"name": name_of(product_id)}
        messages.success(request, text)

    return _do(request, act)


@require_POST
def move_back(request: HttpRequest, product_id: int) -> HttpResponse:
    """Put a product that was saved for later back into the cart."""

    def act(cart: Cart) -> None:
        carts.move_to_cart(cart_id=cart.pk, product_id=product_id)
        text = _("%(name)s is in your cart.") % {"name": name_of(product_id)}
        messages.success(request, text)

    return _do(request, act)


@require_POST
def remove(request: HttpRequest, product_id: int) -> HttpResponse:
    """Take a product out, and offer to undo it."""
    cart = find_cart(request)
    if cart is None:
        return after_change(request)
    tell_if_stale(request, cart)
    try:
        removed = carts.remove(cart_id=cart.pk, product_id=product_id)
    except DomainError as error:
        say_no(request, error)
        return after_change(request)
    observe(request, Behaviour.REMOVE, product_id=product_id)
    return after_removal(request, removed)


@from_our_pages
@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    """Put back what was removed a moment ago, as it was."""
    removed = read_removed(request.POST.get("undo", ""))
    if removed is None:
        say_no(request, _("It is too late to undo this."))
        return after_change(request, is_aside=True)
    opened = open_cart(request)
    try:
        carts.restore(cart_id=opened.cart.pk, removed=removed)
    except DomainError as error:
        say_no(request, error)
    return opened.remember(after_change(request, is_aside=True))


def _do(request: HttpRequest, act: Callable[[Cart], object]) -> HttpResponse:
    """Do something to the cart, or say why not; then show it."""
    cart = find_cart(request)
    if cart is not None:
        tell_if_stale(request, cart)
        try:
            act(cart)
        except DomainError as error:
            say_no(request, error)
    return after_change(request)
