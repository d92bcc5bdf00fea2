"""The views that the shop's own are compared with; only benchmarks serve them."""

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import orjson
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.renderers import JSONRenderer

from catalog.models import Product
from shop import listing
from shop.cards import CARD_TEMPLATE, photo_url, render_cards, stock_note
from shop.listing import rows_of
from shop.views import list_page, search
from shop.views.list_page import kept_markup

PAGE = 20
JSON = "application/json"

# What no view of a list can do without, and nothing else.
RAW_SQL = """
    SELECT product.id, sku, slug, name, price, compare_at_price, category_id,
           rating_average::float8, rating_count, stock.on_hand - stock.reserved,
           (SELECT image FROM catalog_productphoto AS photo
             WHERE photo.product_id = product.id ORDER BY position, id LIMIT 1)
      FROM catalog_product AS product
      JOIN inventory_stock AS stock ON stock.product_id = product.id
     WHERE published_at <= now() ORDER BY created_at DESC, product.id DESC LIMIT 21
"""
NAMES = (
    *("id", "sku", "slug", "name", "price", "compare_at_price", "category_id"),
    *("rating_average", "rating_count", "available", "thumbnail"),
)


def bare(_request: HttpRequest) -> HttpResponse:
    """Answer with a list's bytes and ask nobody."""
    return HttpResponse(_bare_bytes, JSON)


_bare_bytes = b'{"items":[' + b",".join([b'{"name":"%s"}' % (b"x" * 260)] * 20) + b"]}"


def raw_list(_request: HttpRequest) -> HttpResponse:
    """List products by one statement and no framework."""
    with connection.cursor() as cursor:
        cursor.execute(RAW_SQL)
        rows = cursor.fetchall()
    items = [dict(zip(NAMES, row, strict=True)) for row in rows[:PAGE]]
    return HttpResponse(orjson.dumps({"items": items}), JSON)


class ProductSerializer(serializers.ModelSerializer[Product]):
    available = serializers.IntegerField(source="stock.available")
    thumbnail = serializers.SerializerMethodField()

    class Meta:
        model = Product
        fields = (
            *("id", "sku", "slug", "name", "price", "compare_at_price", "category_id"),
            *("rating_average", "rating_count", "available", "thumbnail"),
        )

    def get_thumbnail(self, product: Product) -> str | None:
        photos = list(product.photos.all())
        return photos[0].image.url if photos else None


class Pages(LimitOffsetPagination):
    default_limit = PAGE


class SerializedList(ListAPIView[Product]):
    """List products the way the REST framework's tutorial does."""

    authentication_classes = []
    permission_classes = []
    renderer_classes = [JSONRenderer]
    pagination_class = Pages
    serializer_class = ProductSerializer
    queryset = (
        Product.objects.on_sale()
        .select_related("stock")
        .prefetch_related("photos")
        .order_by("-created_at", "-id")
    )


def plain_page(request: HttpRequest) -> HttpResponse:
    """Show the shop's own list page with each card rendered by its template."""
    token = _is_plain.set(True)
    try:
        return search.product_list(request)
    finally:
        _is_plain.reset(token)


_is_plain = ContextVar("is_plain", default=False)


def _read(product_ids: Sequence[int]) -> Sequence[Any]:
    if not _is_plain.get():
        return rows_of(product_ids)
    found = (
        Product.objects.on_sale()
        .with_available()
        .filter(pk__in=product_ids)
        .select_related("category")
        .prefetch_related("photos")
    )
    products = {product.pk: product for product in found}
    return [products[pk] for pk in product_ids]


def _kept(page: list_page.ListPage) -> SafeString:
    return page.markup(list_page.LISTING) if _is_plain.get() else kept_markup(page)


def _render(rows: Sequence[Any], **options: Any) -> Sequence[SafeString]:
    if not _is_plain.get():
        return render_cards(rows, **options)
    return [_card(product) for product in rows]


def _card(product: Any) -> SafeString:
    photo = next(iter(product.photos.all()), None)
    facts = {
        "product": {
            "id": product.pk,
            "slug": product.slug,
            "name": product.name,
            "price": product.price,
            "compare_at_price": product.compare_at_price,
            "rating_average": product.rating_average,
            "rating_count": product.rating_count,
            "photo": photo,
            "photo_url": photo_url({"image": photo.image.name}) if photo else "",
        },
        **stock_note(product.available),
    }
    return render_to_string(CARD_TEMPLATE, facts)


# The page itself stays the shop's, whatever becomes of it.
setattr(listing, "rows_of", _read)  # noqa: B010 — mypy knows it as another's
setattr(list_page, "render_cards", _render)  # noqa: B010 — the same
setattr(search, "kept_markup", _kept)  # noqa: B010 — the same
