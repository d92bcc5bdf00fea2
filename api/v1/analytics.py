"""Reports for staff: sales, the best products, campaigns, searches in vain."""

from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict

from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.response import Response

from analytics.reports import campaigns, sales
from analytics.reports.campaigns import Campaign, Uplift
from analytics.reports.periods import LONGEST, Grain, Period
from analytics.reports.sales import Sales
from api.fields import Input, clean_query
from api.schema import operation
from api.shapes import MoneyJson, money
from api.typing import AuthenticatedRequest
from api.v1.products import DaysJson
from api.views import PersonalView
from catalog.models import FruitlessSearch
from common.days import shop_day

MAY_VIEW = "analytics.view_dailysales"
DAYS = 30
BY = ("day", "week", "month", "product", "category", "delivery")


class SalesRowJson(TypedDict):
    """What one step of time, product, category or way of delivery came to.

    ``orders`` is null where they cannot be told apart, ``units`` where there are none.
    """

    key: str
    name: str
    orders: int | None
    units: int | None
    revenue: MoneyJson
    refunded: MoneyJson
    net: MoneyJson
    average_order: MoneyJson | None


class SalesJson(TypedDict):
    """Sales by what was asked for; takings with delivery, goods without."""

    items: list[SalesRowJson]
    window: DaysJson
    computed_at: datetime | None


class TopRowJson(TypedDict):
    """A product by its net revenue; rank 1 has the highest."""

    rank: int
    product_id: int
    name: str
    units: int
    net: MoneyJson


class TopJson(TypedDict):
    """The products that brought in most."""

    items: list[TopRowJson]
    window: DaysJson
    computed_at: datetime | None


class UpliftJson(TypedDict):
    """What holders spent more than shoppers like them, each, with a 95 % interval.

    ``confidence``: ``none`` nobody to compare with, ``small`` under 30 in a group,
    ``chance`` the interval holds zero, ``likely`` it does not. Nobody was drawn by lot:
    who claims a coupon may have meant to buy anyway.
    """

    holders: int
    others: int
    amount: MoneyJson
    low: MoneyJson
    high: MoneyJson
    confidence: Literal["none", "small", "chance", "likely"]


class CampaignEffectJson(TypedDict):
    """What became of a batch of coupons or of a promotion, over its whole life."""

    kind: Literal["coupon", "promotion"]
    id: int
    name: str
    issued: int | None
    used: int
    revenue: MoneyJson
    cost: MoneyJson
    new_buyers: int
    starts_at: datetime
    ends_at: datetime | None
    uplift: UpliftJson | None


class CampaignEffectsJson(TypedDict):
    """Campaigns, the latest first."""

    items: list[CampaignEffectJson]
    window: DaysJson
    computed_at: datetime


class SearchInVainJson(TypedDict):
    """A text that found nothing, how often, and what was looked for instead."""

    text: str
    times: int
    corrected_to: str
    last_at: datetime


class SearchesInVainJson(TypedDict):
    """What shoppers want and the shop does not have."""

    items: list[SearchInVainJson]
    window: DaysJson


class WindowQuery(Input):
    """Shop days, both included; the last 30 if absent."""

    to = serializers.DateField(required=False, help_text="The last shop day; today.")
    limit = serializers.IntegerField(min_value=1, max_value=1_000, default=100)

    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python.
        first = serializers.DateField(
            required=False, help_text="The first shop day; 30 days in all if absent."
        )
        return {"from": first, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        last = attrs.get("to") or shop_day(timezone.now())
        try:
            first = attrs.get("from") or last - timedelta(days=DAYS - 1)
            return attrs | {"period": Period(first, last)}
        except (ValueError, OverflowError):
            raise ValidationError(
                {"from": [f"Between 1 and {LONGEST} days, and not after `to`."]},
                "invalid",
            ) from None


class SalesQuery(WindowQuery):
    group = serializers.ChoiceField(BY, default="day", help_text="What to add up by.")


WINDOW_QUERY = WindowQuery()
SALES_QUERY = SalesQuery()


class StaffView(PersonalView):
    """For staff who may see the sales."""

    cache_control = "private, max-age=60"


class SalesReportView(StaffView):
    """Sales over time and by what was sold."""

    @operation(
        "analytics_sales",
        "Report sales",
        query=SALES_QUERY,
        reply={200: SalesJson},
        problems=(403,),
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """Add sales up by day, week, month, product, category or way of delivery.

        Sales stand on the shop day they were paid, refunds on the day they were given.
        """
        asked = _asked(request, SALES_QUERY)
        period = asked["period"]
        rows = _sales(period, asked["group"], asked["limit"])
        body: SalesJson = {
            "items": [_sales_row(row) for row in rows],
            "window": _days(period),
            "computed_at": sales.computed_at(period),
        }
        return Response(body)


class TopReportView(StaffView):
    """The products that brought in most."""

    @operation(
        "analytics_top",
        "Report top products",
        query=WINDOW_QUERY,
        reply={200: TopJson},
        problems=(403,),
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """Rank products by net revenue."""
        asked = _asked(request, WINDOW_QUERY)
        period = asked["period"]
        rows = sales.by_product(period, limit=asked["limit"])
        body: TopJson = {
            "items": [
                {
                    "rank": rank,
                    "product_id": row.key,
                    "name": row.name,
                    "units": row.units or 0,
                    "net": money(row.net),
                }
                for rank, row in enumerate(rows, start=1)
            ],
            "window": _days(period),
            "computed_at": sales.computed_at(period),
        }
        return Response(body)


class CampaignReportView(StaffView):
    """What campaigns brought in."""

    @operation(
        "analytics_campaigns",
        "Report campaigns",
        query=WINDOW_QUERY,
        reply={200: CampaignEffectsJson},
        problems=(403,),
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """Judge the coupons and promotions of some days: issued, used, revenue, uplift.

        The days choose the campaigns; their numbers are of their whole life.
        """
        asked = _asked(request, WINDOW_QUERY)
        start, end = asked["period"].bounds()
        found = campaigns.batches(start=start, end=end, limit=asked["limit"])
        given = campaigns.promotions(start=start, end=end, limit=asked["limit"])
        body: CampaignEffectsJson = {
            "items": [
                *(_campaign(one, "coupon") for one in found),
                *(_campaign(one, "promotion") for one in given),
            ],
            "window": _days(asked["period"]),
            "computed_at": timezone.now(),
        }
        return Response(body)


class SearchReportView(StaffView):
    """What was searched for in vain."""

    @operation(
        "analytics_search",
        "Report searches without results",
        query=WINDOW_QUERY,
        reply={200: SearchesInVainJson},
        problems=(403,),
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """List texts that last found nothing in some days, the most frequent first."""
        asked = _asked(request, WINDOW_QUERY)
        start, end = asked["period"].bounds()
        found = FruitlessSearch.objects.filter(last_at__gte=start, last_at__lt=end)
        body: SearchesInVainJson = {
            "items": [
                {
                    "text": one.text,
                    "times": one.times,
                    "corrected_to": one.corrected_to,
                    "last_at": one.last_at,
                }
                for one in found.order_by("-times", "-last_at")[: asked["limit"]]
            ],
            "window": _days(asked["period"]),
        }
        return Response(body)


def _asked(request: AuthenticatedRequest, query: Input) -> dict[str, Any]:
    if not request.user.has_perm(MAY_VIEW):
        raise PermissionDenied
    return clean_query(query, request)


def _sales(period: Period, group: str, limit: int) -> list[Sales]:
    if group == "product":
        return sales.by_product(period, limit=limit)
    if group == "category":
        return sales.by_category(period)[:limit]
    if group == "delivery":
        return sales.by_delivery(period)[:limit]
    return sales.over_time(period, Grain(group))


def _sales_row(row: Sales) -> SalesRowJson:
    return {
        "key": str(row.key),
        "name": row.name,
        "orders": row.orders,
        "units": row.units,
        "revenue": money(row.revenue),
        "refunded": money(row.refunded),
        "net": money(row.net),
        "average_order": money(row.average) if row.orders else None,
    }


def _campaign(
    one: Campaign, kind: Literal["coupon", "promotion"]
) -> CampaignEffectJson:
    return {
        "kind": kind,
        "id": one.id,
        "name": one.name,
        "issued": one.issued,
        "used": one.used,
        "revenue": money(one.revenue),
        "cost": money(one.cost),
        "new_buyers": one.new_buyers,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "uplift": _uplift(one.uplift) if one.uplift else None,
    }


def _uplift(uplift: Uplift) -> UpliftJson:
    return {
        "holders": uplift.holders,
        "others": uplift.others,
        "amount": money(round(uplift.amount)),
        "low": money(round(uplift.low)),
        "high": money(round(uplift.high)),
        "confidence": uplift.confidence.value,
    }


def _days(period: Period) -> DaysJson:
    return {"first_day": period.first, "last_day": period.last}
