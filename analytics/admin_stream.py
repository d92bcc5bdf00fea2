"""The data platform's proof: of each day, whether it has been sent every paid order."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from analytics import stream
from analytics.reports.periods import YEARS, last_days
from outbox.models import Dispatch

SEES_EVENTS = "outbox.view_event"
DAYS = 14


def stream_page(request: HttpRequest) -> HttpResponse:
    """Show the last days of the stream, and the manifest of one of them."""
    if not request.user.has_perm(SEES_EVENTS):
        raise PermissionDenied
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "opts": admin.site.get_model_admin(Dispatch).opts,
        "title": _("Data platform"),
        "as_of": timezone.now(),
        "days": list(reversed(stream.sent(last_days(DAYS, timezone.now())))),
        "last_sequence": stream.last_sequence(),
    }
    try:
        day = parse_date(request.GET.get("day", ""))
    except ValueError:
        day = None
    if day is not None and day.year in YEARS:
        context["manifest"] = stream.manifest(day)
    return TemplateResponse(request, "admin/outbox/stream.html", context)
