"""Invoices and packing slips for staff: of one order, of a parcel, of a whole list."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from checkout import documents
from common.admin import ReadOnlyAdmin, action, display
from orders.models import Fulfilment, Order

MOST_SLIPS = 100  # at once


class PapersAdmin(ReadOnlyAdmin[Order]):
    """Adds what can be printed to the admin of orders."""

    def get_urls(self) -> list[URLPattern]:
        pages: tuple[tuple[str, str, Callable[..., HttpResponse]], ...] = (
            ("<uuid:order_id>/invoice/", "invoice", self.invoice),
            ("<uuid:order_id>/packing-slip/", "slip", self.slip),
            (
                "<uuid:order_id>/parcels/<int:parcel_id>/packing-slip/",
                "parcel_slip",
                self.parcel_slip,
            ),
        )
        return [
            *(
                path(address, self.admin_site.admin_view(view), name=f"orders_{name}")
                for address, name, view in pages
            ),
            *super().get_urls(),
        ]

    @display(description=_("papers"))
    def papers(self, order: Order) -> SafeString | str:
        """Link what can be printed, each as a page and as PDF."""
        if order.paid_at is None:
            return "–"
        rows: list[tuple[Any, str]] = [
            (_("Invoice"), reverse("admin:orders_invoice", args=[order.pk])),
            (_("Packing slip"), reverse("admin:orders_slip", args=[order.pk])),
        ]
        rows += [
            (
                str(parcel),
                reverse("admin:orders_parcel_slip", args=[order.pk, parcel.pk]),
            )
            for parcel in order.fulfilments.order_by("pk")
        ]
        link = '<a href="{1}">{0}</a> (<a href="{1}?as=pdf">PDF</a>)'
        return format_html_join(SafeString("<br>"), link, rows)

    @action(_("Print packing slips"), permission="view")
    def print_slips(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> HttpResponse:
        """Write the slips of the chosen orders, each on a page of its own."""
        chosen = queryset.prefetch_related("lines").order_by("pk")[:MOST_SLIPS]
        context = documents.packing_slips_of(list(chosen))
        return HttpResponse(documents.page_of(documents.PACKING_SLIPS, context))

    def invoice(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        order = self._order(request, order_id)
        context = documents.invoice_of(order)
        if context is None:
            raise Http404
        return _answer(request, documents.INVOICE, context)

    def slip(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        context = documents.packing_slips_of([self._order(request, order_id)])
        return _answer(request, documents.PACKING_SLIPS, context)

    def parcel_slip(
        self, request: HttpRequest, order_id: UUID, parcel_id: int
    ) -> HttpResponse:
        order = self._order(request, order_id)
        parcel = get_object_or_404(Fulfilment, pk=parcel_id, order=order)
        context = documents.packing_slip_of_parcel(parcel)
        return _answer(request, documents.PACKING_SLIPS, context)

    def _order(self, request: HttpRequest, order_id: UUID) -> Order:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(Order, pk=order_id)


def _answer(
    request: HttpRequest, template: str, context: dict[str, Any]
) -> HttpResponse:
    if request.GET.get("as") == "pdf":
        return HttpResponse(documents.file_of(template, context), "application/pdf")
    context["pdf_url"] = format_html("{}?as=pdf", request.path)
    return HttpResponse(documents.page_of(template, context))
