"""What stands beneath an empty cart: what somebody wished for, and looked at."""

from collections.abc import Collection

from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext as _

from analytics import picks
from catalog.models import Product
from shop.cards import card_rows, render_cards
from shop.observing import audience_of, wants_lists
from shop.recommendations import PLACES, Row, Shown
from shop.storefront import storefront_of


def beside_empty_cart(request: HttpRequest) -> list[Row]:
    """Return the rows of an empty cart; a row with nothing in it is left out."""
    wished = storefront_of(request).wished
    rows = [_row("wishlist", _("On your wishlist"), wished, wished)]
    if wants_lists(request):
        seen = [pick.id for pick in picks.recently_viewed(audience_of(request), PLACES)]
        rows.append(_row("recent", _("Recently viewed"), seen, wished))
    return [row for row in rows if row.items]


def _row(
    source: str, title: str, product_ids: Collection[int], wished: Collection[int]
) -> Row:
    if not product_ids:
        return Row(source, title, [])
    products = (
        Product.objects.on_sale()
        .with_available()
        .filter(pk__in=product_ids, stock__on_hand__gt=F("stock__reserved"))
    )
    found = card_rows(products[:PLACES])
    cards = render_cards(found, wished=wished)
    items = [Shown(row.id, card, "") for row, card in zip(found, cards, strict=True)]
    return Row(source, title, items)
