"""One customer as staff see them: a little of everything, each with where the rest is.

Each part costs a fixed number of statements, however much somebody has bought.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.db.models import Count, Q, Sum

from accounts import devices
from accounts.devices import SignIn
from accounts.models import CustomerNote
from accounts.user_agents import named
from coupons.models import Coupon
from inventory.models import RestockAlert
from orders.models import SETTLED, Order
from payments.models import Refund
from points import checking
from points.checking import Check
from points.models import CorrectionState, LedgerEntry, PointCorrection
from reviews.models import Review
from wishlist.models import WishlistItem

SHOWN = 8
May = Callable[[str], bool]


@dataclass(slots=True)
class Customer:
    """What there is to say about somebody; ``None`` is what the reader may not see."""

    orders: list[Order] | None = None
    order_count: int = 0
    paid_count: int = 0
    # Minor units of the shop's currency: paid for orders, less refunds.
    spent: int = 0
    points: Check | None = None
    entries: list[LedgerEntry] = field(default_factory=list)
    corrections: list[PointCorrection] = field(default_factory=list)
    coupons: list[Coupon] | None = None
    devices: list[tuple[str, SignIn]] | None = None
    notes: list[CustomerNote] | None = None
    reviews: int | None = None
    wishes: int | None = None
    alerts: int | None = None


def overview(user_id: int, may: May) -> Customer:
    """Read what somebody with the permissions ``may`` tells of may see."""
    found = Customer()
    if may("orders.view_order"):
        _orders(found, user_id)
    if may("points.view_pointaccount"):
        _points(found, user_id)
    if may("coupons.view_coupon"):
        own = Coupon.objects.of_user(user_id).select_related("batch", "order")
        found.coupons = list(own.order_by("-id")[:SHOWN])
    if may("accounts.view_device"):
        opened = devices.open_of(user_id)[:SHOWN]
        found.devices = [(named(one.user_agent, one.name), one) for one in opened]
    if may("accounts.view_customernote"):
        notes = CustomerNote.objects.filter(user_id=user_id).select_related("author")
        found.notes = list(notes.order_by("-id")[: 3 * SHOWN])
    _count(found, user_id, may)
    return found


def _count(found: Customer, user_id: int, may: May) -> None:
    if may("reviews.view_review"):
        found.reviews = Review.objects.of_user(user_id).kept().count()
    if may("wishlist.view_wishlistitem"):
        found.wishes = WishlistItem.objects.of_user(user_id).count()
    if may("inventory.view_restockalert"):
        found.alerts = RestockAlert.objects.filter(user_id=user_id).open().count()


def _orders(found: Customer, user_id: int) -> None:
    own = Order.objects.filter(user_id=user_id)
    counted = own.aggregate(
        all=Count("pk"),
        paid=Count("pk", filter=Q(status__in=SETTLED)),
        total=Sum("total", filter=Q(paid_at__isnull=False)),
    )
    refunds = Refund.objects.of_sales().filter(order__user_id=user_id)
    back = refunds.aggregate(sum=Sum("amount"))
    found.orders = list(own.order_by("-placed_at", "-pk")[:SHOWN])
    found.order_count, found.paid_count = counted["all"], counted["paid"]
    found.spent = (counted["total"] or 0) - (back["sum"] or 0)


def _points(found: Customer, user_id: int) -> None:
    found.points = checking.check(user_id)
    entries = LedgerEntry.objects.of_user(user_id).order_by("-sequence")
    found.entries = list(entries[:SHOWN])
    waiting = PointCorrection.objects.filter(
        user_id=user_id, state=CorrectionState.OPEN
    )
    found.corrections = list(waiting.select_related("asked_by").order_by("pk"))
