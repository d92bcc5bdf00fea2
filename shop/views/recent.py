"""What somebody looked at lately, and forgetting it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from analytics import picks, privacy
from shop.cards import FIRST_ROW, CardRow, render_cards
from shop.guards import from_our_pages, see_other
from shop.observing import audience_of
from shop.storefront import storefront_of

SHOWN = 48


@require_safe
def recent_page(request: HttpRequest) -> HttpResponse:
    """List what was looked at, the last first; without consent nothing was kept."""
    audience = audience_of(request)
    seen = picks.recently_viewed(audience, SHOWN)
    rows = [CardRow(pick.id, pick.version, pick.available) for pick in seen]
    wished = storefront_of(request).wished
    context = {
        "cards": render_cards(rows, eager=FIRST_ROW, wished=wished),
        "is_kept": audience.actor is not None,
    }
    return render(request, "shop/products/recent.html", context)


@from_our_pages
@require_POST
def clear(request: HttpRequest) -> HttpResponse:
    """Forget what was looked at."""
    actor = audience_of(request).actor
    if actor is not None:
        privacy.forget_views(actor)
        messages.success(request, _("Forgotten."))
    return see_other(request, reverse("shop:recent"))
