"""Whether all of a page fits its window, whatever is written on it and how large."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from django.conf import settings
from playwright.sync_api import Browser, Page

from audit.browser import HEIGHTS, Look, opened, settle
from audit.places import Place
from audit.report import Finding
from audit.visitors import Visitors

WIDTHS = (320, 390, 768, 1280)
# What WCAG 1.4.12 lets readers choose, through a sheet that the policy lets in.
SPACING = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`* {
        line-height: 1.5 !important; letter-spacing: .12em !important;
        word-spacing: .16em !important } p { margin-block-end: 2em !important }`);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""
# By how much the page is too wide, and whose right edge is the first beyond the window.
SIDEWAYS = """() => {
    const width = document.documentElement.clientWidth;
    const over = document.documentElement.scrollWidth - width;
    if (over <= 0) return null;
    const guilty = [...document.body.querySelectorAll("*")].find(
        element => element.getBoundingClientRect().right > width + 1);
    return `${over} px beyond ${width}: ${guilty?.tagName} ${guilty?.className}`;
}"""


def findings(
    browser: Browser, base: str, visitors: Visitors, places: Sequence[Place]
) -> Iterator[Finding]:
    """Look at each place in each language at each width."""
    faults: dict[str, list[str]] = {place.name: [] for place in places}
    ordered = sorted(places, key=lambda place: place.who)
    for language, _ in settings.LANGUAGES:
        for who, group in groupby(ordered, key=lambda place: place.who):
            look = Look(language=language)
            with opened(browser, base, visitors[who], look) as page:
                for place in group:
                    found = _too_wide(page, place)
                    faults[place.name] += [f"{language}, {fault}" for fault in found]
    for name, wide in faults.items():
        words = f"{len(wide)} too wide"
        yield Finding("overflow", name, words, "0", not wide, wide)


def _too_wide(page: Page, place: Place) -> Iterator[str]:
    page.goto(place.path)
    settle(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        if fault := page.evaluate(SIDEWAYS):
            yield str(fault)
    # 1280 px at 200 % are 640.
    page.evaluate(SPACING)
    page.set_viewport_size({"width": 640, "height": 450})
    if fault := page.evaluate(SIDEWAYS):
        yield f"spaced out, {fault}"
