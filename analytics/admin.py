"""Sales by day, as the rollup last counted them, and the reports."""

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from analytics import services as analytics
from analytics.admin_personal import PersonalRuleAdmin as PersonalRuleAdmin
from analytics.admin_recommendations import PairRunAdmin as PairRunAdmin
from analytics.admin_reports import ReportsAdmin
from analytics.models import DailySales
from common.admin import action, display, register
from common.money import money


@register(DailySales)
class DailySalesAdmin(ReportsAdmin):
    """A day is never edited: it is counted again."""

    list_display = [
        "day",
        "product",
        "units",
        "orders",
        "revenue_text",
        "refunded_units",
        "refunded_text",
    ]
    list_select_related = ["product"]
    list_filter = ["day"]
    search_fields = ["=product__sku", "product__name"]
    ordering = ["-day", "-units"]
    actions = ["roll_up_again"]
    object_actions = ["roll_up_again"]

    @display(description=_("revenue"), ordering="revenue")
    def revenue_text(self, sales: DailySales) -> str:
        return money(sales.revenue)

    @display(description=_("refunded"), ordering="refunded")
    def refunded_text(self, sales: DailySales) -> str:
        return money(sales.refunded)

    @action(_("Roll up these days again"))
    def roll_up_again(
        self, request: HttpRequest, queryset: QuerySet[DailySales]
    ) -> HttpResponse:
        days = set(queryset.values_list("day", flat=True))
        changed = sum(analytics.roll_up_day(day) for day in sorted(days))
        self.message_user(
            request,
            _("Days rolled up again: %(days)s. Rows that differed: %(changed)s.")
            % {"days": len(days), "changed": changed},
        )
        return self.back(request)
