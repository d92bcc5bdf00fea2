"""Payments, as staff see them: what needs a human, and what can be done about it."""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from checkout import providers, settling
from common.admin import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    action,
    display,
    register,
    tag,
)
from common.money import money
from payments.admin import PaidBackInline
from payments.models import OPEN, Payment, PaymentState, ProviderEvent

COLOURS = {
    PaymentState.CREATED: "off",
    PaymentState.PROCESSING: "warn",
    PaymentState.AUTHORISED: "info",
    PaymentState.CAPTURED: "good",
    PaymentState.FAILED: "bad",
    PaymentState.VOIDED: "off",
}


class NeedFilter(SimpleListFilter):
    """Keeps money that is neither an order nor on its way back, or is not decided."""

    title = _("attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("stuck", _("Taken, and bought nothing")),
            ("open", _("Not decided yet")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Payment]
    ) -> QuerySet[Payment]:
        if self.value() == "stuck":
            return queryset.filter(pk__in=Payment.objects.stuck().values("pk"))
        if self.value() == "open":
            return queryset.filter(state__in=OPEN)
        return queryset


class ToldInline(ReadOnlyInline[ProviderEvent]):
    """What the provider told us of it."""

    model = ProviderEvent
    fields = ["received_at", "kind", "event_id", "state", "note"]
    ordering = ["id"]


@register(Payment)
class PaymentAdmin(ReadOnlyAdmin[Payment]):
    """Points, and at most one outside payment, per paid order."""

    list_display = [
        "id",
        "order",
        "method",
        "amount_text",
        "refunded_text",
        "state_tag",
        "captured_at",
    ]
    list_select_related = ["order"]
    list_filter = [NeedFilter, "state", "method", "captured_at"]
    search_fields = ["=order__number", "=provider_reference"]
    ordering = ["-id"]
    actions = ["ask_provider", "send_back"]
    inlines = [PaidBackInline, ToldInline]

    def offered_actions(self, request: HttpRequest, obj: Payment) -> list[str]:
        if obj.is_open and obj.is_outside and obj.provider_reference:
            return ["ask_provider"]
        is_stuck = Payment.objects.stuck().filter(pk=obj.pk).exists()
        return ["send_back"] if is_stuck else []

    @display(description=_("amount"), ordering="amount")
    def amount_text(self, payment: Payment) -> str:
        return money(payment.amount)

    @display(description=_("refunded"), ordering="refunded")
    def refunded_text(self, payment: Payment) -> str:
        return money(payment.refunded)

    @display(description=_("state"), ordering="state")
    def state_tag(self, payment: Payment) -> SafeString:
        colour = COLOURS[PaymentState(payment.state)]
        return tag(colour, payment.get_state_display())

    @action(_("Ask the provider now"))
    def ask_provider(
        self, request: HttpRequest, queryset: QuerySet[Payment]
    ) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda payment: providers.check(payment.pk),
            _("Ask the provider now"),
            calls_out=True,
        )

    @action(_("Send the money back…"))
    def send_back(
        self, request: HttpRequest, queryset: QuerySet[Payment]
    ) -> HttpResponse:
        return self.ask_why(
            request,
            queryset,
            _("Send the money back"),
            lambda payment, reason: settling.send_back(payment.pk, reason=reason),
        )
