"""What a product's price is worth: how it was before, and what would lower it."""

from datetime import datetime
from typing import TypedDict

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from api.schema import operation
from api.shapes import MoneyJson, money
from api.v1.products import read
from api.views import PublicView, cacheable
from catalog.errors import ProductNotFound
from catalog.models import Product
from promotions.history import Era, Reduction, history_of
from promotions.models import Promotion

# The newest; nobody changes a price so often by hand.
MOST_POINTS = 100
SHELVES_SQL = """
    WITH RECURSIVE above AS (
        SELECT id, parent_id FROM catalog_category WHERE id = %(id)s
         UNION ALL
        SELECT parent.id, parent.parent_id FROM catalog_category AS parent
          JOIN above ON above.parent_id = parent.id
    )
    SELECT id FROM above
"""


class ReductionJson(TypedDict):
    """A price that is lower than before, with its lawful reference.

    ``lowest_before`` is the lowest price of the 30 days before ``since``, the moment at
    which the reduction began; ``percent`` is rounded down. ``promotions`` are the names
    of those that lower it, empty if the shop lowered the price itself.
    """

    price: MoneyJson
    lowest_before: MoneyJson
    percent: int
    since: datetime
    promotions: list[str]


class PriceOfferJson(TypedDict):
    """A promotion that runs for the product on conditions.

    ``value`` is a percentage (``percent``) or an amount in minor units (``fixed``); of
    each ``take`` units ``pay`` are paid for (``n_for_m``).
    """

    id: int
    name: str
    kind: str
    value: int
    take: int
    pay: int
    min_spend: MoneyJson
    ends_at: datetime | None


class PricePointJson(TypedDict):
    """What one unit cost from a moment on, promotions without conditions included."""

    since: datetime
    price: MoneyJson


class PricesJson(TypedDict):
    """What there is to know of a price.

    ``price`` is that of one unit in a cart that holds nothing else, as far as it is
    the same for everybody. ``points`` are of the last 90 days, the oldest first.
    """

    product_id: int
    price: MoneyJson
    reduction: ReductionJson | None
    offers: list[PriceOfferJson]
    points: list[PricePointJson]


class ProductPricesView(PublicView):
    """The price of one product, explained."""

    @operation(
        "products_prices",
        "Show what a product cost before",
        reply={200: PricesJson},
    )
    def get(self, request: Request, product_id: int) -> HttpResponse:
        """Show a reduction with the lowest price before it, offers and past prices."""
        product = Product.objects.on_sale().filter(pk=product_id).first()
        if product is None:
            raise ProductNotFound
        shelves = [row[0] for row in read(SHELVES_SQL, {"id": product.category_id})]
        history = history_of(product, shelves=shelves)
        now = timezone.now()
        reduction = history.reduction(now)
        points = history.points(now)
        body: PricesJson = {
            "product_id": product_id,
            "price": money(points[-1].price if points else product.price),
            "reduction": _reduction(reduction) if reduction else None,
            "offers": [_offer(one) for one in history.offers],
            "points": [_point(one) for one in points[-MOST_POINTS:]],
        }
        return cacheable(request, body)


def _reduction(reduction: Reduction) -> ReductionJson:
    return {
        "price": money(reduction.price),
        "lowest_before": money(reduction.lowest),
        "percent": reduction.percent,
        "since": reduction.began,
        "promotions": list(reduction.labels),
    }


def _offer(promotion: Promotion) -> PriceOfferJson:
    return {
        "id": promotion.pk,
        "name": promotion.name,
        "kind": promotion.kind,
        "value": promotion.value,
        "take": promotion.take,
        "pay": promotion.pay,
        "min_spend": money(promotion.min_spend),
        "ends_at": promotion.ends_at,
    }


def _point(point: Era) -> PricePointJson:
    return {"since": point.since, "price": money(point.price)}
