"""What can be printed of an order."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.renderers import BaseRenderer

from api.guests import ORDER_KEY, KeyView
from api.renderers import dump
from api.schema import file_operation
from api.typing import AuthenticatedRequest
from api.v1.orders import MAY_VIEW, find_order
from checkout import documents

HTML, PDF = "text/html", "application/pdf"


class _DocumentRenderer(BaseRenderer):
    """Names a format that can be asked for; all it ever writes is a problem."""

    charset = None

    def render(self, data: Any, *_args: Any, **_kwargs: Any) -> bytes:
        return dump(data)


class PageRenderer(_DocumentRenderer):
    media_type = HTML
    format = "html"


class FileRenderer(_DocumentRenderer):
    media_type = PDF
    format = "pdf"


class OrderInvoiceView(KeyView):
    """The invoice of a paid order."""

    cache_control = "private, no-cache"

    renderer_classes = [PageRenderer, FileRenderer]

    @file_operation(
        "orders_invoice",
        "Get the invoice",
        types=[HTML, PDF],
        headers=[ORDER_KEY],
    )
    def get(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Write the invoice in the reader's language, as HTML or as PDF.

        Say which with `Accept` or with `?format=html` or `pdf`.
        """
        order = find_order(request, order_id, MAY_VIEW, along=["lines"])
        context = documents.invoice_of(order)
        # An empty format is none that there is, like any other word.
        if context is None or request.query_params.get("format") == "":
            raise NotFound
        if request.accepted_renderer.format == "pdf":
            content = documents.file_of(documents.INVOICE, context)
            name = f"invoice-{order.number}.pdf"
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return HttpResponse(content, PDF, headers=headers)
        return HttpResponse(documents.page_of(documents.INVOICE, context))
