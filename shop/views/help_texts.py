"""Pages of plain text."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

TOPICS = ("delivery", "returns", "privacy")


def help_page(request: HttpRequest, topic: str) -> HttpResponse:
    """Show one help text."""
    if topic not in TOPICS:
        raise Http404
    return render(request, f"shop/help/{topic}.html")
