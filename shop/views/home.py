"""The front page."""

from collections.abc import Collection, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics.selectors import BestSeller, BestSellers, best_sellers, popular
from catalog.models import Product
from common.db import run
from common.memo import Memo
from shop.cards import (
    FIRST_ROW,
    CardRow,
    card_rows,
    first_photo,
    photo_url,
    render_cards,
)
from shop.drops import tickets
from shop.recommendations import at_home
from shop.seo.pages import home_facts
from shop.storefront import storefront_of
from shop.typing import user_id_of

PLACES = 5
NEW_ARRIVALS = 10
TEASERS = 3
HERO_PHOTOS = 3
MONTH = 30  # days

# What sells, what is reduced most and what is newest: the rows that all shoppers see.
SHELVES_SQL = """
    WITH chosen (shelf, place, id) AS (
        SELECT 'best', place, id
          FROM unnest(%(best)s::bigint[]) WITH ORDINALITY AS best (id, place)
         UNION ALL
        SELECT 'sale', row_number() OVER (ORDER BY rate, id DESC), id FROM (
            SELECT product.id, product.price::float8 / product.compare_at_price AS rate
              FROM catalog_product AS product
              JOIN inventory_stock AS stock ON stock.product_id = product.id
             WHERE product.published_at <= now() AND stock.on_hand > stock.reserved
               AND product.compare_at_price IS NOT NULL
             ORDER BY rate, product.id DESC LIMIT %(sale)s) AS reduced
         UNION ALL
        SELECT 'new', row_number() OVER (ORDER BY created_at DESC, id DESC), id FROM (
            SELECT id, created_at FROM catalog_product
             WHERE published_at <= now()
             ORDER BY created_at DESC, id DESC LIMIT %(new)s) AS newest
    )
    SELECT chosen.shelf, product.id, product.version, stock.on_hand - stock.reserved
      FROM chosen
      JOIN catalog_product AS product USING (id)
      LEFT JOIN inventory_stock AS stock ON stock.product_id = product.id
     WHERE product.published_at <= now()
     ORDER BY chosen.shelf, chosen.place
"""

_hero: Memo[str, list[dict[str, Any]]] = Memo(seconds=60, size=1)


def home_page(request: HttpRequest) -> HttpResponse:
    """Show what sells, what can be had for less, and what is new."""
    best, wished = best_sellers(), storefront_of(request).wished
    sellers = best.items or popular(limit=PLACES, days=MONTH)
    shelves = _shelves([seller.product_id for seller in sellers])
    hero = hero_photos(sellers)
    context = {
        "hero": hero,
        "best_title": _best_title(best),
        "best": render_cards(shelves["best"], eager=FIRST_ROW, wished=wished),
        "sale": render_cards(shelves["sale"], wished=wished),
        "new": render_cards(shelves["new"], wished=wished),
        "tickets": tickets(user_id_of(request), limit=TEASERS),
        "own": at_home(request),
        "facts": home_facts(hero[0]["url"] if hero else ""),
        "nav": "home",
    }
    return render(request, "shop/home.html", context)


def hero_photos(sellers: Sequence[BestSeller]) -> list[dict[str, Any]]:
    """Return the pictures of the three best sellers; they may be a minute old."""
    return _hero.get_or_make("hero", lambda: _load_hero(sellers))


def ranked_cards(
    best: BestSellers, *, wished: Collection[int] = ()
) -> list[SafeString]:
    """Return the cards of a ranking, in its order."""
    ids = [item.product_id for item in best.items]
    found = Product.objects.on_sale().with_available().filter(pk__in=ids)
    rows = {row.id: row for row in card_rows(found)} if ids else {}
    shown = [rows[pk] for pk in ids if pk in rows]
    return render_cards(shown, eager=FIRST_ROW, wished=wished)


def _best_title(best: BestSellers) -> str:
    return _("Best of the last 3 days") if best.items else _("Popular this month")


def _shelves(best_ids: Sequence[int]) -> dict[str, list[CardRow]]:
    sizes = {"best": list(best_ids), "sale": PLACES, "new": NEW_ARRIVALS}
    shelves: dict[str, list[CardRow]] = {"best": [], "sale": [], "new": []}
    for shelf, *row in run(SHELVES_SQL, sizes).rows():
        shelves[shelf].append(CardRow(*row))
    return shelves


def _load_hero(sellers: Sequence[BestSeller]) -> list[dict[str, Any]]:
    ids = [seller.product_id for seller in sellers[:HERO_PHOTOS]]
    found = Product.objects.filter(pk__in=ids).values("pk", photo=first_photo())
    photos = {row["pk"]: row["photo"] for row in found if row["photo"]}
    return [
        {"photo": photos[pk], "url": photo_url(photos[pk])}
        for pk in ids
        if pk in photos
    ]
