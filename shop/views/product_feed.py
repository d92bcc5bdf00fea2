"""The product feed that Google Merchant Center and others fetch.

Its words: https://support.google.com/merchants/answer/7052112.
"""

from collections.abc import Iterator
from io import StringIO
from typing import Any

from django.conf import settings
from django.db.models import F
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from catalog.models import Product
from catalog.texts import local_description, local_name
from common.languages import reader_language
from common.money import to_major
from shop.cards import first_photo, photo_url
from shop.seo.addresses import absolute, in_language
from shop.seo.markup import Xml
from shop.seo.pages import category_path
from shop.seo.structured import OPTION_WORDS
from shop.shelves import find_shelf_by_id
from shop.storefront import HomeDelivery, storefront_of

ROWS = 500
MAX_TITLE, MAX_DESCRIPTION = 150, 5_000
NAMESPACE = {"version": "2.0", "xmlns:g": "http://base.google.com/ns/1.0"}
# As strings in a list: the type checker cannot see what was annotated.
COLUMNS = [
    "pk",
    "sku",
    "slug",
    "price",
    "compare_at_price",
    "category_id",
    "group_id",
    "options",
    "weight_grams",
    "available",
]


@cache_control(public=True, max_age=900)
@require_safe
def google_feed(request: HttpRequest) -> StreamingHttpResponse:
    """Send all products on sale as they are right now, in the asked language."""
    ways = storefront_of(request).delivery_methods
    # Read now: what is sent later no longer knows who reads.
    language = reader_language()
    return StreamingHttpResponse(
        _feed(_products(language), ways, language),
        content_type="application/rss+xml; charset=utf-8",
    )


def _products(language: str) -> Iterator[dict[str, Any]]:
    rows: Iterator[dict[str, Any]] = (
        Product.objects.on_sale()
        .with_available()
        .order_by("pk")
        .values(
            *COLUMNS,
            title=local_name(language=language),
            text=local_description(language=language),
            photo=first_photo(),
            shelf=F("category__name"),
        )
        .iterator(chunk_size=ROWS)
    )
    return rows


def _feed(
    products: Iterator[dict[str, Any]], ways: list[HomeDelivery], language: str
) -> Iterator[str]:
    buffer = StringIO()
    xml = Xml(buffer)
    with xml.element("rss", NAMESPACE), xml.element("channel"):
        xml.fact("title", settings.SHOP_NAME)
        xml.fact("link", in_language("/", language))
        xml.fact("description", settings.SHOP_NAME)
        for product in products:
            with xml.element("item"):
                _write_item(xml, product, ways, language)
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _write_item(
    xml: Xml, product: dict[str, Any], ways: list[HomeDelivery], language: str
) -> None:
    for name, value in _facts(product, language):
        if value:
            xml.fact(f"g:{name}", str(value))
    for way in ways:
        is_free = way.free_from is not None and product["price"] >= way.free_from
        with xml.element("g:shipping"):
            xml.fact("g:country", settings.SHOP_COUNTRY)
            xml.fact("g:service", way.name)
            xml.fact("g:price", _price(0 if is_free else way.cost))


def _facts(product: dict[str, Any], language: str) -> Iterator[tuple[str, Any]]:
    page = reverse("shop:product", args=[product["slug"], product["pk"]])
    before = product["compare_at_price"]
    yield "id", product["sku"]
    yield "title", product["title"][:MAX_TITLE]
    yield "description", (product["text"] or product["title"])[:MAX_DESCRIPTION]
    yield "link", in_language(page, language)
    picture = photo_url(product["photo"])
    yield "image_link", absolute(picture) if picture else ""
    yield "availability", _availability(product["available"])
    yield "price", _price(before or product["price"])
    yield "sale_price", _price(product["price"]) if before else ""
    yield "condition", "new"
    yield "brand", settings.SHOP_NAME
    yield "mpn", product["sku"]
    yield "product_type", _shelf_path(product)
    yield "item_group_id", product["group_id"]
    weight = product["weight_grams"]
    yield "shipping_weight", f"{weight} g" if weight else ""
    for key, value in product["options"].items():
        if key in OPTION_WORDS:
            yield OPTION_WORDS[key], value


def _availability(available: int | None) -> str:
    return "in_stock" if (available or 0) > 0 else "out_of_stock"


def _shelf_path(product: dict[str, Any]) -> str:
    shelf = find_shelf_by_id(product["category_id"])
    if shelf is None:
        return str(product["shelf"])
    return category_path(shelf)


def _price(amount: int) -> str:
    return f"{to_major(amount)} {settings.SHOP_CURRENCY}"
