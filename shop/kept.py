"""For whom units may be kept: the shopper, or the guest whose e-mail a link proved."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.models import User

GUEST_COOKIE = "kept"
GUEST_COOKIE_AGE = 30 * 24 * 3600  # seconds
_SALT = "shop.kept"


def email_of(request: HttpRequest) -> str:
    """Return the e-mail of the shopper, or of a guest who came by our link, or none."""
    if isinstance(request.user, User):
        return request.user.email
    email = request.get_signed_cookie(
        GUEST_COOKIE, default="", salt=_SALT, max_age=GUEST_COOKIE_AGE
    )
    return email or ""


def remember_guest(response: HttpResponse, email: str) -> None:
    """Let this browser see what is kept for a guest."""
    response.set_signed_cookie(
        GUEST_COOKIE,
        email,
        salt=_SALT,
        max_age=GUEST_COOKIE_AGE,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
