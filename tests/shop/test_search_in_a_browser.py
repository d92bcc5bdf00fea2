"""The search field and the filters in Chromium, by keyboard and without scripts."""

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from shop.listing import PER_PAGE
from tests.browsers import chromium as chromium
from tests.factories import CategoryFactory, DeliveryMethodFactory, ProductFactory
from tests.shop.test_in_a_browser import console_errors, faults, opened

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

FIELD, LIST = "#q", "#suggestions"


@pytest.fixture
def keyboards(transactional_db: None) -> None:
    DeliveryMethodFactory.create()
    shelf = CategoryFactory.create(name="Keyboards", slug="keyboards")
    for name, colour in (("Walnut keyboard", "brown"), ("Keyboard tray", "white")):
        ProductFactory.create(name=name, category=shelf, options={"colour": colour})


@pytest.mark.usefixtures("keyboards")
def test_suggestions_open_as_a_combobox_and_close_with_escape(
    chromium: Browser, live_server: LiveServer
) -> None:
    page = opened(chromium, live_server, 390, "light").new_page()
    page.goto("/help/delivery/")
    field = page.locator(FIELD)
    expect(field).to_have_attribute("role", "combobox")
    expect(field).to_have_attribute("aria-controls", "suggestions")
    expect(field).to_have_attribute("aria-expanded", "false")

    type_slowly(page, "keyb")
    expect(field).to_have_attribute("aria-expanded", "true")
    assert field.get_attribute("aria-activedescendant") is None

    page.keyboard.press("Escape")
    expect(page.locator(LIST)).to_be_hidden()
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(field).to_have_value("keyb")


@pytest.mark.usefixtures("keyboards")
def test_suggestion_is_chosen_with_arrows_and_enter(
    chromium: Browser, live_server: LiveServer
) -> None:
    page = opened(chromium, live_server, 390, "light").new_page()
    errors = console_errors(page)
    page.goto("/help/delivery/")
    field = page.locator(FIELD)
    chosen = page.locator(f"{LIST} [aria-selected=true]")
    type_slowly(page, "keyb")

    page.keyboard.press("ArrowDown")
    query = chosen.get_attribute("data-query") or ""
    assert chosen.get_attribute("id") == field.get_attribute("aria-activedescendant")
    assert query.startswith("keyb")
    expect(field).to_have_value(query)
    page.keyboard.press("ArrowUp")
    expect(field).to_have_value("keyb")
    # From what was typed upwards to the last one, which is a product.
    page.keyboard.press("ArrowUp")
    assert (chosen.get_attribute("href") or "").startswith("/p/")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_url("**/search/?q=keyb*")
    expect(page.locator("h1")).to_have_text(f"Results for “{query}”")
    assert errors == []


@pytest.mark.usefixtures("keyboards")
def test_open_suggestions_are_accessible(
    chromium: Browser, live_server: LiveServer
) -> None:
    page = opened(chromium, live_server, 1280, "dark").new_page()

    def with_open_list(path: str) -> list[str]:
        return faults(page, path, before=lambda: type_slowly(page, "keyb"))

    assert with_open_list("/cart/") == []
    assert faults(page, "/search/?q=keyboard&o.colour=brown&in_stock=on") == []
    assert faults(page, "/search/?q=keyboard&max_price=1") == []


@pytest.mark.usefixtures("keyboards")
def test_recent_searches_stay_in_the_browser_and_can_be_forgotten(
    chromium: Browser, live_server: LiveServer
) -> None:
    page = opened(chromium, live_server, 1280, "light").new_page()
    page.goto("/search/")
    page.fill(FIELD, "walnut <b>tray</b>")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=walnut*")

    page.goto("/help/delivery/")
    page.focus(FIELD)
    recent = page.locator(f"{LIST} [data-query]")
    expect(recent).to_have_text(["walnut <b>tray</b>"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.locator(LIST)).to_be_hidden()
    page.reload()
    page.focus(FIELD)
    expect(page.locator(LIST)).to_be_hidden()


@pytest.mark.usefixtures("keyboards")
def test_filters_on_a_phone_count_while_they_are_chosen(
    chromium: Browser, live_server: LiveServer
) -> None:
    ProductFactory.create_batch(PER_PAGE + 1)
    page = opened(chromium, live_server, 390, "light").new_page()
    errors = console_errors(page)
    page.goto("/products/")

    page.click("#show-more")
    page.wait_for_selector("#show-more", state="detached")
    page.wait_for_url("**/products/?page=2")
    expect(page.locator("#products > li")).to_have_count(PER_PAGE + 3)

    page.click(".filters > summary")
    page.click("text=brown")
    page.wait_for_selector("text=Show 1 product")
    expect(page.locator(".filters > summary")).to_contain_text("· 1")
    expect(page.locator("input[value=brown]")).to_be_checked()
    page.click("text=Show 1 product")
    page.wait_for_selector("#filters", state="hidden")
    page.wait_for_url("**o.colour=brown**")
    expect(page.locator("#products > li")).to_have_count(1)
    assert errors == []


@pytest.mark.usefixtures("keyboards")
def test_search_and_filters_work_without_scripts(
    chromium: Browser, live_server: LiveServer
) -> None:
    ProductFactory.create_batch(PER_PAGE)
    context = opened(chromium, live_server, 390, "light", scripts=False)
    page = context.new_page()
    page.goto("/products/")

    expect(page.locator("#show-more")).to_be_hidden()
    page.click("text=Next")
    page.wait_for_url("**/products/?page=2")
    page.fill(FIELD, "keyboard")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=keyboard")
    page.click(".filters > summary")
    page.check("input[value=white]")
    page.click("#filters button")
    page.wait_for_url("**/search/*o.colour=white*")

    expect(page.locator("#products h3")).to_have_text(["Keyboard tray"])


def type_slowly(page: Page, text: str) -> None:
    page.focus(FIELD)
    page.keyboard.type(text)
    page.wait_for_selector(f"{LIST} [role=option]")
