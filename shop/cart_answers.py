"""What a button of the cart answers: the cart anew, or the page it stands on."""

import secrets
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_htmx.http import trigger_client_event

from cart.merging import Merged
from cart.models import Cart
from cart.services import Removed
from catalog.models import Product
from catalog.texts import local_name
from inventory.models import Hold, Stock
from shop import undoing
from shop.cart_page import CartView, read_cart
from shop.carts import find_cart
from shop.guards import see_other
from shop.kept import email_of
from shop.typing import is_fragment, user_id_of

# Lets whoever removed something put it back as it was.
_UNDO_SALT = "shop.cart.undo"
# Which page made a version of a cart is remembered for so long.
TAB_AGE = 3600  # seconds
TAB_BYTES = 8
LONGEST_VERSION = 18
MOST_MISSED = 20


def cart_view(request: HttpRequest, cart: Cart | None = None) -> CartView:
    """Read the cart of a request, with the coupon that saves most if none is chosen.

    A ``cart`` that was made for it a moment ago, the request does not know yet.
    """
    cart = cart or find_cart(request)
    return read_cart(
        cart,
        user_id=user_id_of(request),
        email=email_of(request),
        coupon_id=cart.coupon_id if cart else None,
        suggests_coupon=cart is not None and not cart.declines_coupons,
    )


def cart_context(request: HttpRequest, undo: str = "") -> dict[str, Any]:
    """Return what the cart's templates show; ``undo`` is of ``sign_removed``."""
    view = cart_view(request)
    removed = read_removed(undo)
    shown = {line.product_id for line in (*view.lines, *view.saved)}
    is_gone = removed is not None and removed.product_id not in shown
    return {
        "view": view,
        "tab": _tab_of(request),
        "undo": undo if is_gone else "",
        "removed_name": name_of(removed.product_id) if removed and is_gone else "",
        "is_fragment": is_fragment(request),
        "nav": "cart",
    }


def after_change(request: HttpRequest, *, is_aside: bool = False) -> HttpResponse:
    """Show the cart as it is now; ``is_aside`` if the button stood outside of it."""
    if not is_fragment(request):
        return see_other(request, reverse("shop:cart"))
    context = cart_context(request) | {"is_aside": is_aside}
    cart = context["view"].cart
    if cart is not None:
        cache.set(_key(cart.pk, cart.version), context["tab"], TAB_AGE)
    response = render(request, "shop/cart/fragment.html", context)
    return trigger_client_event(response, "cart", {"value": context["view"].pieces})


def after_removal(request: HttpRequest, removed: Removed) -> HttpResponse:
    """Show the cart without what was removed, and offer to undo it."""
    undo = sign_removed(removed)
    if not is_fragment(request):
        return see_other(request, f"{reverse('shop:cart')}?undo={undo}")
    detail = {
        "value": _("%(name)s removed.") % {"name": name_of(removed.product_id)},
        "undo": undoing.button(reverse("shop:cart-undo"), {"undo": undo}),
    }
    return trigger_client_event(after_change(request), "toast", detail)


def tell_if_stale(request: HttpRequest, cart: Cart) -> None:
    """Say so if another page has changed the cart since this one showed it.

    Whoever presses quickly sends what their page shows before the last answer is there:
    that is no news to them.
    """
    seen = request.POST.get("version", "")
    if not seen.isdecimal() or len(seen) > LONGEST_VERSION:
        return
    missed = range(int(seen) + 1, cart.version + 1)[:MOST_MISSED]
    made = cache.get_many([_key(cart.pk, version) for version in missed])
    tab = request.POST.get("tab", "")
    if any(made.get(_key(cart.pk, version)) != tab for version in missed):
        messages.warning(
            request,
            _("Your cart was changed in another window. This is how it stands now."),
        )


def _tab_of(request: HttpRequest) -> str:
    return request.POST.get("tab", "")[:TAB_BYTES] or secrets.token_hex(TAB_BYTES // 2)


def _key(cart_id: int, version: int) -> str:
    return f"cart-tab/{cart_id}/{version}"


def tell_merged(request: HttpRequest, merged: Merged) -> None:
    """Say what became of a guest's cart at sign-in, if there was anything in it."""
    if merged.products:
        text = ngettext(
            "Your cart came along: %(count)s product.",
            "Your cart came along: %(count)s products.",
            merged.products,
        )
        messages.info(request, text % {"count": merged.products})
    if merged.cut:
        text = _("Of some products there are fewer left than you had in both carts.")
        messages.warning(request, text)
    if merged.left_out:
        text = ngettext(
            "%(count)s product did not fit into your cart.",
            "%(count)s products did not fit into your cart.",
            merged.left_out,
        )
        messages.warning(request, text % {"count": merged.left_out})


def left_for(request: HttpRequest, product_id: int) -> int:
    """Return how many of a product there are for this shopper, right now."""
    stock = Stock.objects.filter(pk=product_id).first()
    if stock is None:
        return 0
    own = Hold.objects.usable().of(user_id=user_id_of(request), email=email_of(request))
    kept = own.filter(product=product_id).values_list("quantity", flat=True)
    return stock.available + sum(kept)


def name_of(product_id: int) -> str:
    """Return what a product is called in the language of the page."""
    names = Product.objects.filter(pk=product_id).values_list(local_name(), flat=True)
    return str(names.first() or _("This product"))


def sign_removed(removed: Removed) -> str:
    """Return what lets somebody put back what they have just removed."""
    facts = [
        removed.product_id,
        removed.quantity,
        removed.price_when_added,
        removed.is_selected,
        removed.is_saved,
    ]
    return undoing.token(facts, salt=_UNDO_SALT)


def read_removed(token: str) -> Removed | None:
    """Return what was removed; ``None`` if the token is old or not ours."""
    facts = undoing.facts_of(token, salt=_UNDO_SALT)
    return None if facts is None else Removed(*facts)
