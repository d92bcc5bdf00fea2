"""What stands below the search field while somebody types."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from catalog import search
from catalog.models import Product
from catalog.search import Prediction
from shop.asked import MAX_TEXT
from shop.cards import first_photo, photo_url
from shop.shelves import find_shelf_by_id

SHORTEST = 2
QUERIES, PRODUCTS, CATEGORIES = 8, 3, 3


def suggest(text: str) -> dict[str, Any]:
    """Return texts, categories and products for what was typed so far."""
    found = search.suggest(text[:MAX_TEXT], limit=QUERIES)
    shelves = [find_shelf_by_id(hit.id) for hit in found.categories[:CATEGORIES]]
    return {
        "queries": [_query(one) for one in found.queries[:QUERIES]],
        "shelves": [shelf for shelf in shelves if shelf is not None],
        "products": _products(found.product_ids[:PRODUCTS]),
    }


def _query(prediction: Prediction) -> dict[str, Any]:
    return {
        "text": prediction.text,
        "pieces": prediction.pieces,
        "url": f"{reverse('shop:search')}?{urlencode({'q': prediction.text})}",
    }


def _products(product_ids: Sequence[int]) -> list[dict[str, Any]]:
    if not product_ids:
        return []
    rows = (
        Product.objects.on_sale()
        .filter(pk__in=product_ids)
        .values("id", "slug", "name", "price", photo=first_photo())
    )
    known = {row["id"]: row | {"photo_url": photo_url(row["photo"])} for row in rows}
    return [known[pk] for pk in product_ids if pk in known]
