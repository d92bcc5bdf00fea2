"""What the sales say: the best sellers, what is popular, and what is on the rise."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from analytics.models import ProductScore, ReportRun, RollupRun
from analytics.sql import rows
from common.days import shop_day

BEST_SELLERS = 5

# PostgreSQL adds integers of this size up as numerics, at three times the cost; as
# floating point the sums are exact up to nine quadrillion. The products' own columns
# are looked up for sums, and not for each day's row.
_RANKING = """
    SELECT row_number() OVER (ORDER BY units DESC, revenue DESC, product_id) AS rank,
           product_id, units::bigint AS units, revenue::bigint AS revenue
      FROM (SELECT product_id, sum((units - refunded_units)::float8) AS units,
                   sum((revenue - refunded)::float8) AS revenue
              FROM analytics_dailysales
             WHERE day BETWEEN %(first)s AND %(last)s
             GROUP BY product_id
            OFFSET 0) AS sales
      JOIN catalog_product AS product ON product.id = product_id
     WHERE units > 0 AND product.published_at <= now()
       AND (%(categories)s::bigint[] IS NULL
            OR product.category_id = ANY(%(categories)s::bigint[]))
"""
_TOP = f"{_RANKING} ORDER BY units DESC, revenue DESC, product_id LIMIT %(limit)s"
_PLACES = f"""
    SELECT product_id, rank FROM ({_RANKING}) AS ranking WHERE product_id = ANY(%(ids)s)
"""  # noqa: S608 — our own text


@dataclass(frozen=True, slots=True)
class BestSeller:
    """A product and its net units in the window; rank 1 sold most."""

    rank: int
    product_id: int
    units: int
    revenue: int


@dataclass(frozen=True, slots=True)
class BestSellers:
    """A ranking, the shop days it covers (both included), and how fresh it is."""

    items: tuple[BestSeller, ...]
    first_day: date
    last_day: date
    computed_at: datetime | None


class TrendReason(StrEnum):
    """Why a product is shown among the trending ones."""

    RISING = "rising"
    IN_DEMAND = "in_demand"
    LOOKED_AT = "looked_at"


@dataclass(frozen=True, slots=True)
class Trending:
    """A product that is on the rise or in demand, with the numbers that say so.

    ``orders`` are those of the last days, ``usual`` what a time of that length had.
    """

    product_id: int
    reason: TrendReason
    score: float
    z: float
    orders: int
    usual: float
    views: int


@dataclass(frozen=True, slots=True)
class Trends:
    """The trending products, best first, and when that was computed."""

    items: tuple[Trending, ...]
    computed_at: datetime | None


def best_sellers(
    *,
    days: int = settings.BEST_SELLER_DAYS,
    limit: int = BEST_SELLERS,
    categories: Collection[int] | None = None,
) -> BestSellers:
    """Rank products by net units over the last ``days`` shop days, today included.

    Ties go to the higher net revenue (minor units), then to the lower product id.
    ``categories`` are the ids whose products take part; ``None`` is the whole shop.
    """
    last_day = shop_day(timezone.now())
    first_day = last_day - timedelta(days=days - 1)
    ranked = rows(_TOP, _window(first_day, last_day, categories) | {"limit": limit})
    runs = RollupRun.objects.filter(day__range=(first_day, last_day))
    return BestSellers(
        items=tuple(BestSeller(*row) for row in ranked),
        first_day=first_day,
        last_day=last_day,
        computed_at=runs.aggregate(at=Max("computed_at"))["at"],
    )


def places_before(
    best: BestSellers, *, categories: Collection[int] | None = None
) -> dict[int, int]:
    """Return the ranks that a ranking's products had in the window just before it.

    A product that sold nothing then is missing.
    """
    length = best.last_day - best.first_day + timedelta(days=1)
    window = _window(best.first_day - length, best.last_day - length, categories)
    ids = [item.product_id for item in best.items]
    return dict(rows(_PLACES, window | {"ids": ids})) if ids else {}


def popular(
    *, limit: int, days: int | None = None, categories: Collection[int] | None = None
) -> tuple[BestSeller, ...]:
    """Rank products on sale by the net units of 30 days, or ever if ``days`` is None.

    As of the last run of ``trends.score_products``; the same rule for ties.
    """
    if days not in {None, 30}:
        raise ValueError(days)
    units, revenue = (
        ("units_ever", "revenue_ever")
        if days is None
        else ("units_month", "revenue_month")
    )
    scores = ProductScore.objects.on_sale(categories).filter(**{f"{units}__gt": 0})
    ranked = scores.order_by(f"-{units}", f"-{revenue}", "product_id")
    sums = ranked.values_list("product_id", units, revenue)[:limit]
    return tuple(BestSeller(rank, *row) for rank, row in enumerate(sums, start=1))


def trending(*, limit: int, categories: Collection[int] | None = None) -> Trends:
    """Return what is in demand now: first what is on the rise, then by score.

    On the rise is what had at least 3 orders lately and 2 deviations more than usual.
    """
    scores = ProductScore.objects.on_sale(categories).filter(score__gt=0).by_trend()
    run = ReportRun.objects.filter(name=ReportRun.SCORES).first()
    return Trends(
        items=tuple(_trending(score) for score in scores[:limit]),
        computed_at=run.computed_at if run else None,
    )


def _trending(score: ProductScore) -> Trending:
    if score.is_rising:
        reason = TrendReason.RISING
    else:
        is_bought = score.recent_orders > 0
        reason = TrendReason.IN_DEMAND if is_bought else TrendReason.LOOKED_AT
    return Trending(
        product_id=score.product_id,
        reason=reason,
        score=score.score,
        z=score.z,
        orders=score.recent_orders,
        usual=score.usual_orders,
        views=score.recent_views,
    )


def _window(
    first: date, last: date, categories: Collection[int] | None
) -> dict[str, Any]:
    return {
        "first": first,
        "last": last,
        "categories": None if categories is None else list(categories),
    }
