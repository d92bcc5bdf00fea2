"""Which browsers and apps somebody is signed in with, in words."""

import logging
import re
from collections.abc import Callable

from allauth.account.adapter import get_adapter
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts import devices

logger = logging.getLogger(__name__)

# The first that is found in what a browser tells of itself: most claim to be others.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("YaBrowser", "Yandex"),
    ("Whale", "Whale"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)
HAND_HELD = re.compile("iPhone|iPad|Android|Mobile")


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


def named(user_agent: str) -> str:
    """Return what a device is called in the list: ``Chrome, Android``."""
    browser = _first(BROWSERS, user_agent)
    system = _first(SYSTEMS, user_agent)
    if browser and system:
        return f"{browser}, {system}"
    # Apps name themselves first: "Dojang/2.1 (…)".
    return browser or system or user_agent.partition("/")[0][:40] or _("Unknown device")


def icon_of(user_agent: str) -> str:
    """Return the name of the icon for a device."""
    return "phone" if HAND_HELD.search(user_agent) else "screen"


def _first(marks: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for mark, name in marks if mark in user_agent), "")
