"""Money in and money back; both follow from what happens to orders."""

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from common.admin import ReadOnlyAdmin, ReadOnlyInline, display, register
from common.money import money
from payments.models import Payment, ProviderEvent, Refund, RefundLeg, RefundLine


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


@register(Payment)
class PaymentAdmin(ReadOnlyAdmin[Payment]):
    """Points, and at most one outside payment, per paid order."""

    list_display = [
        "id",
        "order",
        "method",
        "amount_text",
        "refunded_text",
        "state",
        "captured_at",
    ]
    list_select_related = ["order"]
    list_filter = ["state", "method", "captured_at"]
    search_fields = ["=order__number", "=provider_reference"]
    ordering = ["-id"]
    inlines = [PaidBackInline]

    @display(description=_("amount"), ordering="amount")
    def amount_text(self, payment: Payment) -> str:
        return money(payment.amount)

    @display(description=_("refunded"), ordering="refunded")
    def refunded_text(self, payment: Payment) -> str:
        return money(payment.refunded)


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


@register(ProviderEvent)
class ProviderEventAdmin(ReadOnlyAdmin[ProviderEvent]):
    """What providers told us; parked ones wait for somebody to look into them."""

    list_display = ["received_at", "provider", "kind", "payment", "state", "note"]
    list_select_related = ["payment"]
    list_filter = ["state", "provider"]
    search_fields = ["=event_id", "=reference"]
    ordering = ["-id"]
