"""What is in demand right now, and why it is shown."""

from datetime import datetime
from typing import Literal, TypedDict

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from analytics.selectors import trending
from api.fields import Input, clean_query
from api.schema import operation
from api.v1.products import ProductCardJson, cards_of, family_of
from api.views import PublicView, cacheable

PLACES = 12


class TrendReasonJson(TypedDict):
    """Why a product is there: orders of the last days beside what is usual in them.

    ``rising`` is far more than usual, ``in_demand`` bought often, ``looked_at`` looked
    at often and not bought yet.
    """

    code: Literal["rising", "in_demand", "looked_at"]
    orders: int
    usual: float
    views: int


class TrendingJson(TypedDict):
    """A product with the reason for its place."""

    product: ProductCardJson
    reason: TrendReasonJson


class TrendsJson(TypedDict):
    """What is in demand, best first, and when that was computed."""

    items: list[TrendingJson]
    computed_at: datetime | None


class TrendingQuery(Input):
    category = serializers.CharField(
        max_length=100, required=False, help_text="The slug; shelves below it count."
    )
    limit = serializers.IntegerField(min_value=1, max_value=100, default=PLACES)


TRENDING_QUERY = TrendingQuery()


class TrendingView(PublicView):
    """What is in demand."""

    cache_control = "public, max-age=300"

    @operation(
        "products_trending",
        "Show what is trending",
        query=TRENDING_QUERY,
        reply={200: TrendsJson},
    )
    def get(self, request: Request) -> HttpResponse:
        """List what is on the rise, then what sells and is looked at most, decayed."""
        asked = clean_query(TRENDING_QUERY, request)
        category = asked.get("category")
        found = trending(
            limit=asked["limit"], categories=family_of(category) if category else None
        )
        cards = cards_of([item.product_id for item in found.items])
        body: TrendsJson = {
            "items": [
                {
                    "product": cards[item.product_id],
                    "reason": {
                        "code": item.reason.value,
                        "orders": item.orders,
                        "usual": item.usual,
                        "views": item.views,
                    },
                }
                for item in found.items
                if item.product_id in cards
            ],
            "computed_at": found.computed_at,
        }
        return cacheable(request, body)
