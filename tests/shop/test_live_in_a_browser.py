"""Open pages in Chromium: what happens shows by itself, also after an outage."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    WebSocket,
    expect,
)

from accounts.models import User
from catalog.models import Product
from checkout import parcels
from checkout import services as checkout
from checkout.services import Purchase
from tests.browsers import chromium as chromium
from tests.factories import DeliveryMethodFactory, ProductFactory, UserFactory
from tests.running import Live, Running, Web
from tests.running import platform as platform
from tests.running import running as running
from tests.shop.sockets import session_of
from tests.shop.test_in_a_browser import RULES, console_errors

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PHONE: ViewportSize = {"width": 390, "height": 844}
CONNECTED = "html[data-live=on]"


@dataclass
class Site:
    """The running shop, as a browser finds it."""

    web: Web
    live: Live
    running: Running
    browser: Browser

    def context(self, user: User | None = None) -> BrowserContext:
        context = self.browser.new_context(
            base_url=self.web.url, viewport=PHONE, reduced_motion="reduce"
        )
        if user is not None:
            name, value = settings.SESSION_COOKIE_NAME, session_of(user)
            context.add_cookies([{"name": name, "value": value, "url": self.web.url}])
        return context

    def restart_live(self) -> None:
        port = int(self.live.url.rsplit(":", 1)[1].split("/")[0])
        self.live = self.running.live(port=port)


@pytest.fixture
def site(running: Running, chromium: Browser) -> Iterator[Site]:
    DeliveryMethodFactory.create()
    live = running.live()
    web = running.web(workers=1, LIVE_URL=live.url)
    running.worker(concurrency=1)
    yield Site(web, live, running, chromium)
    for context in chromium.contexts:
        context.close()


@pytest.fixture
def shopper() -> User:
    return UserFactory.create(points=1_000_000)


@pytest.fixture
def jar() -> Product:
    return ProductFactory.create(name="Moon jar", stock_on_hand=8)


def buy(user: User, product: Product, quantity: int = 1) -> None:
    checkout.place_and_pay(purchase(user, product, quantity))


def purchase(user: User, product: Product, quantity: int = 1) -> Purchase:
    quantities = {product.pk: quantity}
    return Purchase(user_id=user.pk, email=user.email, quantities=quantities)


def picture(page: Page, name: str) -> None:
    """Keep a picture where ``LIVE_PICTURES`` says, for people to look at."""
    if folder := os.environ.get("LIVE_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png")


def test_news_pop_up_on_a_phone(site: Site, shopper: User, jar: Product) -> None:
    page = site.context(shopper).new_page()
    errors = console_errors(page)
    page.goto("/products/")
    page.wait_for_selector(CONNECTED)

    buy(shopper, jar)

    toast = page.locator("#toasts a")
    expect(toast).to_contain_text("is paid")
    expect(page.locator("[data-unread-count]")).to_have_text("1")
    picture(page, "toast")
    report = Axe().run(page, context="#toasts", options={"runOnly": RULES})
    assert report.response["violations"] == []
    toast.click()
    page.wait_for_url("**/orders/*/")
    # The next page of this tab does not tell it once more.
    page.wait_for_selector(CONNECTED)
    expect(page.locator("#toasts p")).to_have_count(0)
    assert errors == []


def test_order_page_moves_on_by_itself(site: Site, shopper: User, jar: Product) -> None:
    order = checkout.place_order(purchase(shopper, jar))
    page = site.context(shopper).new_page()
    errors = console_errors(page)
    page.goto(f"/orders/{order.number}/")
    page.wait_for_selector(CONNECTED)
    step = page.locator("[aria-current=step]")
    expect(step).to_contain_text("Placed")
    expect(page.locator("text=Cancel this order")).to_have_count(1)

    checkout.pay(user_id=shopper.pk, order_id=order.id)
    expect(step).to_contain_text("Paid")
    parcels.pack(order_id=order.id, actor_id=None)
    expect(step).to_contain_text("Packed")
    expect(page.locator("#order-state .btn-primary")).to_have_count(0)
    picture(page, "order")
    assert errors == []


def test_stock_counts_down_and_the_offer_goes(
    site: Site, shopper: User, jar: Product
) -> None:
    page = site.context().new_page()
    errors = console_errors(page)
    page.goto(f"/p/{jar.slug}-{jar.pk}/")
    page.wait_for_selector(CONNECTED)
    stock = page.locator("#stock")
    expect(stock).to_have_text("In stock · 8 left")
    page.fill("#quantity", "2")

    buy(shopper, jar)
    expect(stock).to_have_text("In stock · 7 left")
    buy(shopper, jar, 4)
    expect(stock).to_have_text("Only 3 left")
    buy(shopper, jar)
    expect(stock).to_have_text("Only 2 left")
    expect(page.locator("#quantity")).to_have_value("2")
    picture(page, "stock")
    buy(shopper, jar, 2)
    expect(stock).to_have_text("Sold out")
    expect(page.locator("#offer button", has_text="Notify me")).to_have_count(1)
    expect(page.locator("#buy")).to_have_count(0)
    expect(page.locator(".buybar")).to_be_hidden()
    picture(page, "sold-out")
    assert errors == []


def test_page_catches_up_after_the_server_was_killed(
    site: Site, shopper: User, jar: Product
) -> None:
    page = site.context(shopper).new_page()
    page.goto("/products/")
    page.wait_for_selector(CONNECTED)

    site.live.kill()
    page.wait_for_selector(CONNECTED, state="detached")
    buy(shopper, jar)
    time.sleep(2)
    expect(page.locator("#toasts p")).to_have_count(0)
    site.restart_live()

    expect(page.locator("#toasts a")).to_contain_text("is paid", timeout=15_000)
    expect(page.locator("[data-unread-count]")).to_have_text("1")


def test_bell_is_asked_for_while_there_is_no_socket(
    site: Site, shopper: User, jar: Product
) -> None:
    site.live.kill()
    page = site.context(shopper).new_page()
    page.clock.install()
    page.goto("/products/")
    expect(page.locator("[data-unread-count]")).to_have_text("")
    buy(shopper, jar)
    time.sleep(1)

    page.clock.fast_forward(61_000)

    expect(page.locator("[data-unread-count]")).to_have_text("1")


def test_guest_on_a_page_without_stock_opens_no_socket(site: Site) -> None:
    page = site.context().new_page()
    sockets: list[str] = []

    def note(socket: WebSocket) -> None:
        sockets.append(socket.url)

    page.on("websocket", note)
    for path in ("/", "/products/", "/help/delivery/"):
        page.goto(path)

    assert sockets == []
