"""Noting which browsers somebody is signed in with."""

import logging
from collections.abc import Callable

from allauth.account.adapter import get_adapter
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from accounts import devices

logger = logging.getLogger(__name__)


class DeviceMiddleware:
    """Remembers where a signed-in shopper was seen; never stands in a page's way."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Who was not asked for is not looked up: most answers need nobody.
        user = request.__dict__.get("_cached_user")
        if user is not None and user.is_authenticated:
            note(request, user.pk)
        return response


def note(request: HttpRequest, user_id: int) -> None:
    """Remember the device of a request."""
    try:
        devices.note(
            user_id=user_id,
            session_key=request.session.session_key or "",
            user_agent=request.headers.get("User-Agent", ""),
            ip=get_adapter().get_client_ip(request),
        )
    except DatabaseError:
        logger.exception("a device could not be noted")
