"""Cookies that only remember: no script reads them, no other site gets them."""

from django.conf import settings
from django.http import HttpResponseBase

DAY = 24 * 3600  # seconds


def remember(response: HttpResponseBase, name: str, value: str, *, days: int) -> None:
    """Let the browser keep a value that the server alone reads."""
    response.set_cookie(
        name,
        value,
        max_age=days * DAY,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
    )
