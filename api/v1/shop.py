"""What a client has to know about the shop: limits and money."""

from datetime import datetime
from typing import TypedDict

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from api.schema import operation
from api.views import PublicView, cacheable
from checkout.services import MAX_LINES
from common.money import decimals
from orders.models import MAX_QUANTITY
from payments.gateways import offered


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


class ConfigView(PublicView):
    """The shop in general."""

    cache_control = "public, max-age=60"

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
            "payment_methods": ["points", *(method.code for method in offered())],
            "payment_window_minutes": settings.PAYMENT_WINDOW_MINUTES,
            "server_time": timezone.now(),
        }
        return cacheable(request, body)
