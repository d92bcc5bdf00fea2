"""The states of the pages, seen with a real browser.

Each test puts the shop into one state, opens the page as a shopper on a phone would,
and says what must be there. Whatever it looks at, the console stays silent and nothing
sticks out of the window.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
)
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from catalog import cache
from common.memo import Memo
from tests.browsers import chromium as chromium

PHONE = 390
HEIGHT = 844
# A page is given this long for what it does by itself.
PATIENCE = 15_000  # milliseconds
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Answers that a state is about are named by the browser in its console.
ANSWERED = (
    "Failed to load resource: the server responded with a status of",
    # A state without connection: the browser says it, and htmx twice.
    "Failed to load resource: net::ERR_FAILED",
    "htmx:afterRequest",
    "htmx:sendError",
    "htmx:sendAbort",  # left for the next page before the answer came
    "Response Status Error Code",  # htmx says it once more
)


class Visit(Protocol):
    """Opens a page: as a guest or signed in, on a phone unless told otherwise."""

    def __call__(
        self,
        path: str = "",
        *,
        user: User | None = None,
        width: int = PHONE,
        language: str = "en",
        theme: str = "light",
        scripts: bool = True,
        status: int = 200,
    ) -> Page: ...


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Keep what this process remembers between pages from the next test."""
    Memo.clear_all()
    cache.forget_memory()
    yield
    Memo.clear_all()
    cache.forget_memory()


@pytest.fixture
def visit(
    chromium: Browser,
    live_server: LiveServer,
    transactional_db: None,
    request: pytest.FixtureRequest,
) -> Iterator[Visit]:
    """Return the way to open a page; after the test all that were opened are judged."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []
    pages: list[Page] = []

    def open_page(
        path: str = "",
        *,
        user: User | None = None,
        width: int = PHONE,
        language: str = "en",
        theme: str = "light",
        scripts: bool = True,
        status: int = 200,
    ) -> Page:
        context = chromium.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
            java_script_enabled=scripts,
            locale=language,
            # What a service worker keeps would be seen by the next test.
            service_workers="block",
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        if user is not None:
            sign_in(context, live_server.url, user)
        page = context.new_page()
        page.on("console", _listener(complaints))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        pages.append(page)
        if path:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == status
        return page

    yield open_page
    for page in pages:
        if not page.is_closed():
            # What is on its way is to arrive: nobody judges half a page.
            page.wait_for_load_state()
    _keep_pictures(pages, request.node.name)
    sideways = _sideways(pages)
    for context in contexts:
        context.close()
    assert complaints == []
    assert sideways == []


def _sideways(pages: list[Page]) -> list[str]:
    open_pages = (page for page in pages if not page.is_closed())
    return [page.url for page in open_pages if _is_wide(page)]


def _is_wide(page: Page) -> bool:
    try:
        return bool(page.evaluate(SIDEWAYS) > 0)
    except Error:
        # It was left for another one at this very moment.
        page.wait_for_load_state()
        return bool(page.evaluate(SIDEWAYS) > 0)


def sign_in(context: BrowserContext, url: str, user: User) -> None:
    """Give a browser the session of a user, as if they had signed in before."""
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}]
    )


def _listener(complaints: list[str]) -> Callable[[ConsoleMessage], None]:
    def note(message: ConsoleMessage) -> None:
        # These pages are served alone; tests of live pages run the socket beside them.
        if message.type not in {"error", "warning"} or "WebSocket" in message.text:
            return
        if not message.text.startswith(ANSWERED):
            complaints.append(message.text)

    return note


def _keep_pictures(pages: list[Page], name: str) -> None:
    """Leave pictures of the states to be looked at, if somebody wants them."""
    folder = settings.BASE_DIR / ".local" / "states"
    if not Path(folder).is_dir():
        return
    for number, page in enumerate(pages):
        if not page.is_closed():
            page.screenshot(path=f"{folder}/{name}-{number}.png", full_page=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many states were shown."""
    passed = terminalreporter.getreports("passed")
    shown = sum(report.nodeid.startswith("tests/states/") for report in passed)
    if shown:
        terminalreporter.write_line(f"{shown} states of pages were shown.")
