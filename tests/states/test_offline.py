"""The shop without a network: a page in the reader's language, nothing private."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.factories import DeliveryMethodFactory, UserFactory
from tests.states.conftest import sign_in

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

KEPT = """async () => {
  const names = await caches.keys();
  const caches_ = await Promise.all(names.map((name) => caches.open(name)));
  const found = await Promise.all(caches_.map((cache) => cache.keys()));
  return found.flat().map((request) => new URL(request.url).pathname);
}"""


@pytest.fixture
def phone(
    chromium: Browser, live_server: LiveServer, settings: Settings
) -> Iterator[BrowserContext]:
    settings.SERVICE_WORKER = True
    DeliveryMethodFactory.create()
    context = chromium.new_context(
        base_url=live_server.url, viewport={"width": 390, "height": 844}
    )
    yield context
    context.close()


def with_worker(phone: BrowserContext, path: str = "/help/delivery/") -> Page:
    """Open a page, and wait until the worker has what it keeps."""
    page = phone.new_page()
    page.goto(path)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function(
        "caches.keys().then((names) => names.length && caches.match('/offline/'))"
    )
    return page


def test_page_without_a_network_offers_to_try_again(phone: BrowserContext) -> None:
    page = with_worker(phone)
    phone.set_offline(True)

    page.goto("/help/returns/")

    expect(page.locator("h1")).to_have_text("You are not connected.")
    # Files that the page draws with come from the cache.
    assert page.evaluate("getComputedStyle(document.body).display") == "flex"

    phone.set_offline(False)
    page.click(".error-page .btn")
    expect(page.locator("h1")).not_to_have_text("You are not connected.")
    page.wait_for_url("**/help/returns/")


def test_page_without_a_network_follows_the_language(phone: BrowserContext) -> None:
    page = with_worker(phone)
    page.click(".footer button[value=ko]")
    page.wait_for_function(
        "caches.match('/offline/', { ignoreVary: true }).then("
        "(kept) => kept?.headers.get('Content-Language') === 'ko')"
    )
    phone.set_offline(True)

    page.goto("/help/returns/")

    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator(".error-page .btn")).to_be_visible()


def test_nothing_that_is_somebodys_own_is_kept(
    phone: BrowserContext, live_server: LiveServer
) -> None:
    sign_in(phone, live_server.url, UserFactory.create())
    page = with_worker(phone, "/account/")
    for path in ("/cart/", "/points/", "/orders/", "/"):
        page.goto(path)

    kept = page.evaluate(KEPT)

    assert "/offline/" in kept
    assert [
        path for path in kept if path != "/offline/" and not path.startswith("/static/")
    ] == []
