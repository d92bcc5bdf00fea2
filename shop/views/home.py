"""The front page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString

from analytics.selectors import BestSellers, best_sellers
from catalog.models import Product
from shop.cards import FIRST_ROW, card_rows, first_photo, photo_url, render_cards
from shop.memo import Memo
from shop.recommendations import at_home
from shop.typing import user_id_of
from shop.views.coupons import tickets

NEW_ARRIVALS = 10
TEASERS = 3
HERO_PHOTOS = 3

_hero: Memo[str, list[str]] = Memo(seconds=60, size=1)


def home_page(request: HttpRequest) -> HttpResponse:
    """Show what sells, what can be had for less, and what is new."""
    new = Product.objects.on_sale().with_available().order_by("-created_at", "-id")
    best = best_sellers()
    context = {
        "hero": hero_photos(best),
        "best": ranked_cards(best),
        "tickets": tickets(user_id_of(request), limit=TEASERS),
        "new": render_cards(card_rows(new[:NEW_ARRIVALS])),
        "own_rows": at_home(request),
        "nav": "home",
    }
    return render(request, "shop/home.html", context)


def hero_photos(best: BestSellers) -> list[str]:
    """Return the pictures of the three best sellers; they may be a minute old."""
    return _hero.get_or_make("hero", lambda: _load_hero(best))


def ranked_cards(best: BestSellers) -> list[SafeString]:
    """Return the cards of a ranking, in its order."""
    ids = [item.product_id for item in best.items]
    found = Product.objects.on_sale().with_available().filter(pk__in=ids)
    rows = {row.id: row for row in card_rows(found)} if ids else {}
    return render_cards([rows[pk] for pk in ids if pk in rows], eager=FIRST_ROW)


def _load_hero(best: BestSellers) -> list[str]:
    ids = [item.product_id for item in best.items[:HERO_PHOTOS]]
    photos = Product.objects.filter(pk__in=ids).values("pk", photo=first_photo())
    urls = {row["pk"]: photo_url(row["photo"]) for row in photos}
    return [urls[pk] for pk in ids if urls.get(pk)]
