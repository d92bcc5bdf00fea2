"""The staff's site: Django's admin with a dashboard of our own."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics import dashboard
from analytics.dashboard import DayRevenue, Takings
from checkout.admin_simulator import simulate_page
from common.money import money
from config.admin_login import StaffSignInForm

# The chart, in units of its own: the page scales it.
CHART_WIDTH, CHART_HEIGHT, GAP = 720, 160, 4

DAILY = (
    (_("Orders"), "orders", "order"),
    (_("Products"), "catalog", "product"),
    (_("Stock"), "inventory", "stock"),
    (_("Coupons"), "coupons", "couponbatch"),
    (_("Points"), "points", "pointaccount"),
    (_("Shoppers"), "accounts", "user"),
)
# Apps on the first page: by how often they are needed.
ORDER = (
    "orders",
    "catalog",
    "inventory",
    "promotions",
    "coupons",
    "points",
    "payments",
    "reviews",
    "accounts",
    "delivery",
    "analytics",
    "cart",
    "notifications",
    "webhooks",
    "outbox",
    "common",
    "auth",
)


@dataclass(frozen=True, slots=True)
class Bar:
    """A day's bar in the chart, and its row in the table."""

    day: date
    text: str
    units: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of today beside that of a week ago."""

    label: Any
    today: str
    before: str
    difference: str


class ShopAdminSite(AdminSite):
    """Staff land on what happened and on what needs them."""

    index_title = _("Today")
    login_form = StaffSignInForm
    # The tables need the width; the header leads to what is needed daily.
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        lacks = getattr(request.user, "lacks_second_step", False)
        return super().has_permission(request) and not lacks

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if getattr(request.user, "lacks_second_step", False):
            messages.warning(request, _("Set up a second step for signing in first."))
            return redirect("shop:security")
        return super().login(request, extra_context)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return super().each_context(request) | {
            "site_header": settings.SHOP_NAME,
            "site_title": settings.SHOP_NAME,
            "shortcuts": shortcuts(request),
        }

    def get_urls(self) -> list[Any]:
        # It looks at orders and carts, of which promotions know nothing.
        page = self.admin_view(simulate_page)
        address = "promotions/promotion/<int:promotion_id>/simulate/"
        return [
            path(address, page, name="promotions_promotion_simulate"),
            *super().get_urls(),
        ]

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[Any]:
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=lambda app: _place(app["app_label"]))

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        now = timezone.now()
        sees_sales = request.user.has_perm("analytics.view_dailysales")
        numbers: dict[str, Any] = {"sees_sales": sees_sales, "as_of": now}
        if sees_sales:
            today, before = dashboard.today_and_a_week_ago(now)
            days = dashboard.month(now)
            numbers |= {
                "figures": figures(today, before),
                "bars": bars(days),
                "month_total": money(sum(day.revenue for day in days)),
                "chart": (CHART_WIDTH, CHART_HEIGHT),
                "top": [
                    (item, money(item.revenue)) for item in dashboard.top_sellers()
                ],
                "attention": attention(dashboard.attention()),
            }
        return super().index(request, (extra_context or {}) | numbers)


def shortcuts(request: HttpRequest) -> list[tuple[Any, str]]:
    """Lead to what this person may see and needs daily."""
    found = [
        (label, reverse(f"admin:{app}_{model}_changelist"))
        for label, app, model in DAILY
        if request.user.has_perm(f"{app}.view_{model}")
    ]
    if request.user.has_perm("analytics.view_dailysales"):
        found.append((_("Reports"), reverse("admin:analytics_report", args=["sales"])))
    return found


def _place(app_label: str) -> int:
    return ORDER.index(app_label) if app_label in ORDER else len(ORDER)


def figures(today: Takings, before: Takings) -> list[Figure]:
    """Put today's numbers beside those of the same weekday, up to the same time."""
    return [
        Figure(
            label=_("Paid orders"),
            today=f"{today.orders:,}",
            before=f"{before.orders:,}",
            difference=difference(today.orders, before.orders),
        ),
        *(
            Figure(label, money(new), money(old), difference(new, old))
            for label, new, old in (
                (_("Revenue"), today.revenue, before.revenue),
                (_("Average order"), today.average, before.average),
                (_("Refunds"), today.refunds, before.refunds),
            )
        ),
    ]


def difference(new: int, old: int) -> str:
    """Write by how many percent ``new`` is above or below ``old``."""
    if not old:
        return "–"
    return f"{(new - old) * 100 // old:+d} %"


def bars(days: list[DayRevenue]) -> list[Bar]:
    """Lay the days out in the chart; a day of more refunds than sales has no bar."""
    step = CHART_WIDTH / len(days)
    highest = max(*(day.revenue for day in days), 1)
    heights = [max(day.revenue, 0) * CHART_HEIGHT / highest for day in days]
    return [
        Bar(
            day=day.day,
            text=money(day.revenue),
            units=day.units,
            x=round(place * step + GAP / 2, 1),
            y=round(CHART_HEIGHT - height, 1),
            width=round(step - GAP, 1),
            height=round(height, 1),
        )
        for place, (day, height) in enumerate(zip(days, heights, strict=True))
    ]


def attention(counts: dashboard.Attention) -> list[tuple[Any, int, str]]:
    """Say what needs somebody: label, number, and where to see to it."""
    orders = reverse("admin:orders_order_changelist")
    stock = reverse("admin:inventory_stock_changelist")
    dispatches = reverse("admin:outbox_dispatch_changelist")
    payments = reverse("admin:payments_payment_changelist")
    legs = reverse("admin:payments_refundleg_changelist")
    messages = reverse("admin:payments_providerevent_changelist")
    return [
        (
            _("Unpaid orders about to expire"),
            counts.expiring,
            f"{orders}?attention=expiring",
        ),
        (
            _("Paid over a day ago, not shipped"),
            counts.late,
            f"{orders}?attention=late",
        ),
        (_("Products low in stock"), counts.low_stock, f"{stock}?level=low"),
        (
            _("Messages late or given up"),
            counts.undelivered,
            f"{dispatches}?state=stuck",
        ),
        (
            _("Money taken that bought nothing"),
            counts.stuck_payments,
            f"{payments}?attention=stuck",
        ),
        (
            _("Refunds that a provider refused"),
            counts.refused_refunds,
            f"{legs}?state__exact=refused",
        ),
        (
            _("Messages about money that fit nothing"),
            counts.parked_events,
            f"{messages}?state__exact=parked",
        ),
        (
            _("Reviews to moderate"),
            counts.reviews,
            f"{reverse('admin:reviews_review_changelist')}?queue=open",
        ),
    ]
