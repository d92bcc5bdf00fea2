"""What a client has to know about the shop: limits, money, ways of delivery."""

from datetime import datetime
from typing import TypedDict

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from api.schema import operation
from api.shapes import ListJson, MoneyJson, money, money_or_none
from api.views import PublicView, cacheable
from checkout.services import MAX_LINES
from common.money import decimals
from delivery.models import DeliveryMethod
from orders.models import MAX_QUANTITY


class CurrencyJson(TypedDict):
    """The shop's one currency; ``exponent`` is its number of decimals."""

    code: str
    exponent: int


class LimitsJson(TypedDict):
    """What the shop accepts at most."""

    quantity: int
    order_lines: int
    points_charge: int
    points_balance: int


class ConfigJson(TypedDict):
    """What a client has to know before the first request."""

    name: str
    currency: CurrencyJson
    languages: list[str]
    time_zone: str
    limits: LimitsJson
    payment_methods: list[str]
    payment_window_minutes: int
    server_time: datetime


class DeliveryMethodJson(TypedDict):
    """A way of delivery, its price, and how many days it takes."""

    code: str
    name: str
    cost: MoneyJson
    free_from: MoneyJson | None
    days_min: int
    days_max: int


class ConfigView(PublicView):
    """The shop in general."""

    cache_control = "no-store"

    @operation("config_retrieve", "Show the shop's settings", reply={200: ConfigJson})
    def get(self, request: Request) -> HttpResponse:
        """Tell money, limits, languages and the shop's clock."""
        body: ConfigJson = {
            "name": settings.SHOP_NAME,
            "currency": {
                "code": settings.SHOP_CURRENCY,
                "exponent": decimals(),
            },
            "languages": [code for code, _name in settings.LANGUAGES],
            "time_zone": settings.TIME_ZONE,
            "limits": {
                "quantity": MAX_QUANTITY,
                "order_lines": MAX_LINES,
                "points_charge": settings.POINTS_MAX_CHARGE,
                "points_balance": settings.POINTS_MAX_BALANCE,
            },
            "payment_methods": ["points"],
            "payment_window_minutes": settings.PAYMENT_WINDOW_MINUTES,
            "server_time": timezone.now(),
        }
        return cacheable(request, body)


class DeliveryMethodListView(PublicView):
    """Ways of delivery."""

    cache_control = "public, max-age=60"

    @operation(
        "delivery-methods_list",
        "List ways of delivery",
        reply={200: ListJson[DeliveryMethodJson]},
    )
    def get(self, request: Request) -> HttpResponse:
        """List what is offered; the first one is the usual one."""
        body: ListJson[DeliveryMethodJson] = {
            "items": [
                {
                    "code": method.code,
                    "name": method.name,
                    "cost": money(method.cost),
                    "free_from": money_or_none(method.free_from),
                    "days_min": method.days_min,
                    "days_max": method.days_max,
                }
                for method in DeliveryMethod.objects.offered()
            ]
        }
        return cacheable(request, body)
