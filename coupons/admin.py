"""Coupon drops, and who holds what of them."""

from typing import Any

from csp.constants import SELF
from csp.decorators import csp_update
from django import forms
from django.contrib.admin import SimpleListFilter
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from common.admin import (
    ModelAdmin,
    ReadOnlyAdmin,
    ReasonForm,
    action,
    display,
    register,
    tag,
)
from common.audit import Facts
from common.money import money
from coupons import services as coupons
from coupons.models import Coupon, CouponBatch, CouponState, DiscountKind

BAR = 120  # length of the bar, in pixels
TERMS = (
    "kind",
    "value",
    "max_discount",
    "min_spend",
    "quantity",
    "opens_at",
    "valid_from",
    "valid_until",
    "is_active",
)
SHOWN = ("summary", "state_tag", "bar", "ticket")
COLOURS = {
    CouponState.ISSUED: "info",
    CouponState.RESERVED: "warn",
    CouponState.USED: "good",
}
STATES = {
    "paused": (_("Paused"), "off"),
    "over": (_("Over"), "off"),
    "waiting": (_("Opens later"), "info"),
    "gone": (_("All gone"), "warn"),
    "open": (_("Open"), "good"),
}
MOST_PIECES = 1_000_000


class BatchForm(forms.ModelForm[CouponBatch]):
    """Says which of the values do not go together, beside them."""

    class Meta:
        model = CouponBatch
        fields = "__all__"  # noqa: DJ007 — the admin names them

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        value = given.get("value")
        is_percent = given.get("kind") == DiscountKind.PERCENT
        if value is not None and (value < 1 or (is_percent and value > 100)):  # noqa: PLR2004 — per cent
            self.add_error(
                "value",
                _("A percentage is between 1 and 100.")
                if is_percent
                else _("An amount is above zero."),
            )
        if (given.get("min_spend") or 0) < 0:
            self.add_error("min_spend", _("This cannot be below zero."))
        if given.get("max_discount") is not None and given["max_discount"] < 1:
            self.add_error("max_discount", _("An amount is above zero."))
        self._check_times(given)
        return given

    def _check_times(self, given: dict[str, Any]) -> None:
        until = given.get("valid_until")
        for name in ("valid_from", "opens_at"):
            moment = given.get(name)
            if until and moment and until <= moment:
                self.add_error("valid_until", _("It would be over before it begins."))
                return


class StockForm(ReasonForm):
    """Asks how many more, and why."""

    pieces = forms.IntegerField(
        label=_("More pieces"), min_value=1, max_value=MOST_PIECES
    )


class StateFilter(SimpleListFilter):
    """Keeps batches that are at one point of their life."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _colour) in STATES.items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[CouponBatch]
    ) -> QuerySet[CouponBatch]:
        now = timezone.now()
        running = queryset.filter(is_active=True, valid_until__gt=now)
        begun = running.filter(opens_at__lte=now)
        chosen = {
            "paused": queryset.filter(is_active=False, valid_until__gt=now),
            "over": queryset.filter(valid_until__lte=now),
            "waiting": running.filter(opens_at__gt=now, issued__lt=F("quantity")),
            "gone": running.filter(issued__gte=F("quantity")),
            "open": begun.filter(issued__lt=F("quantity")),
        }
        return chosen.get(self.value() or "", queryset)


@register(CouponBatch)
@method_decorator(csp_update({"frame-src": [SELF]}), name="change_view")
class CouponBatchAdmin(ModelAdmin[CouponBatch]):
    """What a coupon gives is fixed once the first one is out."""

    form = BatchForm
    list_display = ["name", "summary", "state_tag", "bar", "valid_until", "watch"]
    list_filter = [StateFilter, "kind", "is_personal"]
    search_fields = ["name"]
    ordering = ["-id"]
    actions = ["pause", "resume", "stop", "add_stock"]
    object_actions = ["pause", "resume", "stop", "add_stock"]
    change_form_template = "admin/coupons/batch.html"

    def get_fields(self, request: HttpRequest, obj: CouponBatch | None = None) -> Any:
        asked = ["name", *TERMS]
        return asked if obj is None else [*SHOWN, *asked]

    def get_readonly_fields(
        self, request: HttpRequest, obj: CouponBatch | None = None
    ) -> list[str]:
        if obj is None:
            return []
        # Paused and resumed for a reason, by the buttons.
        return [*SHOWN, *(TERMS if obj.issued else ["is_active"])]

    def facts(self, obj: CouponBatch) -> Facts:
        return {
            "is_active": obj.is_active,
            "quantity": obj.quantity,
            "issued": obj.issued,
        }

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and obj is not None and not obj.issued

    def offered_actions(self, request: HttpRequest, obj: CouponBatch) -> list[str]:
        state = state_of(obj)
        if state == "over":
            return []
        names = ["pause"] if obj.is_active else ["resume"]
        if not obj.is_personal:
            names += ["add_stock"] if state == "gone" else ["stop", "add_stock"]
        return names

    @display(description=_("in short"))
    def summary(self, batch: CouponBatch) -> str:
        return sentence(batch)

    @display(description=_("state"))
    def state_tag(self, batch: CouponBatch) -> SafeString:
        label, colour = STATES[state_of(batch)]
        return tag(colour, label)

    @display(description=_("issued"), ordering="issued")
    def bar(self, batch: CouponBatch) -> SafeString:
        share = batch.issued / batch.quantity if batch.quantity else 0
        return format_html(
            '<svg class="bar" width="{}" height="10" aria-hidden="true">'
            '<rect class="bar-all" width="{}" height="10" rx="5"/>'
            '<rect class="bar-part" width="{}" height="10" rx="5"/></svg> '
            "<span>{}</span>",
            BAR,
            BAR,
            round(BAR * share),
            _("%(issued)s issued, %(left)s left")
            % {"issued": batch.issued, "left": batch.left},
        )

    @display(description=_("as shoppers see it"))
    def ticket(self, batch: CouponBatch) -> SafeString:
        return format_html(
            # Without scripts and forms; its icons want to be of the same origin.
            '<iframe class="ticket-frame" src="{}" sandbox="allow-same-origin"'
            ' title="{}"></iframe>',
            reverse("admin:coupons_couponbatch_ticket", args=[batch.pk]),
            _("The coupon as shoppers see it"),
        )

    @display(description=_("live"))
    def watch(self, batch: CouponBatch) -> SafeString:
        url = reverse("admin:coupons_couponbatch_live", args=[batch.pk])
        return format_html('<a class="nowrap" href="{}">{}</a>', url, _("Watch live"))

    @action(_("Pause…"))
    def pause(
        self, request: HttpRequest, queryset: QuerySet[CouponBatch]
    ) -> HttpResponse:
        return self.ask_why(
            request,
            queryset,
            _("Pause"),
            lambda batch, _reason: coupons.set_active(batch_id=batch.pk, active="no"),
        )

    @action(_("Resume…"))
    def resume(
        self, request: HttpRequest, queryset: QuerySet[CouponBatch]
    ) -> HttpResponse:
        return self.ask_why(
            request,
            queryset,
            _("Resume"),
            lambda batch, _reason: coupons.set_active(batch_id=batch.pk, active="yes"),
        )

    @action(_("Stop handing out…"))
    def stop(
        self, request: HttpRequest, queryset: QuerySet[CouponBatch]
    ) -> HttpResponse:
        return self.ask_why(
            request,
            queryset,
            _("Stop handing out"),
            lambda batch, _reason: coupons.stop(batch_id=batch.pk),
        )

    @action(_("Add stock…"))
    def add_stock(
        self, request: HttpRequest, queryset: QuerySet[CouponBatch]
    ) -> HttpResponse:
        return self.ask(
            request,
            queryset,
            form=StockForm,
            title=_("Add stock"),
            do=lambda batch, given: coupons.add_stock(
                batch_id=batch.pk, pieces=given["pieces"]
            ),
        )


def sentence(batch: CouponBatch) -> str:
    """Say in plain words what a batch gives, to how many, and from when."""
    if batch.kind == DiscountKind.PERCENT:
        parts: list[Any] = [_("%(percent)s %% off") % {"percent": batch.value}]
        if batch.max_discount is not None:
            parts.append(_("at most %(most)s") % {"most": money(batch.max_discount)})
    else:
        parts = [_("%(amount)s off") % {"amount": money(batch.value)}]
    if batch.min_spend:
        parts.append(_("orders from %(least)s") % {"least": money(batch.min_spend)})
    else:
        parts.append(_("any order"))
    parts.append(_("%(number)s pieces") % {"number": f"{batch.quantity:,}"})
    opens = localtime(batch.opens_at)
    is_past = batch.opens_at <= timezone.now()
    said = _("opened %(at)s") if is_past else _("opens %(at)s")
    parts.append(said % {"at": f"{date_format(opens, 'j M, H:i')} {opens.tzname()}"})
    return ", ".join(str(part) for part in parts)


def state_of(batch: CouponBatch) -> str:
    """Return where a batch is in its life: one of ``STATES``."""
    now = timezone.now()
    if batch.valid_until <= now:
        return "over"
    if not batch.is_active:
        return "paused"
    if batch.left <= 0:
        return "gone"
    return "open" if batch.opens_at <= now else "waiting"


@register(Coupon)
class CouponAdmin(ReadOnlyAdmin[Coupon]):
    """Coupons go from hand to order and back by themselves."""

    list_display = ["batch", "serial", "user", "state_tag", "order", "issued_at"]
    list_select_related = ["batch", "user", "order"]
    list_filter = ["state", "issued_at"]
    search_fields = ["=user__email", "batch__name", "=order__number"]
    ordering = ["-id"]

    @display(description=_("state"), ordering="state")
    def state_tag(self, coupon: Coupon) -> SafeString:
        colour = COLOURS.get(CouponState(coupon.state), "off")
        return tag(colour, coupon.get_state_display())
