"""Browsers and apps in words, by what they tell of themselves."""

import re

from django.utils.translation import gettext as _

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


def named(user_agent: str, name: str = "") -> str:
    """Return what a device is called in the list: ``Chrome, Android``.

    A ``name`` that an app gave its device comes first.
    """
    if name:
        return name
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
