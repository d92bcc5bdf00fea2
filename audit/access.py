"""Whether everybody can use the pages, as far as axe can tell."""

from collections.abc import Iterator, Sequence
from typing import Any

from playwright.sync_api import Browser, Page

from audit.browser import PAGE_HEIGHT, Look, opened, settle
from audit.places import Place
from audit.report import Finding
from audit.tools import Tools
from audit.visitors import Visitors

LOOKS = [Look(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})"


def findings(
    browser: Browser,
    base: str,
    tools: Tools,
    visitors: Visitors,
    places: Sequence[Place],
) -> Iterator[Finding]:
    """Look at each place in each look."""
    axe = tools.axe.read_text()
    for place in places:
        faults = [
            fault
            for look in LOOKS
            for fault in _faults(browser, base, axe, visitors, place, look)
        ]
        found = f"{len(faults)} violations"
        yield Finding("axe", place.name, found, "0", not faults, faults)


def _faults(
    browser: Browser,
    base: str,
    axe: str,
    visitors: Visitors,
    place: Place,
    look: Look,
) -> list[str]:
    with opened(browser, base, visitors[place.who], look) as page:
        answer = page.goto(place.path)
        if answer is None or answer.status != place.status:
            return [f"{look}: answers {answer and answer.status}"]
        settle(page)
        _show_all(page, look)
        page.evaluate(axe)
        violations = page.evaluate(RUN, RULES)["violations"]
    return [f"{look}: {_words(violation)}" for violation in violations]


def _show_all(page: Page, look: Look) -> None:
    """Make the window as high as the page: what a bar covers is only a scroll away."""
    page.set_viewport_size(
        {"width": look.width, "height": page.evaluate(PAGE_HEIGHT) + 100}
    )


def _words(violation: dict[str, Any]) -> str:
    nodes = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
    return f"{violation['id']} ({len(nodes)}): {', '.join(nodes[:3])}"
