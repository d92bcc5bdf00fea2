"""Pages of plain text, with the shop's real terms in them."""

from email.utils import parseaddr

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

TOPICS = {
    "delivery": _("Delivery"),
    "returns": _("Returns"),
    "privacy": _("Privacy"),
    "contact": _("Contact"),
}


@require_safe
def help_page(request: HttpRequest, topic: str) -> HttpResponse:
    """Show one help text."""
    if topic not in TOPICS:
        raise Http404
    context = {
        "topic": topic,
        "topics": TOPICS.items(),
        "payment_minutes": settings.PAYMENT_WINDOW_MINUTES,
        "contact_email": parseaddr(settings.DEFAULT_FROM_EMAIL)[1],
        "legal_name": settings.SHOP_LEGAL_NAME,
        "legal_address": [
            line.strip() for line in settings.SHOP_LEGAL_ADDRESS.split(";") if line
        ],
    }
    return render(request, f"shop/help/{topic}.html", context)
