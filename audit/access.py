"""Whether everybody can use the pages, as far as axe can tell."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Literal

from playwright.sync_api import Browser, Page

from audit.browser import HEIGHTS, PAGE_HEIGHT, Look, opened, settle
from audit.places import Place
from audit.report import Finding
from audit.tools import Tools
from audit.visitors import Visitors

WIDTHS = (390, 1280)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Colours go over into those of another scheme, one after the other where a part takes
# its colour from the part around it. A transition that never ends is not waited for.
REPAINTED = """async () => {
    const isMoving = () =>
        document.getAnimations().some(one => one instanceof CSSTransition);
    for (let frame = 0; frame < 2 || (isMoving() && frame < 120); frame++)
        await new Promise(requestAnimationFrame);
}"""
RUN = "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})"


def findings(
    browser: Browser,
    base: str,
    tools: Tools,
    visitors: Visitors,
    places: Sequence[Place],
) -> Iterator[Finding]:
    """Look at each place in each width and each scheme."""
    axe = tools.axe.read_text()
    faults: dict[str, list[str]] = {place.name: [] for place in places}
    ordered = sorted(places, key=lambda place: place.who)
    for width in WIDTHS:
        for who, group in groupby(ordered, key=lambda place: place.who):
            with opened(browser, base, visitors[who], Look(width)) as page:
                for place in group:
                    faults[place.name] += _faults(page, axe, place, width)
    for name, found in faults.items():
        yield Finding("axe", name, f"{len(found)} violations", "0", not found, found)


def _faults(page: Page, axe: str, place: Place, width: int) -> Iterator[str]:
    page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
    answer = page.goto(place.path)
    if answer is None or answer.status != place.status:
        yield f"{width}: answers {answer and answer.status}"
        return
    settle(page)
    _show_all(page, width)
    page.evaluate(axe)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate(REPAINTED)
        for violation in page.evaluate(RUN, RULES)["violations"]:
            yield f"{width} {scheme}: {_words(violation)}"


def _show_all(page: Page, width: int) -> None:
    """Make the window as high as the page: what a bar covers is only a scroll away."""
    page.set_viewport_size({"width": width, "height": page.evaluate(PAGE_HEIGHT) + 100})


def _words(violation: dict[str, Any]) -> str:
    nodes = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
    return f"{violation['id']} ({len(nodes)}): {', '.join(nodes[:3])}"
