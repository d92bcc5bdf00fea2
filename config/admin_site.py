"""The staff's site: Django's admin with a dashboard of our own."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from accounts import staff_hours
from config.admin_login import StaffSignInForm

DAILY = (
    (_("Orders"), "orders", "order"),
    (_("Products"), "catalog", "product"),
    (_("Stock"), "inventory", "stock"),
    (_("Coupons"), "coupons", "couponbatch"),
    (_("Points"), "points", "pointaccount"),
    (_("Shoppers"), "accounts", "user"),
)
# Pages that look at more than the app whose address they have may know of. They stand
# here by name, as their modules cannot be read before this site is.
PAGES = (
    (
        "promotions/promotion/<int:promotion_id>/simulate/",
        "checkout.admin_simulator.simulate_page",
        "promotions_promotion_simulate",
    ),
    ("dashboard.csv", "config.admin_dashboard.csv", "dashboard_csv"),
    ("outbox/stream/", "analytics.admin_stream.stream_page", "outbox_stream"),
    *(
        (
            f"coupons/couponbatch/<int:batch_id>/{at}",
            page,
            f"coupons_couponbatch_{name}",
        )
        for at, page, name in (
            ("live/", "analytics.admin_campaigns.live_page", "live"),
            ("live/now/", "analytics.admin_campaigns.live_part", "now"),
            ("segment/", "analytics.admin_campaigns.segment_page", "segment"),
            ("holders.csv", "analytics.admin_campaigns.holders", "holders"),
            ("ticket/", "config.admin_ticket.framed_ticket", "ticket"),
        )
    ),
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


class ShopAdminSite(AdminSite):
    """Staff land on what happened and on what needs them."""

    index_title = _("Today")
    login_form = StaffSignInForm
    # The tables need the width; the header leads to what is needed daily.
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        lacks = getattr(request.user, "lacks_second_step", False)
        if lacks or not super().has_permission(request):
            return False
        return not staff_hours.is_over(request.session)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if getattr(request.user, "lacks_second_step", False):
            messages.warning(request, _("Set up a second step for signing in first."))
            return redirect("shop:security")
        if staff_hours.is_over(request.session):
            logout(request)
            messages.info(request, _("Sign in again, please."))
        answer = super().login(request, extra_context)
        if request.method == "POST" and request.user.is_authenticated:
            staff_hours.begin(request.session, request.user)
        return answer

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return super().each_context(request) | {
            "site_header": settings.SHOP_NAME,
            "site_title": settings.SHOP_NAME,
            "shortcuts": shortcuts(request),
        }

    def get_urls(self) -> list[Any]:
        return [
            *(
                path(at, self.admin_view(import_string(page)), name=name)
                for at, page, name in PAGES
            ),
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
        shown = import_string("config.admin_dashboard.context")(request)
        return super().index(request, (extra_context or {}) | shown)


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
