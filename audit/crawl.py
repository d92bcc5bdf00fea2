"""Follows all links: each page answers, and a browser has nothing to complain of."""

import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

from django.urls import Resolver404, resolve
from playwright.sync_api import (
    APIResponse,
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Response,
)

from audit.browser import opened
from audit.report import Finding
from audit.visitors import GUEST, SHOPPER, Visitors

# Of the pages of one kind, how many a browser opens and how many are asked for at all.
OPENED_OF_A_KIND, ASKED_OF_A_KIND = 3, 25
FOUND = "links => links.map(link => link.href)"
LINKS = "a[href], area[href], link[rel=next], link[rel=prev], link[rel=alternate]"
IGNORED = re.compile(r"^/(admin|api|media|static|sandbox)/")
FILE = re.compile(r"\.(pdf|csv|json|xml|txt)$")
# Programs come here without following a link.
MACHINES = {"/robots.txt", "/sitemap.xml", "/llms.txt", "/livez", "/readyz"}
ADDRESSES = ("/", *sorted(MACHINES))
BAD, BROKEN = 400, 500
OVERTAKEN = ("htmx:afterRequest", "htmx:sendAbort")


@dataclass
class Crawl:
    """What was found on the way."""

    # Markup as it was sent, by a name that makes a file.
    markup: dict[str, str] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    asked: int = 0
    opened: int = 0
    broken: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@dataclass
class _Way:
    """The links that one visitor has yet to follow."""

    base: str
    waiting: deque[tuple[str, str]]
    known: set[str]
    opened: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)

    def add(self, links: list[str], *, source: str) -> None:
        """Take the links that lead somewhere new inside the shop."""
        for link in links:
            address = urldefrag(urljoin(self.base, link)).url
            path = address.removeprefix(self.base)
            is_inside = path != address and path.startswith("/")
            if is_inside and path not in self.known and not IGNORED.match(path):
                self.known.add(path)
                self.waiting.append((path, source))


def crawl(browser: Browser, base: str, visitors: Visitors) -> Crawl:
    """Follow the links as a guest and as the shopper."""
    found = Crawl()
    for who in (GUEST, SHOPPER):
        way = _Way(base, deque((path, "") for path in ADDRESSES), set(ADDRESSES))
        with opened(browser, base, visitors[who]) as page:
            _listen(page, found.complaints)
            _follow(page, way, found, who)
    return found


def findings(found: Crawl) -> Iterator[Finding]:
    """Judge what was found."""
    pages = f"{found.asked} addresses, {found.opened} opened, {len(found.kinds)} kinds"
    yield Finding("crawl", "links", pages, "0 broken", not found.broken, found.broken)
    heard = f"{len(found.complaints)} errors"
    yield Finding(
        "crawl", "console", heard, "0", not found.complaints, found.complaints
    )


def save(found: Crawl, folder: Path) -> list[Path]:
    """Write the pages' markup into files for the checkers."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, text in found.markup.items():
        file = folder / f"{name}.html"
        file.write_text(text)
        files.append(file)
    return files


def _follow(page: Page, way: _Way, found: Crawl, who: str) -> None:
    while way.waiting:
        path, source = way.waiting.popleft()
        kind = _kind(path)
        if way.asked[kind] >= ASKED_OF_A_KIND:
            continue
        way.asked[kind] += 1
        found.asked += 1
        found.kinds.add(kind)
        is_page = path not in MACHINES and not FILE.search(path)
        is_wanted = is_page and way.opened[kind] < OPENED_OF_A_KIND
        answer = _open(page, path) if is_wanted else _ask(page, path)
        if answer is None or answer.status >= BAD:
            status = "no answer" if answer is None else answer.status
            found.broken.append(f"{status} {path} (on {source or 'the list'}, {who})")
        elif isinstance(answer, Response):
            way.opened[kind] += 1
            _read(page, answer, way, found, who)


def _read(page: Page, answer: Response, way: _Way, found: Crawl, who: str) -> None:
    """Keep the markup of an opened page and the links on it."""
    if "text/html" not in answer.headers.get("content-type", ""):
        return
    found.opened += 1
    path = page.url.removeprefix(way.base)
    name = re.sub(r"\W+", "-", f"{who}{path}").strip("-")[:100]
    found.markup[name] = answer.text()
    way.add(page.eval_on_selector_all(LINKS, FOUND), source=path)


def _open(page: Page, path: str) -> Response | APIResponse | None:
    try:
        return page.goto(path, wait_until="load")
    except Error as error:
        # What a browser saves is no page.
        return _ask(page, path) if "ownload" in error.message else None


def _ask(page: Page, path: str) -> APIResponse:
    return page.request.get(path, max_redirects=5)


def _kind(path: str) -> str:
    try:
        return resolve(urlsplit(path).path).view_name or path
    except Resolver404:
        return path


def _listen(page: Page, complaints: list[str]) -> None:
    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(OVERTAKEN):
            complaints.append(f"{page.url}: {message.text} {message.location['url']}")

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("response", lambda answer: _note_failure(answer, complaints))


def _note_failure(answer: Response, complaints: list[str]) -> None:
    if answer.status >= BROKEN:
        complaints.append(f"{answer.status} {answer.url}")
