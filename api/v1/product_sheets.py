"""Products as staff see them: drafts and archived ones too, without the stock."""

from datetime import datetime
from typing import Any, Literal, TypedDict

from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import clean_query
from api.pagination import PageQuery, newest_first
from api.schema import operation
from api.shapes import MoneyJson, PageJson, money, money_or_none
from api.staff import demand
from api.typing import AuthenticatedRequest
from api.views import PersonalView, cacheable
from catalog.errors import ProductNotFound
from catalog.models import Product

MAY_VIEW = "catalog.view_product"
STATES = ("draft", "on_sale", "archived")
State = Literal["draft", "on_sale", "archived"]


class LocalTextJson(TypedDict):
    """What a product is called, and said to be, in one language."""

    name: str
    description: str


class SheetPhotoJson(TypedDict):
    """A picture of a product in its place, with words for who cannot see it."""

    id: int
    url: str
    alt: str
    width: int
    height: int


class ProductSheetJson(TypedDict):
    """All that staff write about a product. Its ETag is what changes are based on.

    ``texts`` are those in languages other than the shop's own, by code. A ``draft`` is
    not on sale yet, or was taken off for a while.
    """

    id: int
    sku: str
    slug: str
    name: str
    description: str
    texts: dict[str, LocalTextJson]
    category_id: int
    group_id: int | None
    options: dict[str, Any]
    weight_grams: int
    price: MoneyJson
    compare_at_price: MoneyJson | None
    state: State
    published_at: datetime | None
    archived_at: datetime | None
    photos: list[SheetPhotoJson]
    created_at: datetime


class SheetQuery(PageQuery):
    state = serializers.ChoiceField(STATES, required=False)
    q = serializers.CharField(
        max_length=100, required=False, help_text="A SKU, or a part of a name."
    )


SHEET_QUERY = SheetQuery()


class ProductSheetListView(PersonalView):
    """All products there are."""

    @operation(
        "product-sheets_list",
        "List products for staff",
        query=SHEET_QUERY,
        reply={200: PageJson[ProductSheetJson]},
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """List products whatever their state, the newest first."""
        demand(request, MAY_VIEW)
        asked = clean_query(SHEET_QUERY, request)
        found = _asked_for(sheets(), asked)
        return newest_first(request, found, asked, render=sheet_json)


class ProductSheetView(PersonalView):
    """One product, as staff see it."""

    cache_control = "private, no-cache"

    @operation(
        "product-sheets_retrieve",
        "Show a product for staff",
        reply={200: ProductSheetJson},
    )
    def get(self, request: AuthenticatedRequest, product_id: int) -> HttpResponse:
        """Show a product as it was entered; send its ETag along with changes."""
        demand(request, MAY_VIEW)
        return cacheable(request, read_sheet(product_id))


def sheets() -> QuerySet[Product]:
    """Return products with what a sheet shows of them."""
    return Product.objects.prefetch_related("texts", "photos")


def read_sheet(product_id: int) -> ProductSheetJson:
    """Render a product as it stands; raise ``ProductNotFound``."""
    product = sheets().filter(pk=product_id).first()
    if product is None:
        raise ProductNotFound
    return sheet_json(product)


def sheet_json(product: Product) -> ProductSheetJson:
    return {
        "id": product.pk,
        "sku": product.sku,
        "slug": product.slug,
        "name": product.name,
        "description": product.description,
        "texts": {
            text.language: {"name": text.name, "description": text.description}
            for text in product.texts.all()
        },
        "category_id": product.category_id,
        "group_id": product.group_id,
        "options": product.options,
        "weight_grams": product.weight_grams,
        "price": money(product.price),
        "compare_at_price": money_or_none(product.compare_at_price),
        "state": _state(product),
        "published_at": product.published_at,
        "archived_at": product.archived_at,
        "photos": [
            {
                "id": photo.pk,
                "url": default_storage.url(str(photo.image)),
                "alt": photo.alt,
                "width": photo.width,
                "height": photo.height,
            }
            for photo in product.photos.all()
        ],
        "created_at": product.created_at,
    }


def _state(product: Product) -> State:
    if product.archived_at is not None:
        return "archived"
    return "draft" if product.published_at is None else "on_sale"


def _asked_for(found: QuerySet[Product], asked: dict[str, Any]) -> QuerySet[Product]:
    if state := asked.get("state"):
        found = found.filter(
            archived_at__isnull=state != "archived",
            published_at__isnull=state != "on_sale",
        )
    if words := asked.get("q"):
        found = found.filter(Q(sku__iexact=words) | Q(name__icontains=words))
    return found
