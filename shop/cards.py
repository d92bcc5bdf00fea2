"""Product cards: rendered once per language, version and stock, then only joined.

What else a card says is on its key, too: the day on which it would arrive, and whether
whoever looks has saved it. Its buttons belong to forms at the end of the page.

A template costs a hundred times what it costs to look a finished card up, and a list
page has 24 of them. So lists read three numbers per product and no names at all.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.template.loader import get_template
from django.utils import timezone
from django.utils.safestring import SafeString

from catalog.cache import CardKey, cards
from catalog.models import Product, ProductPhoto
from catalog.texts import local_name
from common.languages import reader_language
from delivery.promise import Promise, promise
from shop.storefront import HomeDelivery, home_deliveries

# From this many on the card says "Only 3 left".
LOW_STOCK = 5
PLENTY = LOW_STOCK + 1
FIRST_ROW = 5
CARD_TEMPLATE = "shop/parts/_card.html"
CARD_PARTS = (
    CARD_TEMPLATE,
    "shop/parts/_photo.html",
    "shop/parts/_price.html",
    "shop/parts/_heart.html",
    "shop/parts/_rating.html",
)
STANDARD = "standard"


class CardRow(NamedTuple):
    """What a list reads of each product."""

    id: int
    version: int
    available: int | None


def card_rows(products: QuerySet[Product]) -> list[CardRow]:
    """Run a list's one statement; ``available`` must be annotated."""
    # As strings in a list: the type checker cannot see what was annotated.
    columns = list(CardRow._fields)
    return [CardRow(*row) for row in products.values_list(*columns)]


def render_cards(
    rows: Sequence[CardRow], *, eager: int = 0, wished: Collection[int] = ()
) -> list[SafeString]:
    """Return the card of each row; the first ``eager`` pictures load at once.

    Of those the very first goes before all else: on a phone it is the largest in sight.
    ``wished`` are the ids of the products that whoever looks has saved.
    """
    if not rows:
        return []
    prefix = ("card", card_design(), reader_language())
    days = arrival_key(timezone.now())
    keys: list[CardKey] = [
        (
            *prefix,
            _loading(index, eager),
            "saved" if row.id in wished else "",
            days if (row.available or 0) > 0 else "",
            stock_step(row.available),
            row.id,
            row.version,
        )
        for index, row in enumerate(rows)
    ]
    found = cards(keys, _render)
    # The cache gives back what the template engine has escaped.
    return [SafeString(found[key]) for key in keys]


def arrival_key(now: datetime) -> str:
    """Return when the standard way brings what is ordered now: ``first/last`` day."""
    ways = home_deliveries()
    if not ways:
        return ""
    window = promise(standard_way(ways).schedule, now=now)
    return f"{window.earliest}/{window.latest}"


def standard_way(ways: Sequence[HomeDelivery]) -> HomeDelivery:
    """Return the way of delivery that a shopper gets who chooses none."""
    return next((way for way in ways if way.kind == STANDARD), ways[0])


@cache
def card_design() -> str:
    """Return a mark of the card's markup, so that a release shows its own cards."""
    parts = [get_template(name).template.source for name in CARD_PARTS]  # type: ignore[attr-defined]
    parts += [settings.MEDIA_URL, settings.STATIC_URL, settings.SHOP_CURRENCY]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def stock_step(available: int | None) -> int:
    """Return what a card tells of a stock: 0 is sold out, from PLENTY on nothing."""
    return max(0, min(available or 0, PLENTY))


def stock_note(available: int | None) -> dict[str, Any]:
    """Return what card and product page say about a stock."""
    left = available or 0
    return {"left": left, "is_sold_out": left <= 0, "is_low": 0 < left <= LOW_STOCK}


def first_photo(product: str = "pk") -> Subquery:
    """Annotate a row with the first picture, as JSON, of the product it points to."""
    return Subquery(all_photos(product)[:1])


def all_photos(product: str = "pk") -> QuerySet[ProductPhoto, Any]:
    """Return the pictures of the product a row points to, as JSON, in their order."""
    photos = ProductPhoto.objects.filter(product=OuterRef(product))
    picture = JSONObject(image="image", alt="alt", width="width", height="height")
    return photos.order_by("position", "pk").values(json=picture)


def photo_url(photo: dict[str, Any] | None) -> str:
    """Return the address of a picture read by ``first_photo``."""
    return default_storage.url(photo["image"]) if photo else ""


def _render(keys: Sequence[CardKey]) -> Mapping[CardKey, str]:
    template = get_template(CARD_TEMPLATE)
    facts = _facts(int(key[-2]) for key in keys)
    rendered = {}
    for key in keys:
        *_, loading, wished, days, step, product_id, _version = key
        context = {
            "product": facts[int(product_id)],
            "is_eager": loading != "lazy",
            "is_first": loading == "first",
            "is_wished": bool(wished),
            "arrival": _window(str(days)),
        }
        rendered[key] = template.render(context | stock_note(int(step)))
    return rendered


def _loading(index: int, eager: int) -> str:
    if index >= eager:
        return "lazy"
    return "eager" if index else "first"


def _window(days: str) -> Promise | None:
    return Promise(*map(date.fromisoformat, days.split("/"))) if days else None


def _facts(product_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    products = Product.objects.filter(pk__in=set(product_ids)).values(
        "id",
        "slug",
        "price",
        "compare_at_price",
        "rating_average",
        "rating_count",
        shown_name=local_name(),
        photo=first_photo(),
    )
    return {
        product["id"]: product
        | {"name": product["shown_name"], "photo_url": photo_url(product["photo"])}
        for product in products
    }
