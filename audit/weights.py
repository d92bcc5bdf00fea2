"""What a phone has to fetch before it shows a page for the first time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request

from audit.browser import Look, opened, settle
from audit.places import Place
from audit.report import Finding
from audit.visitors import Visitors

# Kilobytes as they travel; what the bodies weigh, without headers.
BARS = {
    "HTML": 14_000,
    "CSS": 10_000,
    "JS": 22_000,
    "own JS": 4_096,
    "without pictures": 60_000,
    "all": 120_000,
}
MOST_REQUESTS = 30
BAR = "14/10/22/4/60/120 kB, 30 requests"
KINDS = {"document": "HTML", "stylesheet": "CSS", "script": "JS", "image": "pictures"}
# Those of others stand in folders of their own.
OTHERS = ("/vendor/", "/django_htmx/", "htmx")


def findings(
    browser: Browser, base: str, visitors: Visitors, places: Sequence[Place]
) -> Iterator[Finding]:
    """Weigh the first view of each place."""
    for place in places:
        with opened(browser, base, visitors[place.who], Look(width=390)) as page:
            yield _weigh(page, base, place)


def _weigh(page: Page, base: str, place: Place) -> Finding:
    requests: list[Request] = []
    # Playwright marks its handlers, which a built-in method does not let it.
    page.on("requestfinished", lambda request: requests.append(request))  # noqa: PLW0108
    page.goto(place.path)
    settle(page)
    page.wait_for_load_state("networkidle")
    weights = _weights(requests)
    strangers = {_host(request.url) for request in requests} - {_host(base)}
    faults = [
        f"{kind}: {weights[kind]:,} bytes, at most {most:,}"
        for kind, most in BARS.items()
        if weights[kind] > most
    ]
    if len(requests) > MOST_REQUESTS:
        faults.append(f"{len(requests)} requests, at most {MOST_REQUESTS}")
    faults += [f"asks {host}" for host in sorted(strangers - {""})]
    words = "/".join(f"{weights[kind] / 1000:.1f}" for kind in BARS)
    found = f"{words} kB, {len(requests)} requests"
    return Finding("weight", place.name, found, BAR, not faults, faults)


def _weights(requests: Sequence[Request]) -> Counter[str]:
    weights: Counter[str] = Counter()
    for request in requests:
        size = request.sizes()["responseBodySize"]
        kind = KINDS.get(request.resource_type, "other")
        weights[kind] += size
        weights["all"] += size
        if kind != "pictures":
            weights["without pictures"] += size
        if kind == "JS" and not any(part in request.url for part in OTHERS):
            weights["own JS"] += size
    return weights


def _host(url: str) -> str:
    return urlsplit(url).netloc
