"""Rules for personal discounts, what they decided, and what they bring."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from analytics import segments
from analytics.models import CustomerSegment
from analytics.reports.campaigns import Confidence
from analytics.reports.personal import report
from common.admin import ModelAdmin, ReadOnlyAdmin, action, display, register
from common.money import money
from coupons.models import DiscountKind, PersonalOffer, PersonalRule
from coupons.personal import committed

CONFIDENCE = {
    Confidence.NONE: _("nobody to compare with yet"),
    Confidence.SMALL: _("too few customers to tell"),
    Confidence.CHANCE: _("may be chance"),
    Confidence.LIKELY: _("hardly chance"),
}
# What the rule gives is on coupons that are out; only its limits may move.
TERMS = ["segment", "kind", "value", "max_discount", "min_spend", "days_valid"]


class RuleForm(forms.ModelForm[PersonalRule]):
    """Says which of the values do not go together, beside them."""

    class Meta:
        model = PersonalRule
        fields = "__all__"  # noqa: DJ007 — the admin names them

    def clean(self) -> dict[str, Any]:
        clean: dict[str, Any] = super().clean() or {}
        self._check_budget(clean.get("budget"))
        if clean.get("kind") != DiscountKind.PERCENT:
            return clean
        if not 1 <= (clean.get("value") or 0) <= 100:  # noqa: PLR2004 — per cent
            self.add_error("value", _("A percentage is between 1 and 100."))
        if clean.get("max_discount") is None:
            self.add_error("max_discount", _("A percentage needs a limit."))
        return clean

    def _check_budget(self, budget: int | None) -> None:
        if budget is None or self.instance.pk is None:
            return
        least = committed(self.instance)
        if budget < least:
            self.add_error(
                "budget",
                _("Its coupons that are out can take off %(least)s.")
                % {"least": money(least)},
            )


@register(PersonalRule)
class PersonalRuleAdmin(ModelAdmin[PersonalRule]):
    """The terms are fixed once somebody was thought of."""

    form = RuleForm
    list_display = [
        "name",
        "segment",
        "gives",
        "budget_text",
        "days_valid",
        "is_active",
    ]
    list_filter = ["is_active", "segment"]
    search_fields = ["name"]
    ordering = ["-id"]
    actions = ["decide_now"]
    object_actions = ["decide_now"]
    fields = [
        "name",
        "campaign",
        *TERMS,
        "pause_days",
        "budget",
        "holdout_percent",
        "is_active",
        "what_it_brings",
    ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: PersonalRule | None = None
    ) -> list[str]:
        if obj is None or not obj.offers.exists():
            return ["what_it_brings"]
        # Another share would be another lot.
        return [*TERMS, "holdout_percent", "what_it_brings"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and obj is not None and not obj.offers.exists()

    @display(description=_("gives"))
    def gives(self, rule: PersonalRule) -> str:
        if rule.kind == DiscountKind.FIXED:
            return money(rule.value)
        return _("%(percent)s %%, at most %(most)s") % {
            "percent": rule.value,
            "most": money(rule.max_discount),
        }

    @display(description=_("budget"), ordering="budget")
    def budget_text(self, rule: PersonalRule) -> str:
        return money(rule.budget)

    @display(description=_("what it brings"))
    def what_it_brings(self, rule: PersonalRule) -> SafeString | str:
        if rule._state.adding:  # noqa: SLF001 — Django has no other word for it
            return "–"
        found = report(rule)
        rows: list[tuple[Any, Any]] = [
            (_("Coupons given"), found.offered),
            (_("of them used"), found.used),
            (_("Left out by lot"), found.held_out),
            (
                _("Spent or promised of the budget"),
                f"{money(found.committed)} / {money(rule.budget)}",
            ),
            (_("Spending per head with a coupon"), money(round(found.offered_mean))),
            (_("Spending per head without"), money(round(found.held_out_mean))),
            (_("The coupon's doing, per head"), _difference(found.uplift)),
        ]
        cells = format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", rows)
        return format_html('<table class="bill">{}</table>', cells)

    @action(_("Decide now"))
    def decide_now(
        self, request: HttpRequest, queryset: QuerySet[PersonalRule]
    ) -> HttpResponse:
        segments.sort_customers()
        return self.do_to_each(
            request,
            queryset.order_by("pk"),
            segments.decide,
            _("Decide now"),
        )


def _difference(uplift: Any) -> str:
    said = CONFIDENCE[uplift.confidence]
    if uplift.confidence == Confidence.NONE:
        return str(said)
    return _("%(amount)s (between %(low)s and %(high)s; %(said)s)") % {
        "amount": money(round(uplift.amount)),
        "low": money(round(uplift.low)),
        "high": money(round(uplift.high)),
        "said": said,
    }


@register(PersonalOffer)
class PersonalOfferAdmin(ReadOnlyAdmin[PersonalOffer]):
    """Who got a coupon of their own, and who was left out by lot."""

    list_display = ["decided_at", "rule", "user", "segment", "orders", "coupon"]
    list_select_related = ["rule", "user", "coupon__batch"]
    list_filter = ["rule", "segment"]
    search_fields = ["=user__email"]
    ordering = ["-id"]


@register(CustomerSegment)
class CustomerSegmentAdmin(ReadOnlyAdmin[CustomerSegment]):
    """How each customer buys, as last counted."""

    list_display = [
        "user",
        "segment",
        "last_paid_on",
        "orders",
        "recent_orders",
        "recent_text",
    ]
    list_select_related = ["user"]
    list_filter = ["segment"]
    search_fields = ["=user__email"]
    ordering = ["-recent_spent", "user"]

    @display(description=_("spent in 90 days"), ordering="recent_spent")
    def recent_text(self, row: CustomerSegment) -> str:
        return money(row.recent_spent)
