"""Money in and money back; both follow from what happens to orders."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    action,
    display,
    register,
    tag,
)
from common.money import money
from payments import refunds
from payments import services as payments
from payments.models import (
    InboxState,
    LegState,
    ProviderEvent,
    Refund,
    RefundLeg,
    RefundLine,
)

LEG_COLOURS = {
    LegState.PENDING: "info",
    LegState.DONE: "good",
    LegState.REFUSED: "bad",
}
# What can be done about a refused one.
LEG_ACTIONS = ["ask_again", "pay_as_points", "pay_elsewhere"]


class PaidBackInline(ReadOnlyInline[RefundLeg]):
    """What was given back of a payment."""

    model = RefundLeg
    fields = ["refund", "amount", "state", "done_at", "note"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefundLeg]:
        return super().get_queryset(request).select_related("refund")


class RefundLegInline(ReadOnlyInline[RefundLeg]):
    """Where a refund went to."""

    model = RefundLeg
    fields = ["payment", "amount", "state", "provider_reference", "done_at", "note"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefundLeg]:
        return super().get_queryset(request).select_related("payment")


class RefundLineInline(ReadOnlyInline[RefundLine]):
    """Which goods a refund was for."""

    model = RefundLine
    fields = ["product", "quantity", "amount"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefundLine]:
        return super().get_queryset(request).select_related("product", "order_line")


@register(Refund)
class RefundAdmin(ReadOnlyAdmin[Refund]):
    """Money that went back, never more than had come."""

    list_display = ["refunded_at", "order", "amount_text", "reason", "actor"]
    list_select_related = ["order", "actor"]
    list_filter = ["legs__state", "refunded_at"]
    search_fields = ["=order__number", "reason"]
    ordering = ["-id"]
    inlines = [RefundLegInline, RefundLineInline]

    @display(description=_("amount"), ordering="amount")
    def amount_text(self, refund: Refund) -> str:
        return money(refund.amount)


@register(RefundLeg)
class RefundLegAdmin(ReadOnlyAdmin[RefundLeg]):
    """Money on its way back. What a provider refuses is for staff to decide."""

    list_display = [
        "refunded_at",
        "order",
        "amount_text",
        "method",
        "state_tag",
        "note",
        "done_at",
    ]
    list_select_related = ["refund", "payment__order"]
    list_filter = ["state", "payment__method"]
    search_fields = ["=payment__order__number", "=provider_reference"]
    ordering = ["-id"]
    actions = LEG_ACTIONS

    @display(description=_("time"), ordering="refund__refunded_at")
    def refunded_at(self, leg: RefundLeg) -> Any:
        return leg.refund.refunded_at

    @display(description=_("order"))
    def order(self, leg: RefundLeg) -> str:
        return leg.payment.order.number if leg.payment.order else "–"

    @display(description=_("amount"), ordering="amount")
    def amount_text(self, leg: RefundLeg) -> str:
        return money(leg.amount)

    @display(description=_("method"), ordering="payment__method")
    def method(self, leg: RefundLeg) -> str:
        return str(leg.payment.get_method_display())

    @display(description=_("state"), ordering="state")
    def state_tag(self, leg: RefundLeg) -> SafeString:
        return tag(LEG_COLOURS[LegState(leg.state)], leg.get_state_display())

    def offered_actions(self, request: HttpRequest, obj: RefundLeg) -> list[str]:
        return LEG_ACTIONS if obj.state == LegState.REFUSED else []

    @action(_("Ask the provider once more"))
    def ask_again(
        self, request: HttpRequest, queryset: QuerySet[RefundLeg]
    ) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda leg: refunds.ask_again(leg.pk),
            _("Ask the provider once more"),
        )

    @action(_("Pay it back as points…"))
    def pay_as_points(
        self, request: HttpRequest, queryset: QuerySet[RefundLeg]
    ) -> HttpResponse:
        return self.ask_why(
            request,
            queryset,
            _("Pay it back as points"),
            lambda leg, _reason: refunds.pay_as_points(leg.pk),
        )

    @action(_("It was paid back another way…"))
    def pay_elsewhere(
        self, request: HttpRequest, queryset: QuerySet[RefundLeg]
    ) -> HttpResponse:
        return self.ask_why(
            request,
            queryset,
            _("Say how it was paid back"),
            lambda leg, reason: refunds.pay_elsewhere(leg.pk, note=reason),
        )


@register(ProviderEvent)
class ProviderEventAdmin(ReadOnlyAdmin[ProviderEvent]):
    """What providers told us; parked ones wait for somebody to look into them."""

    list_display = ["received_at", "provider", "kind", "payment", "state", "note"]
    list_select_related = ["payment"]
    list_filter = ["state", "provider"]
    search_fields = ["=event_id", "=reference"]
    ordering = ["-id"]
    actions = ["close"]

    def offered_actions(self, request: HttpRequest, obj: ProviderEvent) -> list[str]:
        return ["close"] if obj.state == InboxState.PARKED else []

    @action(_("Seen to…"))
    def close(
        self, request: HttpRequest, queryset: QuerySet[ProviderEvent]
    ) -> HttpResponse:
        return self.ask_why(
            request,
            queryset,
            _("Say what was done about it"),
            lambda event, reason: payments.close_event(event.pk, note=reason),
        )
