"""What the sales say."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import F, Sum
from django.db.models.functions import Now
from django.utils import timezone

from analytics.models import DailySales, RollupRun
from common.days import shop_day

BEST_SELLERS = 5


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


def best_sellers(
    *, days: int = settings.BEST_SELLER_DAYS, limit: int = BEST_SELLERS
) -> BestSellers:
    """Rank products by net units over the last ``days`` shop days, today included.

    Ties go to the higher net revenue (minor units), then to the lower product id.
    """
    last_day = shop_day(timezone.now())
    first_day = last_day - timedelta(days=days - 1)
    sums = (
        DailySales.objects.filter(
            day__range=(first_day, last_day), product__published_at__lte=Now()
        )
        .values("product_id")
        .annotate(
            net_units=Sum(F("units") - F("refunded_units")),
            net_revenue=Sum(F("revenue") - F("refunded")),
        )
        .filter(net_units__gt=0)
        .order_by("-net_units", "-net_revenue", "product_id")
        .values_list("product_id", "net_units", "net_revenue")[:limit]
    )
    run = RollupRun.objects.filter(day=last_day).first()
    return BestSellers(
        items=tuple(
            BestSeller(rank=rank, product_id=row[0], units=row[1], revenue=row[2])
            for rank, row in enumerate(sums, start=1)
        ),
        first_day=first_day,
        last_day=last_day,
        computed_at=run.computed_at if run else None,
    )
