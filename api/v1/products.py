"""The catalogue: one product, its exact stock, what sells best."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypedDict

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from analytics.selectors import BEST_SELLERS, best_sellers
from api.errors import QueryInvalid
from api.fields import Input, clean_query
from api.schema import operation
from api.shapes import MoneyJson, money, money_or_none
from api.views import PublicView, cacheable
from catalog.errors import ProductNotFound
from catalog.models import Category, Product

# The stock stands in the list as it is at the moment of the question.
CARD_COLUMNS = """
           product.id, product.sku, product.slug, product.name, product.price,
           product.compare_at_price, product.category_id,
           product.rating_average::float8, product.rating_count,
           coalesce(stock.on_hand - stock.reserved, 0),
           (SELECT image FROM catalog_productphoto AS photo
             WHERE photo.product_id = product.id ORDER BY position, id LIMIT 1),
           product.created_at::text"""
CARDS_SQL = f"""
    SELECT {CARD_COLUMNS}
      FROM catalog_product AS product
      LEFT JOIN inventory_stock AS stock ON stock.product_id = product.id
"""  # noqa: S608 — our own text
CARD_SQL = f"{CARDS_SQL} WHERE product.published_at <= now()"
DETAIL_SQL = f"""
    SELECT {CARD_COLUMNS},
           product.description, product.options::json, product.weight_grams,
           category.name, category.slug,
           (SELECT json_agg(json_build_object('image', image, 'alt', alt,
                   'width', width, 'height', height) ORDER BY position, photo.id)
              FROM catalog_productphoto AS photo WHERE photo.product_id = product.id)
      FROM catalog_product AS product
      JOIN catalog_category AS category ON category.id = product.category_id
      LEFT JOIN inventory_stock AS stock ON stock.product_id = product.id
     WHERE product.published_at <= now() AND product.id = %(id)s
"""  # noqa: S608 — our own text
FAMILY_SQL = """
    WITH RECURSIVE family AS (
        SELECT id FROM catalog_category WHERE slug = %s
         UNION ALL
        SELECT child.id FROM catalog_category AS child
          JOIN family ON child.parent_id = family.id
    )
    SELECT id FROM family
"""


class RatingJson(TypedDict):
    """What buyers gave on average, from 1 to 5, and how many did."""

    average: float | None
    count: int


class ProductCardJson(TypedDict):
    """A product in a list; ``available`` is exact at the moment of the question."""

    id: int
    sku: str
    slug: str
    name: str
    price: MoneyJson
    compare_at_price: MoneyJson | None
    category_id: int
    available: int
    rating: RatingJson
    thumbnail: str | None


class PhotoJson(TypedDict):
    """A picture, with words for those who cannot see it."""

    url: str
    alt: str
    width: int
    height: int


class CategoryNameJson(TypedDict):
    """The shelf a product stands on."""

    id: int
    name: str
    slug: str


class ProductJson(ProductCardJson):
    """Everything about one product."""

    description: str
    options: dict[str, Any]
    weight_grams: int
    category: CategoryNameJson
    photos: list[PhotoJson]


class StockJson(TypedDict):
    """How much of a product is left right now."""

    product_id: int
    available: int


class CategoryJson(TypedDict):
    """A shelf, and the shelves in it."""

    id: int
    name: str
    slug: str
    children: list["CategoryJson"]


class CategoriesJson(TypedDict):
    """The shelves that stand directly in the shop."""

    items: list[CategoryJson]


class DaysJson(TypedDict):
    """Shop days, the first and the last one included."""

    first_day: date
    last_day: date


class BestSellerJson(TypedDict):
    """A product and how many of it were sold and kept."""

    rank: int
    units: int
    product: ProductCardJson


class BestSellersJson(TypedDict):
    """What sold best, when, and when it was last counted."""

    items: list[BestSellerJson]
    window: DaysJson
    computed_at: datetime | None


class BestQuery(Input):
    days = serializers.IntegerField(
        min_value=1, max_value=90, default=settings.BEST_SELLER_DAYS
    )
    limit = serializers.IntegerField(min_value=1, max_value=100, default=BEST_SELLERS)
    category = serializers.CharField(
        max_length=100, required=False, help_text="The slug; shelves below it count."
    )


BEST_QUERY = BestQuery()


class ProductView(PublicView):
    """One product."""

    @operation("products_retrieve", "Show a product", reply={200: ProductJson})
    def get(self, request: Request, product_id: int) -> HttpResponse:
        """Show a product with its pictures and its exact stock."""
        rows = read(DETAIL_SQL, {"id": product_id})
        if not rows:
            raise ProductNotFound
        return cacheable(request, _detail(rows[0]))


class ProductStockView(PublicView):
    """The stock of one product."""

    @operation("products_stock", "Ask for the stock", reply={200: StockJson})
    def get(self, request: Request, product_id: int) -> HttpResponse:
        """Tell how much is left at this very moment."""
        product = (
            Product.objects.on_sale().filter(pk=product_id).select_related("stock")
        ).first()
        if product is None:
            raise ProductNotFound
        stock = getattr(product, "stock", None)
        body: StockJson = {
            "product_id": product_id,
            "available": stock.available if stock else 0,
        }
        return cacheable(request, body)


class BestSellersView(PublicView):
    """What sells best."""

    @operation(
        "products_best",
        "Show the best sellers",
        query=BEST_QUERY,
        reply={200: BestSellersJson},
    )
    def get(self, request: Request) -> HttpResponse:
        """Rank the products that sold most in the last days, today included."""
        asked = clean_query(BEST_QUERY, request)
        category = asked.get("category")
        best = best_sellers(
            days=asked["days"],
            limit=asked["limit"],
            categories=family_of(category) if category else None,
        )
        cards = cards_of([item.product_id for item in best.items])
        body: BestSellersJson = {
            "items": [
                {
                    "rank": item.rank,
                    "units": item.units,
                    "product": cards[item.product_id],
                }
                for item in best.items
                if item.product_id in cards
            ],
            "window": {"first_day": best.first_day, "last_day": best.last_day},
            "computed_at": best.computed_at,
        }
        return cacheable(request, body)


class CategoryListView(PublicView):
    """The shelves of the shop."""

    cache_control = "public, max-age=60"

    @operation("categories_list", "List categories", reply={200: CategoriesJson})
    def get(self, request: Request) -> HttpResponse:
        """List all categories, as a tree."""
        below: dict[int | None, list[CategoryJson]] = {}
        nodes: dict[int, CategoryJson] = {}
        rows = Category.objects.order_by("position", "id").values_list(
            "id", "parent_id", "name", "slug"
        )
        for category_id, parent_id, name, slug in rows:
            children = below.setdefault(category_id, [])
            nodes[category_id] = {
                "id": category_id,
                "name": name,
                "slug": slug,
                "children": children,
            }
            below.setdefault(parent_id, []).append(nodes[category_id])
        body: CategoriesJson = {"items": below.get(None, [])}
        return cacheable(request, body)


def card(row: Sequence[Any]) -> ProductCardJson:
    """Render a row of ``CARD_SQL``."""
    return {
        "id": row[0],
        "sku": row[1],
        "slug": row[2],
        "name": row[3],
        "price": money(row[4]),
        "compare_at_price": money_or_none(row[5]),
        "category_id": row[6],
        "rating": {"average": row[7], "count": row[8]},
        "available": row[9],
        "thumbnail": _media_url(row[10]) if row[10] else None,
    }


def cards_of(product_ids: Sequence[int]) -> dict[int, ProductCardJson]:
    """Return the cards of products that are on sale, by id."""
    sql = f"{CARD_SQL} AND product.id = ANY(%(ids)s)"
    rows = read(sql, {"ids": list(product_ids)}) if product_ids else []
    return {row[0]: card(row) for row in rows}


def _detail(row: Sequence[Any]) -> ProductJson:
    description, options, weight, category_name, category_slug, photos = row[12:]
    return {
        **card(row),
        "description": description,
        "options": options,
        "weight_grams": weight,
        "category": {"id": row[6], "name": category_name, "slug": category_slug},
        "photos": [
            {
                "url": _media_url(photo["image"]),
                "alt": photo["alt"],
                "width": photo["width"],
                "height": photo["height"],
            }
            for photo in photos or ()
        ],
    }


@lru_cache(maxsize=10_000)
def _media_url(name: str) -> str:
    # Pictures are public files: what lies at an address never changes.
    return default_storage.url(name)


def family_of(slug: str) -> list[int]:
    """Return the ids of a category and of all below it."""
    with connection.cursor() as cursor:
        cursor.execute(FAMILY_SQL, [slug])
        family = [category_id for (category_id,) in cursor.fetchall()]
    if not family:
        raise QueryInvalid({"category": ["There is no such category."]}, "not_found")
    return family


def read(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
