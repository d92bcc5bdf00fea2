"""The browser that tests look at pages with."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.tools import require

# Five seconds, the usual, are not always enough on a machine that is busy.
expect.set_options(timeout=20_000)


# Not for the whole session: Playwright keeps an event loop running, in which tests of
# async code and other browsers cannot begin.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start Chromium for a module's tests; each opens contexts of its own."""
    program = require("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        yield browser
        browser.close()
