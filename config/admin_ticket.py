"""A coupon in the admin, as its shoppers see it."""

from typing import Any, cast

from csp.constants import SELF
from csp.decorators import csp_replace
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin

from coupons.models import CouponBatch
from shop.drops import Ticket


def ticket(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Show a campaign's ticket alone, with the shop's own template and styles."""
    if not request.user.has_perm("coupons.view_couponbatch"):
        raise PermissionDenied
    batch = get_object_or_404(CouponBatch, pk=batch_id)
    context = {"ticket": Ticket(batch, timezone.now())}
    return TemplateResponse(request, "admin/coupons/ticket.html", context)


framed_ticket: Any = xframe_options_sameorigin(
    csp_replace({"frame-ancestors": [SELF]})(cast(Any, ticket))
)
