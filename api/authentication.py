"""Who is asking: by access token, or by the browser's session."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from accounts.models import User
from api import tokens


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer <access token>``. A bad token is never ignored."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        scheme, _space, token = request.META.get("HTTP_AUTHORIZATION", "").partition(
            " "
        )
        if scheme.lower() != "bearer":
            return None
        try:
            return tokens.find_user(token.strip()), None
        except tokens.TokenRefused:
            raise exceptions.AuthenticationFailed(
                _("This access token is not valid any more.")
            ) from None

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
