"""What surrounds every page: links past it, switches, toasts, numbers that move."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from catalog.models import Product
from tests.factories import DeliveryMethodFactory, ProductFactory, UserFactory
from tests.states.conftest import Visit

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HELP = "/help/delivery/"


@pytest.fixture
def cup(transactional_db: None) -> Product:
    DeliveryMethodFactory.create()
    return ProductFactory.create(name="Celadon cup", price=10_000)


@pytest.fixture
def shopper(cup: Product) -> User:
    return UserFactory.create(points=12_400)


def add(page: Page) -> None:
    """Put the only product of the page into the cart by its card."""
    page.locator(".card-add").first.click()


def test_skip_link_leads_past_the_header(visit: Visit) -> None:
    page = visit(HELP)

    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")

    expect(page.locator("#main")).to_be_focused()


@pytest.mark.parametrize("scripts", [True, False])
def test_theme_is_switched_and_remembered(visit: Visit, *, scripts: bool) -> None:
    page = visit(HELP, scripts=scripts)

    page.click(".footer button[value=dark]")
    page.wait_for_url(f"**{HELP}")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/cart/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(19, 18, 16)"
    page.click(".footer button[value=auto]")
    expect(page.locator("html:not([data-theme])")).to_have_count(1)


@pytest.mark.parametrize("scripts", [True, False])
def test_language_switch_keeps_the_page(visit: Visit, *, scripts: bool) -> None:
    page = visit("/search/?q=cup", scripts=scripts)

    page.click(".footer button[value=ru]")

    page.wait_for_url("**/search/?q=cup")
    expect(page.locator("html")).to_have_attribute("lang", "ru")


@pytest.mark.usefixtures("cup")
def test_lost_connection_is_said_and_can_be_tried_again(visit: Visit) -> None:
    page = visit("/products/")
    page.route("**/cart/add/", lambda route: route.abort())
    add(page)
    toast = page.locator("#toasts")
    expect(toast).to_contain_text("Could not reach the shop. Try again.")

    page.unroute("**/cart/add/")
    toast.get_by_role("button", name="Try again").click()

    expect(page.locator(".bottom-bar [data-cart-count]")).to_have_text("1")


@pytest.mark.usefixtures("cup")
def test_busy_shop_is_said_to_be_busy(visit: Visit) -> None:
    page = visit("/products/")

    def busy(route: Route) -> None:
        route.fulfill(status=429, body="")

    page.route("**/cart/add/", busy)
    add(page)

    expect(page.locator("#toasts")).to_contain_text("Too much is going on right now.")


@pytest.mark.usefixtures("cup")
def test_numbers_in_the_header_move_without_a_reload(visit: Visit) -> None:
    page = visit("/products/", width=1280)
    expect(page.locator(".actions [data-cart-count]")).to_have_text("")

    add(page)
    expect(page.locator(".actions [data-cart-count]")).to_have_text("1")
    page.evaluate(
        "document.dispatchEvent(new CustomEvent('counts', {detail: {cart: 7}}))"
    )

    expect(page.locator(".actions [data-cart-count]")).to_have_text("7")


def test_header_of_a_shopper_shows_their_numbers(visit: Visit, shopper: User) -> None:
    page = visit(HELP, user=shopper, width=1280)

    actions = page.locator(".actions")
    expect(actions.locator("[data-points-count]")).to_have_text("12,400\u00a0P")
    for name in ("Coupons", "Notifications", "My account", "Cart"):
        expect(actions.get_by_role("link", name=re.compile(name))).to_be_visible()


def test_toast_leaves_by_itself_but_waits_for_the_pointer(visit: Visit) -> None:
    page = visit(HELP)
    page.evaluate(
        "document.dispatchEvent(new CustomEvent('toast', {detail: {value: 'Hello'}}))"
    )
    toast = page.locator("#toasts p")
    expect(toast).to_have_text("Hello")

    toast.hover()
    assert toast.evaluate("(e) => getComputedStyle(e).animationPlayState") == "paused"
    page.mouse.move(0, 0)

    expect(toast).to_have_count(0, timeout=30_000)


def test_header_stays_in_sight(visit: Visit) -> None:
    for width in (390, 1280):
        page = visit("/help/privacy/", width=width)
        page.mouse.wheel(0, 600)
        page.wait_for_function("scrollY > 300")

        expect(page.locator(".header #q")).to_be_in_viewport()


def test_search_field_is_reached_by_its_shortcut(visit: Visit) -> None:
    page = visit(HELP, width=1280)

    page.keyboard.press("ControlOrMeta+k")

    expect(page.locator("#q")).to_be_focused()


def test_bottom_bar_leads_to_the_five_places(visit: Visit) -> None:
    page = visit(HELP)

    links = page.locator(".bottom-bar a")
    assert [text.strip() for text in links.all_inner_texts()] == [
        "Home",
        "Catalogue",
        "Wishlist",
        "Cart",
        "My",
    ]


def test_pages_without_scripts_offer_no_dead_buttons(visit: Visit) -> None:
    page = visit("/accounts/login/", scripts=False)

    for button in page.locator("[data-reveal], [data-copy]").all():
        expect(button).to_be_hidden()
    page.fill("#q", "cup")
    page.press("#q", "Enter")
    page.wait_for_url("**/search/?q=cup")
