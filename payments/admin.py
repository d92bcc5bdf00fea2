"""Money in and money back; both follow from what happens to orders."""

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from common.admin import ReadOnlyAdmin, ReadOnlyInline, display, register
from common.money import money
from payments.models import Payment, Refund, RefundLine


class RefundInline(ReadOnlyInline[Refund]):
    """What was given back of a payment."""

    model = Refund
    fields = ["refunded_at", "amount", "reason", "actor"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return super().get_queryset(request).select_related("actor")


class RefundLineInline(ReadOnlyInline[RefundLine]):
    """Which goods a refund was for."""

    model = RefundLine
    fields = ["product", "quantity", "amount"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefundLine]:
        return super().get_queryset(request).select_related("product", "order_line")


@register(Payment)
class PaymentAdmin(ReadOnlyAdmin[Payment]):
    """One captured payment per paid order."""

    list_display = [
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
    inlines = [RefundInline]

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
    list_select_related = ["payment__order", "actor"]
    list_filter = ["refunded_at"]
    search_fields = ["=payment__order__number", "reason"]
    ordering = ["-id"]
    inlines = [RefundLineInline]

    @display(description=_("order"))
    def order(self, refund: Refund) -> str:
        return refund.payment.order.number

    @display(description=_("amount"), ordering="amount")
    def amount_text(self, refund: Refund) -> str:
        return money(refund.amount)
