"""The wishlist: hearts on cards, and the page of what was saved."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from analytics.models import Behaviour
from cart import services as carts
from catalog.models import Product
from catalog.texts import local_name
from common.errors import DomainError
from shop import undoing
from shop.cart_answers import name_of
from shop.carts import open_cart
from shop.guards import from_our_pages, say_no, see_other, shopper_action
from shop.observing import observe
from shop.storefront import Storefront
from shop.typing import AuthenticatedHttpRequest, is_fragment, is_on, user_id_of
from shop.views.preferences import safe_next
from shop.wishlist import read_removed, read_wishlist, sign_removed, wish_later
from wishlist import services as wishlists
from wishlist.models import WishlistItem
from wishlist.services import Removed

MOST_NAMED = 3


class HeartForm(forms.Form):
    """Which product's heart was pressed; ``to`` says what it shall be, if anything."""

    product = forms.IntegerField(min_value=1, max_value=2**62)
    to = forms.ChoiceField(choices=[("on", "on"), ("off", "off")], required=False)


class PageForm(forms.Form):
    """Where a page of the list begins."""

    before = forms.IntegerField(min_value=1, max_value=2**62, required=False)


@login_required
def wishlist_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Show what the shopper wishes for."""
    removed = read_removed(request.GET.get("undo", ""))
    return render(request, "shop/wishlist/page.html", _context(request, removed))


@from_our_pages
@require_POST
def toggle(request: HttpRequest) -> HttpResponse:
    """Save a product, or take it off the list again."""
    form = HeartForm(request.POST)
    if not form.is_valid():
        raise Http404
    product_id, user_id = form.cleaned_data["product"], user_id_of(request)
    if user_id is None:
        return _sign_in_first(request, product_id)
    try:
        is_wished, removed = _press(user_id, product_id, form.cleaned_data["to"])
    except DomainError as error:
        say_no(request, error)
        return see_other(request, safe_next(request))
    name = name_of(product_id)
    text = _("%(name)s is on your wishlist.") if is_wished else _("%(name)s removed.")
    text %= {"name": name}
    if not is_fragment(request):
        messages.success(request, text)
        return see_other(request, safe_next(request))
    response = _heart(request, product_id, name, is_wished=is_wished)
    if removed is not None:
        return _with_undo(response, text, removed)
    undo = undoing.button(
        reverse("shop:wishlist-toggle"), {"product": product_id, "to": "off"}
    )
    return trigger_client_event(response, "toast", {"value": text, "undo": undo})


@require_POST
@shopper_action(back="shop:wishlist")
def remove(request: AuthenticatedHttpRequest, product_id: int) -> HttpResponse:
    """Take a product off the list; the page that follows offers to undo it."""
    removed = wishlists.remove(user_id=request.user.pk, product_id=product_id)
    if removed is None:
        return _after_change(request)
    if not is_fragment(request):
        page = reverse("shop:wishlist")
        return see_other(request, f"{page}?undo={sign_removed(removed)}")
    text = _("%(name)s removed.") % {"name": name_of(product_id)}
    return _with_undo(_after_change(request), text, removed)


@from_our_pages
@require_POST
@shopper_action(back="shop:wishlist")
def restore(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Put back what was removed, with the price it was saved at."""
    removed = read_removed(request.POST.get("undo", ""))
    if removed is None:
        say_no(request, _("It is too late to undo this."))
        return _after_change(request, is_aside=True)
    try:
        wishlists.restore(user_id=request.user.pk, removed=removed)
    except DomainError as error:
        say_no(request, error)
    if is_fragment(request) and not is_on(request, reverse("shop:wishlist")):
        own = WishlistItem.objects.of_user(request.user.pk)
        is_wished = own.filter(product=removed.product_id).exists()
        name = name_of(removed.product_id)
        return _heart(request, removed.product_id, name, is_wished=is_wished)
    return _after_change(request, is_aside=True)


@require_POST
@shopper_action(back="shop:wishlist")
def move_to_cart(request: AuthenticatedHttpRequest, product_id: int) -> HttpResponse:
    """Put one of a product into the cart, and take it off the list."""
    name = {"name": name_of(product_id)}
    try:
        left_out = carts.add_all(
            cart_id=open_cart(request).cart.pk, product_ids=[product_id]
        )
    except DomainError as error:
        say_no(request, error)
        return _after_change(request)
    if left_out:
        say_no(request, _("%(name)s cannot be bought now.") % name)
        return _after_change(request)
    wishlists.remove(user_id=request.user.pk, product_id=product_id)
    observe(request, Behaviour.ADD, product_id=product_id)
    messages.success(request, _("%(name)s is in your cart.") % name)
    return _after_change(request)


@require_POST
@shopper_action(back="shop:wishlist")
def add_all(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Put one of each product into the cart; say what could not be added."""
    own = WishlistItem.objects.of_user(request.user.pk).newest_first()
    wished = list(own.values_list("product_id", flat=True))
    try:
        left_out = carts.add_all(cart_id=open_cart(request).cart.pk, product_ids=wished)
    except DomainError as error:
        say_no(request, error)
        return _after_change(request)
    added = len(wished) - len(left_out)
    if added:
        text = ngettext(
            "%(count)s product is in your cart.",
            "%(count)s products are in your cart.",
            added,
        )
        messages.success(request, text % {"count": added})
    if left_out:
        messages.warning(request, _left_out_text(left_out))
    return _after_change(request)


def _press(user_id: int, product_id: int, to: str) -> tuple[bool, Removed | None]:
    """Do what the heart says; return what it is now, and what undoes a removal."""
    own = WishlistItem.objects.of_user(user_id).filter(product=product_id)
    if to == "on" or (to != "off" and not own.exists()):
        wishlists.save(user_id=user_id, product_id=product_id)
        return True, None
    return False, wishlists.remove(user_id=user_id, product_id=product_id)


def _sign_in_first(request: HttpRequest, product_id: int) -> HttpResponse:
    wish_later(request, product_id)
    messages.info(request, _("Sign in, and we will save it to your wishlist."))
    login = redirect_to_login(safe_next(request))
    return HttpResponseClientRedirect(login.url) if is_fragment(request) else login


def _heart(
    request: HttpRequest, product_id: int, name: str, *, is_wished: bool
) -> HttpResponse:
    """Answer with the button as it is now: it finds its place by itself."""
    context = {
        "product_id": product_id,
        "name": name,
        "is_wished": is_wished,
        "is_answer": True,
    }
    return render(request, "shop/parts/_heart.html", context)


def _with_undo(response: HttpResponse, text: str, removed: Removed) -> HttpResponse:
    undo = undoing.button(
        reverse("shop:wishlist-restore"), {"undo": sign_removed(removed)}
    )
    return trigger_client_event(response, "toast", {"value": text, "undo": undo})


def _after_change(
    request: AuthenticatedHttpRequest, *, is_aside: bool = False
) -> HttpResponse:
    """Show the list as it is now; ``is_aside`` if the button stood outside of it."""
    if not is_fragment(request):
        return see_other(request, reverse("shop:wishlist"))
    context = _context(request, None) | {"is_aside": is_aside}
    response = render(request, "shop/wishlist/fragment.html", context)
    counts = {"cart": context["storefront"].counts.in_cart}
    return trigger_client_event(response, "counts", counts)


def _context(
    request: AuthenticatedHttpRequest, removed: Removed | None
) -> dict[str, Any]:
    form = PageForm(request.GET)
    before = form.cleaned_data["before"] if form.is_valid() else None
    view = read_wishlist(request.user.pk, before=before)
    if removed and any(line.product_id == removed.product_id for line in view.lines):
        removed = None
    return {
        "view": view,
        # Counted anew: the button has changed what stands in the header.
        "storefront": Storefront(request),
        "undo": sign_removed(removed) if removed else "",
        "removed_name": name_of(removed.product_id) if removed else "",
        "is_fragment": is_fragment(request),
        "nav": "wishlist",
        "account_nav": "wishlist",
    }


def _left_out_text(product_ids: list[int]) -> str:
    products = Product.objects.filter(pk__in=product_ids[:MOST_NAMED])
    names = products.values_list(local_name(), flat=True).order_by("pk")
    listed = ", ".join(map(str, names))
    others = len(product_ids) - MOST_NAMED
    if others <= 0:
        text = _("Not added, because they cannot be bought now: %(names)s.")
        return text % {"names": listed}
    return ngettext(
        "Not added, because they cannot be bought now: %(names)s and %(count)s more.",
        "Not added, because they cannot be bought now: %(names)s and %(count)s more.",
        others,
    ) % {"names": listed, "count": others}
