"""Browsers that look at the shop as somebody would."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

TIMEOUT = 30_000  # milliseconds
HEIGHTS = {320: 640, 390: 844, 768: 1024, 1280: 900}
# As wide as it is high, in what a page scrolls by.
PAGE_HEIGHT = "document.documentElement.scrollHeight"
# Whose cookies a browser has.
Cookies = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody sees the shop."""

    width: int = 1280
    scheme: str = "light"
    language: str = "en"

    def __str__(self) -> str:
        return f"{self.width} {self.scheme} {self.language}"


@contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """Start a browser of one's own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, base: str, cookies: Cookies, look: Look = Look()
) -> Iterator[Page]:
    """Open an empty page with somebody's cookies; nothing else is remembered."""
    context: BrowserContext = browser.new_context(
        base_url=base,
        viewport={"width": look.width, "height": HEIGHTS.get(look.width, 900)},
        color_scheme="dark" if look.scheme == "dark" else "light",
        reduced_motion="reduce",
        locale=look.language,
        # What it keeps would be taken for what the shop sends.
        service_workers="block",
    )
    context.set_default_timeout(TIMEOUT)
    spoken = {settings.LANGUAGE_COOKIE_NAME: look.language}
    context.add_cookies(
        [
            {"name": name, "value": value, "url": base}
            for name, value in {**cookies, **spoken}.items()
        ]
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def settle(page: Page) -> None:
    """Wait until the page has what it fetches by itself."""
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready.then(() => true)")
