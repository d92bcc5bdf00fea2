"""The invoice of an order, for the screen, for paper and as a file."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from checkout import documents
from common.middleware import request_id
from common.pdf import PrinterBusy
from shop.guests import find_order, order_visitor


@order_visitor
@require_safe
def invoice_page(request: HttpRequest, number: str) -> HttpResponse:
    """Show the invoice of a paid order, ready to be printed."""
    context = _invoice(request, number)
    context["back_url"] = reverse("shop:order", args=[number])
    context["pdf_url"] = reverse("shop:invoice-pdf", args=[number])
    return HttpResponse(documents.page_of(documents.INVOICE, context))


@order_visitor
@require_safe
def invoice_file(request: HttpRequest, number: str) -> HttpResponse:
    """Hand the invoice of a paid order out as PDF."""
    context = _invoice(request, number)
    try:
        content = documents.file_of(documents.INVOICE, context)
    except PrinterBusy:
        page = {"request_id": request_id.get()}
        response = render(request, "503.html", page, status=503)
        response["Retry-After"] = "5"
        return response
    return pdf_response(content, name=f"invoice-{number}.pdf")


def pdf_response(content: bytes, *, name: str) -> HttpResponse:
    """Answer with a PDF that a browser shows, and saves under ``name``."""
    disposition = f'inline; filename="{name}"'
    return HttpResponse(
        content, "application/pdf", headers={"Content-Disposition": disposition}
    )


def _invoice(request: HttpRequest, number: str) -> dict[str, Any]:
    context = documents.invoice_of(find_order(request, number, "lines"))
    if context is None:
        raise Http404
    return context
