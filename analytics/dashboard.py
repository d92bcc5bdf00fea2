"""What staff look at in the morning: how the shop is doing, and what needs them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, F, Sum

from analytics.models import DailySales
from analytics.selectors import best_sellers
from catalog.models import Product
from common.days import bounds, shop_day
from inventory.models import Stock
from orders.models import Order
from outbox.models import Dispatch
from payments.models import (
    InboxState,
    LegState,
    Payment,
    ProviderEvent,
    Refund,
    RefundLeg,
)
from reviews.models import Review

MONTH = 30


@dataclass(frozen=True, slots=True)
class Takings:
    """What was sold in a stretch of time; money in minor units."""

    orders: int
    revenue: int
    refunds: int

    @property
    def average(self) -> int:
        return self.revenue // self.orders if self.orders else 0


@dataclass(frozen=True, slots=True)
class DayRevenue:
    """A shop day's goods sold less goods refunded, as rolled up."""

    day: date
    revenue: int
    units: int


@dataclass(frozen=True, slots=True)
class TopSeller:
    """A best seller with its name."""

    rank: int
    product_id: int
    name: str
    units: int
    revenue: int


@dataclass(frozen=True, slots=True)
class Attention:
    """How many of what need somebody."""

    expiring: int
    late: int
    low_stock: int
    undelivered: int
    # Money for a human: taken for nothing, refused on its way back, or unexplained.
    stuck_payments: int
    refused_refunds: int
    parked_events: int
    reviews: int


def today_and_a_week_ago(now: datetime) -> tuple[Takings, Takings]:
    """Return today's takings, and those of the same weekday until the same time."""
    today = shop_day(now)
    start, _end = bounds(today)
    before, _end = bounds(today - timedelta(days=7))
    return takings(start, now), takings(before, before + (now - start))


def takings(start: datetime, end: datetime) -> Takings:
    """Add up the orders paid and the refunds given in [start, end)."""
    paid = Order.objects.filter(paid_at__gte=start, paid_at__lt=end).aggregate(
        orders=Count("pk"), revenue=Sum("total")
    )
    given = Refund.objects.filter(refunded_at__gte=start, refunded_at__lt=end)
    return Takings(
        orders=paid["orders"],
        revenue=paid["revenue"] or 0,
        refunds=given.aggregate(total=Sum("amount"))["total"] or 0,
    )


def month(now: datetime) -> list[DayRevenue]:
    """Return the last 30 shop days, oldest first; days without sales are zero."""
    last = shop_day(now)
    days = [last - timedelta(days=back) for back in reversed(range(MONTH))]
    sums = (
        DailySales.objects.filter(day__range=(days[0], last))
        .values("day")
        .annotate(
            net=Sum(F("revenue") - F("refunded")),
            pieces=Sum(F("units") - F("refunded_units")),
        )
        .values_list("day", "net", "pieces")
    )
    by_day = {day: (net, pieces) for day, net, pieces in sums}
    return [DayRevenue(day, *by_day.get(day, (0, 0))) for day in days]


def top_sellers() -> list[TopSeller]:
    """Return the best sellers of the last days, with their names."""
    items = best_sellers().items
    products = Product.objects.in_bulk([item.product_id for item in items])
    return [
        TopSeller(
            rank=item.rank,
            product_id=item.product_id,
            name=products[item.product_id].name,
            units=item.units,
            revenue=item.revenue,
        )
        for item in items
    ]


def attention() -> Attention:
    """Count what needs somebody right now."""
    return Attention(
        expiring=Order.objects.expiring().count(),
        late=Order.objects.late().count(),
        low_stock=Stock.objects.low().count(),
        undelivered=Dispatch.objects.stuck().count(),
        stuck_payments=Payment.objects.stuck().count(),
        refused_refunds=RefundLeg.objects.filter(state=LegState.REFUSED).count(),
        parked_events=ProviderEvent.objects.filter(state=InboxState.PARKED).count(),
        reviews=Review.objects.to_moderate().count(),
    )
