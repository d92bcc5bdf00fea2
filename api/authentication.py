"""Who is asking: by access token, or by the browser's session."""

from typing import Any

from allauth.headless.tokens.strategies.jwt.internal import (
    session_key_from_sid,
    validate_access_token,
)
from django.utils.translation import gettext_lazy as _
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from accounts.models import User
from api import scopes, tokens


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer <access token>``. A bad token is never ignored.

    Taken are the tokens of ``/auth/token``, those of allauth's headless flows, and
    within their scopes those that shoppers let third parties have.
    """

    def authenticate(self, request: Request) -> tuple[User, Any] | None:
        scheme, _space, token = request.META.get("HTTP_AUTHORIZATION", "").partition(
            " "
        )
        if scheme.lower() != "bearer":
            return None
        token = token.strip()
        found = _find_user(token) or scopes.find_user(token, request)
        if found is None:
            raise exceptions.AuthenticationFailed(
                _("This access token is not valid any more.")
            )
        return found

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 — DRF's signature
        return 'Bearer realm="api"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The storefront's own session, with its CSRF token on everything that writes."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        # Without the cookie there is nobody to find, and no session to load.
        if not request.COOKIES:
            return None
        found: tuple[Any, None] | None = super().authenticate(request)
        return found


def sign_in_of(request: Request) -> str:
    """Return the key of the session that a request belongs to, whichever kind."""
    if isinstance(request.auth, str):
        return request.auth
    if request.auth is not None:
        return ""
    http = request._request  # noqa: SLF001 — the browser's session is Django's
    return http.session.session_key or ""


def _find_user(token: str) -> tuple[User, str] | None:
    try:
        return tokens.find_user(token)
    except tokens.TokenRefused:
        # Checked against its session, so that signing out ends it at once.
        found = validate_access_token(token)
    if found is None or not found[0].is_active:
        return None
    user: User = found[0]
    return user, session_key_from_sid(found[1]["sid"]) or ""
