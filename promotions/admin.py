"""Campaigns and promotions: what they give, what they cost, which come together."""

from typing import Any

from django import forms
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import (
    ModelAdmin,
    ReadOnlyAdmin,
    TabularInline,
    action,
    display,
    register,
    short,
    tag,
)
from common.money import money
from promotions import services as promotions
from promotions.models import (
    Campaign,
    Promotion,
    PromotionCategory,
    PromotionProduct,
    PromotionUse,
    UseState,
)
from promotions.pricing import PromotionKind
from promotions.summary import sentence, state_of

BAR = 120  # length of the bar, in pixels
STATES = {
    "running": ("good", _("Running")),
    "scheduled": ("info", _("Scheduled")),
    "paused": ("warn", _("Paused")),
    "spent": ("off", _("Budget spent")),
    "over": ("off", _("Over")),
}
LARGEST = 10**12


class PromotionForm(forms.ModelForm[Promotion]):
    """Refuses, beside the field, what the database would refuse."""

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        self._check_value(given)
        self._check_amounts(given)
        starts, ends = given.get("starts_at"), given.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("It has to end after it starts."))
        if "budget" not in self.errors:
            self._check_budget(given.get("budget"))
        return given

    def _check_value(self, given: dict[str, Any]) -> None:
        kind, value = given.get("kind"), given.get("value")
        take, pay = given.get("take") or 0, given.get("pay") or 0
        if kind == PromotionKind.PERCENT and value is not None:
            if not 1 <= value <= 100:  # noqa: PLR2004 — of a hundred
                self.add_error("value", _("A percentage is from 1 to 100."))
        elif kind == PromotionKind.FIXED and value is not None and value < 1:
            self.add_error("value", _("How much is off?"))
        elif kind == PromotionKind.N_FOR_M:
            if pay < 1:
                self.add_error("pay", _("At least one unit is paid for."))
            elif take <= pay:
                self.add_error("take", _("More are taken than are paid for."))

    def _check_amounts(self, given: dict[str, Any]) -> None:
        for name, least in (("value", 0), ("min_spend", 0), ("max_discount", 1)):
            amount = given.get(name)
            if amount is None or name in self.errors:
                continue
            if amount < least:
                self.add_error(name, _("At least %s.") % least)
            elif amount > LARGEST:
                self.add_error(name, _("At most %s.") % LARGEST)

    def _check_budget(self, budget: int | None) -> None:
        if budget is not None and not 0 <= budget <= LARGEST:
            self.add_error("budget", _("From 0 to %s.") % LARGEST)
            return
        if self.instance._state.adding:  # noqa: SLF001 — Django's documented API
            return
        # Orders spend it while somebody types; from here on they wait.
        locked = Promotion.objects.select_for_update(no_key=True)
        now = locked.get(pk=self.instance.pk)
        if (now.budget is None) != (budget is None):
            self.add_error(
                "budget",
                _(
                    "What orders got was not counted, so it cannot get a budget later."
                    " End it and add another one."
                )
                if now.budget is None
                else _("A budget can be raised, but not taken away."),
            )
        elif budget is not None and budget < now.spent:
            self.add_error("budget", _("%s of it is spent.") % money(now.spent))


class CategoryInline(TabularInline[PromotionCategory]):
    """Shelves, with all that is below them."""

    model = PromotionCategory


class ProductInline(TabularInline[PromotionProduct]):
    """Single products."""

    model = PromotionProduct
    raw_id_fields = ["product"]


@register(Promotion)
class PromotionAdmin(ModelAdmin[Promotion]):
    """Terms may change while it runs; orders keep what they got."""

    form = PromotionForm
    list_display = ["name", "gives", "state_tag", "bar", "priority", "exclusive_group"]
    list_select_related = ["campaign"]
    list_filter = ["is_active", "kind", "audience", "campaign"]
    search_fields = ["name", "exclusive_group"]
    ordering = ["-priority", "id"]
    actions = ["pause", "resume"]
    inlines = [CategoryInline, ProductInline]
    readonly_fields = ["gives", "state_tag", "bar", "used", "together", "announced_at"]
    fieldsets = [
        (None, {"fields": ["name", "campaign", "gives", "state_tag", "bar", "used"]}),
        (
            _("What it gives"),
            {"fields": ["kind", "value", "take", "pay", "max_discount"]},
        ),
        (
            _("When and to whom"),
            {"fields": ["min_spend", "audience", "starts_at", "ends_at", "is_active"]},
        ),
        (
            _("With others, and how much"),
            {"fields": ["priority", "exclusive_group", "budget", "together"]},
        ),
        (_("Telling shoppers"), {"fields": ["announcement", "announced_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Promotion]:
        rows = super().get_queryset(request)
        return rows.prefetch_related("categories", "products")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and obj is not None and not obj.uses.exists()

    def offered_actions(self, request: HttpRequest, obj: Promotion) -> list[str]:
        return ["pause"] if obj.is_active else ["resume"]

    @display(description=_("gives"))
    def gives(self, promotion: Promotion) -> str:
        if promotion._state.adding:  # noqa: SLF001 — Django's documented API
            return "–"
        scope = [*promotion.categories.all(), *promotion.products.all()]
        return sentence(promotion, [str(one) for one in scope])

    @display(description=_("state"), ordering="starts_at")
    def state_tag(self, promotion: Promotion) -> SafeString | str:
        if promotion._state.adding:  # noqa: SLF001 — Django's documented API
            return "–"
        return tag(*STATES[state_of(promotion, timezone.now())])

    @display(description=_("spent"), ordering="spent")
    def bar(self, promotion: Promotion) -> SafeString | str:
        if promotion.budget is None:
            return "–"
        share = promotion.spent / promotion.budget if promotion.budget else 1
        numbers = {
            "spent": money(promotion.spent),
            "left": money(promotion.budget - promotion.spent),
        }
        return format_html(
            '<svg class="bar" width="{}" height="10" aria-hidden="true">'
            '<rect class="bar-all" width="{}" height="10" rx="5"/>'
            '<rect class="bar-part" width="{}" height="10" rx="5"/></svg> '
            "<span>{}</span>",
            BAR,
            BAR,
            round(BAR * share),
            _("%(spent)s spent, %(left)s left") % numbers,
        )

    @display(description=_("orders"))
    def used(self, promotion: Promotion) -> SafeString | str:
        if promotion._state.adding:  # noqa: SLF001 — Django's documented API
            return "–"
        found = promotion.uses.filter(state=UseState.TAKEN).aggregate(
            orders=Count("pk"), amount=Sum("amount", default=0)
        )
        return format_html(
            '<a href="{}?promotion__id__exact={}">{}</a>',
            reverse("admin:promotions_promotionuse_changelist"),
            promotion.pk,
            _("%(n)s orders got %(amount)s")
            % {"n": found["orders"], "amount": money(found["amount"])},
        )

    @display(description=_("comes together with"))
    def together(self, promotion: Promotion) -> SafeString | str:
        """Say of each other one that may run at the same time what would happen."""
        if promotion._state.adding:  # noqa: SLF001 — Django's documented API
            return "–"
        others = _beside(promotion)
        if not others:
            return str(_("No other promotion runs at the same time."))
        rows = format_html_join(
            "",
            "<tr><th scope='row'><a href='{}'>{}</a></th><td>{}</td><td>{}</td></tr>",
            (
                (
                    reverse("admin:promotions_promotion_change", args=[other.pk]),
                    other.name,
                    other.priority,
                    _meeting(promotion, other),
                )
                for other in others
            ),
        )
        return format_html(
            "<table><thead><tr><th scope='col'>{}</th><th scope='col'>{}</th>"
            "<th scope='col'>{}</th></tr></thead><tbody>{}</tbody></table>",
            _("promotion"),
            _("priority"),
            _("on the same order"),
            rows,
        )

    @action(_("Pause"))
    def pause(
        self, request: HttpRequest, queryset: QuerySet[Promotion]
    ) -> HttpResponse:
        return self._set_active(request, queryset, "no", _("Pause"))

    @action(_("Resume"))
    def resume(
        self, request: HttpRequest, queryset: QuerySet[Promotion]
    ) -> HttpResponse:
        return self._set_active(request, queryset, "yes", _("Resume"))

    def _set_active(
        self,
        request: HttpRequest,
        queryset: QuerySet[Promotion],
        active: str,
        title: Any,
    ) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda one: promotions.set_active(promotion_id=one.pk, active=active),
            title,
        )


def _beside(promotion: Promotion) -> list[Promotion]:
    """Return the others that are active at a time at which this one is."""
    most = 50
    others = Promotion.objects.exclude(pk=promotion.pk).filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=promotion.starts_at), is_active=True
    )
    if promotion.ends_at is not None:
        others = others.filter(starts_at__lt=promotion.ends_at)
    over = Q(ends_at__lte=timezone.now())
    return list(others.exclude(over).order_by("-priority", "id")[:most])


def _meeting(one: Promotion, other: Promotion) -> str:
    """Say what becomes of two promotions that both apply to an order."""
    is_first = (-one.priority, one.pk) < (-other.priority, other.pk)
    if one.exclusive_group and one.exclusive_group == other.exclusive_group:
        return str(
            _("only this one is given") if is_first else _("only that one is given")
        )
    return str(
        _("both: this one first, that one on what is left")
        if is_first
        else _("both: that one first, this one on what is left")
    )


@register(PromotionUse)
class PromotionUseAdmin(ReadOnlyAdmin[PromotionUse]):
    """What orders got; it changes with them."""

    list_display = ["taken", "promotion", "order_link", "worth", "state_tag"]
    list_select_related = ["promotion"]
    list_filter = ["state", "promotion"]
    search_fields = ["promotion__name"]
    ordering = ["-id"]

    @display(description=_("when"), ordering="taken_at")
    def taken(self, use: PromotionUse) -> str:
        return short(use.taken_at)

    @display(description=_("order"))
    def order_link(self, use: PromotionUse) -> SafeString:
        url = reverse("admin:orders_order_change", args=[use.order_id])
        return format_html('<a href="{}">{}</a>', url, str(use.order_id)[-12:])

    @display(description=_("amount"), ordering="amount")
    def worth(self, use: PromotionUse) -> str:
        return money(use.amount)

    @display(description=_("state"), ordering="state")
    def state_tag(self, use: PromotionUse) -> SafeString:
        colour = "good" if use.state == UseState.TAKEN else "off"
        return tag(colour, use.get_state_display())


@register(Campaign)
class CampaignAdmin(ModelAdmin[Campaign]):
    """Why something is given, to be judged as one."""

    list_display = ["name", "promotion_count", "created_at"]
    search_fields = ["name"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        return super().get_queryset(request).annotate(count=Count("promotions"))

    @display(description=_("promotions"), ordering="count")
    def promotion_count(self, campaign: Campaign) -> int:
        return int(getattr(campaign, "count", 0))
