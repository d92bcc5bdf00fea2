"""What a shopper keeps an eye on."""

from datetime import datetime
from typing import TypedDict

from django.db.models import F, QuerySet
from django.utils import timezone
from rest_framework.response import Response

from api.fields import clean_query
from api.pagination import PageQuery, decode_cursor, encode_cursor, link_header, page
from api.schema import operation
from api.shapes import MoneyJson, PageJson, money
from api.typing import AuthenticatedRequest
from api.views import PersonalView
from catalog.texts import local_name
from wishlist import services as wishlists
from wishlist.models import WishlistItem

PAGE_QUERY = PageQuery()


class WishJson(TypedDict):
    """A product on the list, and what it cost when it was saved.

    What is not on sale any more stays on the list, without being `available`.
    """

    product_id: int
    sku: str
    slug: str
    name: str
    price: MoneyJson
    price_when_saved: MoneyJson
    is_on_sale: bool
    available: int
    saved_at: str


class WishlistView(PersonalView):
    """The shopper's list."""

    cache_control = "private, no-cache"

    @operation(
        "wishlist_list",
        "List the wishlist",
        query=PAGE_QUERY,
        reply={200: PageJson[WishJson]},
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """List what the user wishes for, the newest first."""
        asked = clean_query(PAGE_QUERY, request)
        after = decode_cursor(asked.get("cursor"), int)
        items = _items(request.user.pk)
        if after is not None:
            items = items.filter(pk__lt=after[0])
        own = WishlistItem.objects.of_user(request.user.pk)
        now = timezone.now()
        body = page(
            request,
            list(items[: asked["limit"] + 1]),
            asked["limit"],
            cursor_of=lambda item: encode_cursor(item.pk),
            render=lambda item: _wish(item, now),
            all_rows=own,
        )
        return Response(body, headers=link_header(body))


class WishView(PersonalView):
    """A product, on the list or not."""

    @operation(
        "wishlist_save", "Save a product", reply={204: None}, problems=(404, 409)
    )
    def put(self, request: AuthenticatedRequest, product_id: int) -> Response:
        """Put a product on the list; one that is on it already stays as it is.

        `wishlist_full`: a list holds 500 products.
        """
        wishlists.save(user_id=request.user.pk, product_id=product_id)
        return Response(status=204)

    @operation("wishlist_remove", "Remove a product", reply={204: None})
    def delete(self, request: AuthenticatedRequest, product_id: int) -> Response:
        """Take a product off the list; one that is not on it is fine."""
        wishlists.remove(user_id=request.user.pk, product_id=product_id)
        return Response(status=204)


def _items(user_id: int) -> QuerySet[WishlistItem]:
    columns = ("sku", "slug", "price", "published_at")
    return (
        WishlistItem.objects.of_user(user_id)
        .newest_first()
        .select_related("product")
        .only(
            "user",
            "price_when_saved",
            "saved_at",
            *(f"product__{name}" for name in columns),
        )
        .annotate(
            shown_name=local_name("product"),
            left=F("product__stock__on_hand") - F("product__stock__reserved"),
        )
    )


def _wish(item: WishlistItem, now: datetime) -> WishJson:
    product = item.product
    is_on_sale = product.is_on_sale(now)
    left = getattr(item, "left", None) or 0
    return {
        "product_id": product.pk,
        "sku": product.sku,
        "slug": product.slug,
        "name": getattr(item, "shown_name", ""),
        "price": money(product.price),
        "price_when_saved": money(item.price_when_saved),
        "is_on_sale": is_on_sale,
        "available": left if is_on_sale else 0,
        "saved_at": item.saved_at.isoformat(),
    }
