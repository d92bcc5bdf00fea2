"""Coupon drops, and who holds what of them."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import (
    ModelAdmin,
    ReadOnlyAdmin,
    action,
    display,
    register,
    tag,
)
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
COLOURS = {
    CouponState.ISSUED: "info",
    CouponState.RESERVED: "warn",
    CouponState.USED: "good",
}


@register(CouponBatch)
class CouponBatchAdmin(ModelAdmin[CouponBatch]):
    """What a coupon gives is fixed once the first one is out."""

    list_display = ["name", "gives", "bar", "opens_at", "valid_until", "is_active"]
    list_filter = ["is_active", "kind", "opens_at"]
    search_fields = ["name"]
    ordering = ["-id"]
    actions = ["pause", "resume"]
    fields = ["name", *TERMS, "bar"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: CouponBatch | None = None
    ) -> list[str]:
        if obj is None or not obj.issued:
            return ["bar"]
        return [*TERMS, "bar"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and obj is not None and not obj.issued

    def offered_actions(self, request: HttpRequest, obj: CouponBatch) -> list[str]:
        return ["pause"] if obj.is_active else ["resume"]

    @display(description=_("gives"))
    def gives(self, batch: CouponBatch) -> str:
        is_percent = batch.kind == DiscountKind.PERCENT
        return f"{batch.value} %" if is_percent else money(batch.value)

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

    @action(_("Pause"))
    def pause(
        self, request: HttpRequest, queryset: QuerySet[CouponBatch]
    ) -> HttpResponse:
        return self._set_active(request, queryset, "no", _("Pause"))

    @action(_("Resume"))
    def resume(
        self, request: HttpRequest, queryset: QuerySet[CouponBatch]
    ) -> HttpResponse:
        return self._set_active(request, queryset, "yes", _("Resume"))

    def _set_active(
        self,
        request: HttpRequest,
        queryset: QuerySet[CouponBatch],
        active: str,
        title: Any,
    ) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda batch: coupons.set_active(batch_id=batch.pk, active=active),
            title,
        )


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
