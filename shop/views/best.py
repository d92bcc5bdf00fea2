"""The ranking: what sold best, in which days, and how that has changed."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from analytics.selectors import BEST_SELLERS, BestSellers, best_sellers, places_before
from catalog.models import Product
from shop.cards import FIRST_ROW, card_rows, render_cards
from shop.seo.pages import list_facts
from shop.shelves import Shelf, top_shelves
from shop.storefront import storefront_of

# Name in the address, label, shop days, places.
WINDOWS = (
    ("", _("3 days"), settings.BEST_SELLER_DAYS, BEST_SELLERS),
    ("week", _("Week"), 7, 20),
    ("month", _("Month"), 30, 20),
)
# Of how many units a shopper is told; exact numbers are the shop's own business.
BUCKETS = (1_000, 500, 200, 100, 50, 20, 10, 5)


@dataclass(frozen=True, slots=True)
class Place:
    """A rank, its card, and where the product stood before; ``None`` is nowhere."""

    rank: int
    before: int | None
    bucket: int
    card: SafeString

    @property
    def moved(self) -> int:
        """How many places it went up; below zero is down."""
        return 0 if self.before is None else self.before - self.rank

    @property
    def fell(self) -> int:
        return -self.moved


def best_page(request: HttpRequest) -> HttpResponse:
    """Show the best sellers of some shop days, of the shop or of a category."""
    asked = request.GET.get("window", "")
    window = next((one for one in WINDOWS if one[0] == asked), None)
    shelf = _shelf(request.GET.get("category", ""))
    if window is None:
        raise Http404
    name, _label, days, limit = window
    family = shelf.family if shelf else None
    best = best_sellers(days=days, limit=limit, categories=family)
    before = places_before(best, categories=family)
    places = ranked(best, before, wished=storefront_of(request).wished)
    context: dict[str, Any] = {
        "best": best,
        "places": places,
        "shown_cards": [place.card for place in places],
        "facts": list_facts(str(_("Best sellers")), len(places), shelf),
        # A shop without a past has nothing to compare with.
        "has_past": bool(before),
        "is_short": 0 < len(best.items) < BEST_SELLERS,
        "windows": [one[:2] for one in WINDOWS],
        "window": name,
        "shelves": top_shelves(),
        "shelf": shelf,
        "nav": "best",
    }
    return render(request, "shop/products/best.html", context)


def ranked(
    best: BestSellers, before: dict[int, int], *, wished: Collection[int] = ()
) -> list[Place]:
    """Return the places of a ranking with their cards."""
    ids = [item.product_id for item in best.items]
    found = Product.objects.on_sale().with_available().filter(pk__in=ids)
    rows = {row.id: row for row in card_rows(found)} if ids else {}
    items = [item for item in best.items if item.product_id in rows]
    shown = [rows[item.product_id] for item in items]
    cards = render_cards(shown, eager=FIRST_ROW, wished=wished)
    return [
        Place(
            rank=item.rank,
            before=before.get(item.product_id),
            bucket=next((size for size in BUCKETS if item.units >= size), 0),
            card=card,
        )
        for item, card in zip(items, cards, strict=True)
    ]


def _shelf(slug: str) -> Shelf | None:
    if not slug:
        return None
    shelf = next((one for one in top_shelves() if one.slug == slug), None)
    if shelf is None:
        raise Http404
    return shelf
