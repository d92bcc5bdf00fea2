"""The pages in Chromium: accessible, nothing sticks out, scripts only help."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
)
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from catalog.models import Product
from checkout import services as checkout
from checkout.services import Purchase
from orders.models import Order
from tests.browsers import chromium as chromium
from tests.factories import (
    AddressFactory,
    CouponBatchFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    UserFactory,
)

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Tall enough for all of a page: what the bottom bar covers is only a scroll away.
TALL = 6_000
# The other looks, and many more pages, are the audit's.
LOOKS = [(390, "dark")]
OPEN_PAGES = [
    "/",
    "/products/",
    "/search/?q=nothing&in_stock=on",
    "/search/",
    "/best/",
    "/coupons/",
    "/cart/",
    "/help/delivery/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/nothing/here/",
]
OWN_PAGES = [
    "/cart/",
    "/checkout/",
    "/points/",
    "/orders/",
    "/account/",
    "/account/addresses/",
    "/account/addresses/new/",
    "/account/profile/",
    "/coupons/?tab=mine",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/logout/",
]


@pytest.fixture
def cup() -> Product:
    DeliveryMethodFactory.create()
    CouponBatchFactory.create()
    ProductFactory.create_batch(3)
    return ProductFactory.create(name="Moon jar", price=10_000)


@pytest.fixture
def shopper(cup: Product) -> User:
    """Return somebody with points, an address, a coupon and an unpaid order."""
    user = UserFactory.create(points=100_000)
    AddressFactory.create(user=user, is_default=True)
    CouponFactory.create(user=user)
    checkout.place_order(
        Purchase(user_id=user.pk, email=user.email, quantities={cup.pk: 1})
    )
    return user


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_for_everybody_are_accessible(
    chromium: Browser, live_server: LiveServer, cup: Product, width: int, scheme: str
) -> None:
    page = opened(chromium, live_server, width, scheme).new_page()
    errors = console_errors(page)

    for path in [*OPEN_PAGES, f"/p/{cup.slug}-{cup.pk}/"]:
        assert faults(page, path) == []
    # The one page that is not there on purpose.
    assert [text for text in errors if "404" not in text] == []


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_of_a_shopper_are_accessible(
    chromium: Browser,
    live_server: LiveServer,
    cup: Product,
    shopper: User,
    width: int,
    scheme: str,
) -> None:
    context = opened(chromium, live_server, width, scheme)
    sign_in(context, live_server, shopper)
    page = context.new_page()
    put_into_cart(page, cup)
    order = Order.objects.get()

    errors = console_errors(page)
    for path in OWN_PAGES:
        assert faults(page, path) == []
    for path in ("", "pay/", "cancel/"):
        assert faults(page, f"/orders/{order.number}/{path}") == []
    assert errors == []


def test_cart_follows_the_quantity_and_can_be_undone(
    chromium: Browser, live_server: LiveServer, cup: Product
) -> None:
    page = opened(chromium, live_server, 390, "light").new_page()
    errors = console_errors(page)
    put_into_cart(page, cup)
    expect(page.locator("#cart-drawer")).to_contain_text("Moon jar")
    page.goto("/cart/")

    page.fill(f"#quantity-{cup.pk}", "3")
    page.keyboard.press("Tab")
    page.wait_for_selector("text=Check out · ₩33,000")
    expect(page.locator(".actions [data-cart-count]")).to_have_text("3")
    page.click("text=Remove")
    page.wait_for_selector("text=Moon jar removed.")
    page.click("text=Undo")
    page.wait_for_selector("text=Check out · ₩33,000")

    assert errors == []


def test_shopper_buys_with_a_keyboard_and_without_scripts(
    chromium: Browser, live_server: LiveServer, cup: Product, shopper: User
) -> None:
    context = opened(chromium, live_server, 1280, "light", scripts=False)
    sign_in(context, live_server, shopper)
    page = context.new_page()
    page.goto(f"/p/{cup.slug}-{cup.pk}/")

    page.focus("#quantity")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cart/")
    page.focus("text=Check out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/checkout/?coupon=*")
    page.focus("button[name=pay]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/orders/*/thanks/")

    expect(page.locator("text=Thank you! Your order is paid.")).to_have_count(1)


def opened(
    chromium: Browser,
    live_server: LiveServer,
    width: int,
    scheme: str,
    *,
    scripts: bool = True,
) -> BrowserContext:
    return chromium.new_context(
        base_url=live_server.url,
        viewport={"width": width, "height": TALL},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        java_script_enabled=scripts,
    )


def sign_in(context: BrowserContext, live_server: LiveServer, user: User) -> None:
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies(
        [
            {
                "name": settings.SESSION_COOKIE_NAME,
                "value": session,
                "url": live_server.url,
            }
        ]
    )


def put_into_cart(page: Page, product: Product) -> None:
    page.goto(f"/p/{product.slug}-{product.pk}/")
    page.click("#buy .btn-primary")
    # Whichever says so: a toast, or the cart beside the page.
    page.wait_for_selector("#toasts p, #cart-drawer[open]")


def faults(
    page: Page, path: str, *, before: Callable[[], None] | None = None
) -> list[str]:
    """Return what axe finds on a page, and whether something sticks out of it."""
    page.goto(path)
    if before is not None:
        before()
    report = Axe().run(page, options={"runOnly": RULES}).response
    found = [
        f"{path} {rule['id']}: {rule['nodes'][0]['html']}"
        for rule in report["violations"]
    ]
    root = "document.documentElement"
    if page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"):
        found.append(f"{path} is wider than the window")
    return found


def console_errors(page: Page) -> list[str]:
    """Return a list that fills with what the console complains about."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # These pages are served alone; tests of live pages run the socket beside them.
        if message.type in {"error", "warning"} and "WebSocket" not in message.text:
            errors.append(message.text)

    page.on("console", note)
    return errors
