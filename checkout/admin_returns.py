"""Returns, as staff answer them and take them in."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from checkout import returns
from common.admin import ReadOnlyAdmin, action, display, register, tag
from common.db import use_case
from common.errors import DomainError
from orders.models import (
    NEXT_RETURN_STATES,
    Return,
    ReturnLine,
    ReturnState,
)

COLOURS = {
    ReturnState.REQUESTED: "warn",
    ReturnState.APPROVED: "info",
    ReturnState.RECEIVED: "good",
    ReturnState.REJECTED: "off",
    ReturnState.WITHDRAWN: "off",
}
# What brings a return into a state.
ACTIONS = {
    ReturnState.APPROVED: "approve",
    ReturnState.REJECTED: "reject",
    ReturnState.RECEIVED: "receive",
    ReturnState.WITHDRAWN: "close",
}


class AnswerForm(forms.Form):
    """Asks what the shopper is told."""

    answer = forms.CharField(label=_("Answer to the shopper"), max_length=500)


class ReceiveForm(forms.Form):
    """Asks how many of each line can be sold again; the others are written off."""

    delivery = forms.IntegerField(
        label=_("Of the delivery cost"),
        min_value=0,
        required=False,
        help_text=_("Given back in addition. Empty: nothing."),
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=200, initial=_("The goods came back")
    )

    def __init__(self, *args: Any, lines: list[ReturnLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        for line in lines:
            field = forms.IntegerField(min_value=0, max_value=line.quantity)
            field.initial = line.quantity
            field.widget.attrs["aria-label"] = line.order_line.name
            self.fields[f"line_{line.order_line_id}"] = field

    def rows(self) -> list[tuple[ReturnLine, Any]]:
        """Return each line with its field."""
        return [(line, self[f"line_{line.order_line_id}"]) for line in self.lines]

    def restocked(self) -> dict[int, int]:
        """Return what goes back on the shelf, by line id."""
        return {
            line.order_line_id: self.cleaned_data[f"line_{line.order_line_id}"]
            for line in self.lines
        }


@register(Return)
class ReturnAdmin(ReadOnlyAdmin[Return]):
    """Nothing of a return is edited; it is answered, and taken in."""

    list_display = ["number", "tagged", "goods", "reason", "requested_at", "closed_at"]
    list_filter = ["state", "requested_at"]
    list_select_related = ["order"]
    search_fields = ["order__number"]
    search_help_text = _("Order number")
    ordering = ["-id"]
    actions = ["approve", "reject", "receive", "close"]
    fieldsets = (
        (None, {"fields": ("order_link", "tagged", "goods", "reason", "answer")}),
        (_("Times"), {"fields": ("requested_at", "closed_at")}),
    )
    readonly_fields = ["order_link", "tagged", "goods"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Return]:
        return super().get_queryset(request).prefetch_related("lines__order_line")

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.receive_page)
        own = path("<int:return_id>/receive/", page, name="orders_return_receive")
        return [own, *super().get_urls()]

    def offered_actions(self, request: HttpRequest, obj: Return) -> list[str]:
        nexts = NEXT_RETURN_STATES[ReturnState(obj.state)]
        return [name for state, name in ACTIONS.items() if state in nexts]

    def has_refund_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may give money back."""
        return request.user.has_perm("payments.add_refund")

    @display(description=_("order"), ordering="order__number")
    def number(self, asked: Return) -> str:
        return asked.order.number

    @display(description=_("order"))
    def order_link(self, asked: Return) -> SafeString:
        url = reverse("admin:orders_order_change", args=[asked.order_id])
        return format_html('<a href="{}">{}</a>', url, asked.order.number)

    @display(description=_("state"), ordering="state")
    def tagged(self, asked: Return) -> SafeString:
        return tag(COLOURS[ReturnState(asked.state)], asked.get_state_display())

    @display(description=_("goods"))
    def goods(self, asked: Return) -> SafeString:
        is_in = asked.state == ReturnState.RECEIVED
        rows = [
            (
                line.quantity,
                line.order_line.name,
                _("(%(n)s on the shelf)") % {"n": line.restocked} if is_in else "",
            )
            for line in asked.lines.all()
        ]
        return format_html_join(SafeString("<br>"), "{} × {} {}", rows)

    @action(_("Approve…"))
    def approve(self, request: HttpRequest, queryset: QuerySet[Return]) -> HttpResponse:
        return self._answer(request, queryset, returns.approve, _("Approve"))

    @action(_("Reject…"))
    def reject(self, request: HttpRequest, queryset: QuerySet[Return]) -> HttpResponse:
        return self._answer(request, queryset, returns.reject, _("Reject"))

    @action(_("Nothing came: close it"))
    def close(self, request: HttpRequest, queryset: QuerySet[Return]) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda asked: returns.close(return_id=asked.pk),
            _("Closed"),
        )

    @action(_("Take in and refund…"), permission="refund")
    def receive(self, request: HttpRequest, queryset: QuerySet[Return]) -> HttpResponse:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, str(_("One return at a time.")), messages.ERROR)
            return self.back(request)
        url = reverse("admin:orders_return_receive", args=[chosen[0].pk])
        return HttpResponseRedirect(url)

    def receive_page(self, request: HttpRequest, return_id: int) -> HttpResponse:
        """Ask what came in good shape, then take it in and refund it."""
        if not self.has_refund_permission(request):
            raise PermissionDenied
        asked = get_object_or_404(Return.objects.select_related("order"), pk=return_id)
        lines = asked.lines.select_related("order_line").order_by("pk")
        form = ReceiveForm(request.POST or None, lines=list(lines))
        if form.is_valid() and self._received(request, asked, form):
            return HttpResponseRedirect(
                reverse("admin:orders_return_change", args=[asked.pk])
            )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "asked": asked,
            "form": form,
            "title": _("Take in and refund"),
            "subtitle": asked.order.number,
        }
        return TemplateResponse(request, "admin/orders/receive.html", context)

    def _received(self, request: HttpRequest, asked: Return, form: ReceiveForm) -> bool:
        def do(asked: Return) -> Return:
            return returns.receive(
                return_id=asked.pk,
                restocked=form.restocked(),
                delivery=form.cleaned_data["delivery"],
                actor_id=request.user.pk,
            )

        done = _("Taken in and refunded")
        try:
            use_case(self._do_and_tell)(
                request, asked, do, done, form.cleaned_data["reason"]
            )
        except DomainError as error:
            self.message_user(request, str(error.detail), messages.ERROR)
            return False
        self.message_user(request, str(_("Taken in and refunded.")), messages.SUCCESS)
        return True

    def _answer(
        self,
        request: HttpRequest,
        queryset: QuerySet[Return],
        step: Callable[..., Return],
        title: Any,
    ) -> HttpResponse:
        return self.ask(
            request,
            queryset,
            form=AnswerForm,
            title=title,
            do=lambda asked, given: step(return_id=asked.pk, answer=given["answer"]),
        )
