"""The catalogue: one product, its exact stock, what sells best."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any, Literal, NotRequired, TypedDict

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.selectors import usual_address
from analytics.selectors import BEST_SELLERS, BestSeller, best_sellers
from api.errors import QueryInvalid
from api.fields import Input, clean_query
from api.schema import operation
from api.shapes import MoneyJson, money, money_or_none
from api.sparse import Names
from api.v1.product_extras import EXPANSIONS, expanded
from api.v1.reviews import ReviewJson
from api.views import GuestView, PublicView, cacheable
from catalog.errors import ProductGone, ProductNotFound
from catalog.models import Product
from catalog.texts import local
from checkout import services as checkout
from checkout.services import Purchase
from common import pictures
from common.db import run
from common.languages import reader_language
from common.memo import Memo
from common.replica import reading
from delivery import selectors as deliveries
from delivery.promise import promise
from delivery.terms import DeliveryTerms

SEES_REVENUE = "analytics.view_dailysales"
# Shown from here and charged from the table.
_ways: Memo[tuple[str, ...], list[DeliveryTerms]] = Memo(seconds=60, size=500)

# What products are called and said to be in the reader's language, if somebody said so.
_LOCAL = """coalesce((SELECT nullif(text.{column}, '') FROM catalog_producttext AS text
                      WHERE text.product_id = product.id
                        AND text.language = %(language)s), product.{column})"""
# The stock stands in the list as it is at the moment of the question.
_COLUMNS = """
           product.id, product.sku, product.slug, {name}, product.price,
           product.compare_at_price, product.category_id,
           product.rating_average::float8, product.rating_count,
           coalesce(stock.on_hand - stock.reserved, 0),
           (SELECT image FROM catalog_productphoto AS photo
             WHERE photo.product_id = product.id ORDER BY position, id LIMIT 1),
           product.created_at::text"""
_CARDS_SQL = f"""
    SELECT {_COLUMNS}
      FROM catalog_product AS product
      LEFT JOIN inventory_stock AS stock ON stock.product_id = product.id
"""  # noqa: S608 — our own text
_DETAIL_SQL = f"""
    SELECT {_COLUMNS},
           {{description}}, product.options::json, product.weight_grams,
           category.name, category.slug,
           (SELECT json_agg(json_build_object('image', image, 'alt', alt,
                   'width', width, 'height', height) ORDER BY position, photo.id)
              FROM catalog_productphoto AS photo WHERE photo.product_id = product.id)
      FROM catalog_product AS product
      JOIN catalog_category AS category ON category.id = product.category_id
      LEFT JOIN inventory_stock AS stock ON stock.product_id = product.id
     WHERE product.published_at <= now() AND product.id = %(id)s
"""  # noqa: S608 — our own text
# It was on sale once: somebody bought, reviewed or wished for it, or has it in a cart.
WAS_SOLD_SQL = """
    SELECT EXISTS (SELECT FROM orders_orderline WHERE product_id = %(id)s)
        OR EXISTS (SELECT FROM wishlist_wishlistitem WHERE product_id = %(id)s)
        OR EXISTS (SELECT FROM cart_cartitem WHERE product_id = %(id)s)
        OR EXISTS (SELECT FROM catalog_product
                    WHERE id = %(id)s AND archived_at IS NOT NULL)
"""
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


class RenditionJson(TypedDict):
    """A picture in one size and format; take the smallest that is large enough."""

    url: str
    width: int
    media_type: Literal["image/avif", "image/webp"]


class PhotoJson(TypedDict):
    """A picture, with words for those who cannot see it."""

    url: str
    alt: str
    width: int
    height: int
    renditions: list[RenditionJson]


class AttributeJson(TypedDict):
    """One of the ``options``, in words of the reader's language."""

    name: str
    label: str
    value: str


class DeliveryHintJson(TypedDict):
    """A way that one piece could take: to the usual address, else within the country.

    A minute old at most; `POST /delivery/quotes` prices a parcel exactly.
    """

    code: str
    name: str
    cost: MoneyJson
    free_from: MoneyJson | None
    date_from: date
    date_to: date


class CategoryNameJson(TypedDict):
    """The shelf a product stands on."""

    id: int
    name: str
    slug: str


class ProductJson(ProductCardJson):
    """Everything about one product.

    ``personal_price`` is what one piece costs who is signed in, promotions of theirs
    included and no coupon; null for guests.
    """

    description: str
    options: dict[str, Any]
    attributes: list[AttributeJson]
    weight_grams: int
    category: CategoryNameJson
    photos: list[PhotoJson]
    delivery: list[DeliveryHintJson]
    personal_price: MoneyJson | None


class ExpandedProductJson(ProductJson):
    """A product with what ``expand`` names."""

    reviews: NotRequired[list[ReviewJson]]
    related: NotRequired[list[ProductCardJson]]


class StockJson(TypedDict):
    """How much of a product is left right now."""

    product_id: int
    available: int


class DaysJson(TypedDict):
    """Shop days, the first and the last one included."""

    first_day: date
    last_day: date


class BestSellerJson(TypedDict):
    """A product and how many of it were sold and kept; staff see what that brought."""

    rank: int
    units: int
    product: ProductCardJson
    revenue: NotRequired[MoneyJson]


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


class DetailQuery(Input):
    expand = Names(EXPANSIONS, help_text="Show that, too, ten at most.")


BEST_QUERY = BestQuery()
DETAIL_QUERY = DetailQuery()


class OpenView(PublicView):
    """The same for everybody but those who say who they are."""

    # Looked at only if there is something to look at: guests' answers are for all.
    def get_authenticators(self) -> list[BaseAuthentication]:
        sent = getattr(self.request, "META", {}).keys()
        if not sent & {"HTTP_AUTHORIZATION", "HTTP_COOKIE"}:
            return []
        return [one() for one in GuestView.authentication_classes]

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "private, no-cache")
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(response, ["Authorization", "Cookie"])
        return response


class ProductView(OpenView):
    """One product."""

    @operation(
        "products_retrieve",
        "Show a product",
        query=DETAIL_QUERY,
        reply={200: ExpandedProductJson},
        problems=(410,),
    )
    def get(self, request: Request, product_id: int) -> HttpResponse:
        """Show a product with its pictures and its exact stock.

        `product_gone`: it was sold here once, and is not any more.
        """
        rows = read_prepared(_by_language(_DETAIL_SQL), {"id": product_id})
        if not rows:
            [(was_sold,)] = read(WAS_SOLD_SQL, {"id": product_id})
            raise ProductGone if was_sold else ProductNotFound
        body: Any = _detail(rows[0], request.user.pk)
        # Most requests have no query: nothing is read of it for them.
        if request.META.get("QUERY_STRING"):
            asked = clean_query(DETAIL_QUERY, request)
            body |= expanded(product_id, asked.get("expand", ()), cards_of)
        return cacheable(request, body)


class ProductStockView(PublicView):
    """The stock of one product."""

    cache_control = "public, max-age=1"

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


class BestSellersView(OpenView):
    """What sells best."""

    cache_control = "public, max-age=60"

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
        # Asked first: shoppers are spared two statements.
        is_staff = getattr(request.user, "is_staff", False)
        is_for_staff = is_staff and request.user.has_perm(SEES_REVENUE)
        body: BestSellersJson = {
            "items": [
                _best_seller(item, cards[item.product_id], is_for_staff=is_for_staff)
                for item in best.items
                if item.product_id in cards
            ],
            "window": {"first_day": best.first_day, "last_day": best.last_day},
            "computed_at": best.computed_at,
        }
        return cacheable(request, body)


def card(row: Sequence[Any]) -> ProductCardJson:
    """Render a row of ``cards_sql``."""
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
        "thumbnail": _thumbnail(row[10]) if row[10] else None,
    }


def cards_of(product_ids: Sequence[int]) -> dict[int, ProductCardJson]:
    """Return the cards of products that are on sale, by id."""
    sql = f"{cards_sql()} WHERE product.published_at <= now()"
    rows = (
        read_prepared(f"{sql} AND product.id = ANY(%(ids)s)", {"ids": [*product_ids]})
        if product_ids
        else []
    )
    return {row[0]: card(row) for row in rows}


def cards_sql() -> str:
    """Return the statement whose rows ``card`` renders, yet without a condition."""
    return _by_language(_CARDS_SQL)


@cache
def _spoken(sql: str, *, is_own_language: bool) -> str:
    texts = "product.{column}" if is_own_language else _LOCAL
    return sql.format(
        name=texts.format(column="name"), description=texts.format(column="description")
    )


def _by_language(sql: str) -> str:
    # The shop's own language, which most read, stands in the rows themselves.
    is_own = reader_language() == settings.LANGUAGE_CODE
    return _spoken(sql, is_own_language=is_own)


def _best_seller(
    item: BestSeller, product: ProductCardJson, *, is_for_staff: bool
) -> BestSellerJson:
    shown: BestSellerJson = {
        "rank": item.rank,
        "units": item.units,
        "product": product,
    }
    return {**shown, "revenue": money(item.revenue)} if is_for_staff else shown


def _detail(row: Sequence[Any], user_id: int | None) -> ProductJson:
    description, options, weight, category_name, category_slug, photos = row[12:]
    return {
        **card(row),
        "description": description,
        "options": options,
        "attributes": [
            {"name": name, "label": local(name), "value": local(str(value))}
            for name, value in options.items()
        ],
        "weight_grams": weight,
        "category": {"id": row[6], "name": local(category_name), "slug": category_slug},
        "photos": [_photo(photo, row[3]) for photo in photos or ()],
        "delivery": _delivery(user_id, weight, row[4]),
        "personal_price": None if user_id is None else _personal_price(user_id, row[0]),
    }


def _photo(photo: dict[str, Any], name: str) -> PhotoJson:
    # What a picture shows is told in the shop's own language; others get the name.
    is_own = reader_language() == settings.LANGUAGE_CODE
    return {
        "url": _media_url(photo["image"]),
        "alt": photo["alt"] if is_own else name,
        "width": photo["width"],
        "height": photo["height"],
        "renditions": [
            {
                "url": _media_url(member),
                "width": width,
                "media_type": pictures.FORMATS[extension],  # type: ignore[typeddict-item]  # of two
            }
            for width, extension, member in pictures.members(photo["image"])
        ],
    }


def _delivery(user_id: int | None, weight: int, price: int) -> list[DeliveryHintJson]:
    address = usual_address(user_id) if user_id else {}
    key = tuple(deliveries.place_of(address).values())
    ways = _ways.get_or_make(key, lambda: deliveries.ways(address))
    now = timezone.now()
    hints: list[DeliveryHintJson] = []
    for way in ways:
        cost = way.table_cost(weight, price)
        if cost is None:
            continue
        promised = promise(way.schedule, now=now)
        hints.append(
            {
                "code": way.code,
                "name": local(way.name),
                "cost": money(cost),
                "free_from": money_or_none(way.free_above(weight)),
                "date_from": promised.earliest,
                "date_to": promised.latest,
            }
        )
    return hints


def _personal_price(user_id: int, product_id: int) -> MoneyJson | None:
    wish = Purchase(user_id=user_id, email="", quantities={product_id: 1})
    quoted, _offer = checkout.price(wish)
    # Taken off sale a moment ago.
    if not quoted.lines:
        return None
    [line] = quoted.lines
    return money(line.item.total - line.discount_share)


@lru_cache(maxsize=10_000)
def _media_url(name: str) -> str:
    # Pictures are public files: what lies at an address never changes.
    return default_storage.url(name)


@lru_cache(maxsize=10_000)
def _thumbnail(name: str) -> str:
    return _media_url(pictures.usual(name))


def family_of(slug: str) -> list[int]:
    """Return the ids of a category and of all below it."""
    with reading().cursor() as cursor:
        cursor.execute(FAMILY_SQL, [slug])
        family = [category_id for (category_id,) in cursor.fetchall()]
    if not family:
        raise QueryInvalid({"category": ["There is no such category."]}, "not_found")
    return family


def read(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement, which may ask for the reader's ``language``."""
    with reading().cursor() as cursor:
        cursor.execute(sql, params | {"language": reader_language()})
        return list(cursor.fetchall())


def read_prepared(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Do the same where one plan is good for all values; to plan is half the time."""
    spoken = params | {"language": reader_language()}
    return run(sql, spoken, using=reading()).rows()
