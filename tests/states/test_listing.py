"""Lists of products in each of their states."""

import re

import pytest
from playwright.sync_api import Route, expect

from accounts.models import User
from catalog.models import Category, Product
from shop.listing import PER_PAGE
from tests.factories import CategoryFactory, ProductFactory, UserFactory
from tests.states.conftest import Visit

pytestmark = [pytest.mark.slow]


@pytest.fixture
def cups(transactional_db: None) -> Category:
    """Return a shelf with a red and a blue cup."""
    shelf = CategoryFactory.create(name="Cups", slug="cups")
    for colour, price in (("red", 9_000), ("blue", 15_000)):
        ProductFactory.create(
            name=f"{colour.title()} cup",
            price=price,
            options={"colour": colour},
            category=shelf,
        )
    return shelf


def test_listing_has_its_place_its_count_and_its_filters(
    visit: Visit, cups: Category
) -> None:
    page = visit("/c/cups/", width=1280)

    expect(page.get_by_role("heading", level=1, name="Cups")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="2 products")).to_be_visible()
    crumbs = page.get_by_role("navigation", name="Breadcrumb")
    expect(crumbs.get_by_text("Cups")).to_be_visible()
    expect(page.get_by_label("red 1")).to_be_visible()
    expect(page.get_by_label("In stock only")).to_be_checked()


def test_listing_on_a_phone_opens_its_filters_and_says_how_many_they_leave(
    visit: Visit, cups: Category
) -> None:
    page = visit("/c/cups/?o.colour=red&max_price=20000")
    page.get_by_text("Filter · 2").click()

    page.get_by_label("blue").check()

    expect(page.get_by_role("button", name="Show 2 products")).to_be_in_viewport()
    expect(page).to_have_url(re.compile("colour=blue"))


def test_listing_takes_a_filter_away_by_its_chip(visit: Visit, cups: Category) -> None:
    page = visit("/c/cups/?o.colour=red")
    expect(page.get_by_role("link", name="Blue cup")).to_have_count(0)

    page.get_by_role("link", name="Remove Colour: red").click()

    expect(page.get_by_role("link", name="Blue cup")).to_be_visible()


def test_listing_without_a_result_says_which_filter_to_drop(
    visit: Visit, cups: Category
) -> None:
    page = visit("/c/cups/?o.colour=red&rating=4")

    expect(page.get_by_text("Nothing matches these filters.")).to_be_visible()
    page.get_by_role("link", name="Without “4 stars and up” 1").click()
    expect(page.get_by_role("link", name="Red cup")).to_be_visible()


def test_listing_swaps_bounds_that_come_the_wrong_way_round(
    visit: Visit, cups: Category
) -> None:
    page = visit("/c/cups/?min_price=10000&max_price=5000")

    expect(page.get_by_text("so we swapped them")).to_be_visible()
    expect(page.get_by_role("link", name="Red cup")).to_be_visible()


def test_listing_beyond_its_end_is_its_last_page(visit: Visit) -> None:
    ProductFactory.create_batch(PER_PAGE + 1)

    page = visit("/products/?page=40")

    expect(page.get_by_text("Page 2 of 2")).to_be_visible()
    expect(page.get_by_role("link", name="Previous")).to_be_visible()
    expect(page.locator("#products > li")).to_have_count(1)


def test_listing_shows_more_below_and_the_address_follows(visit: Visit) -> None:
    ProductFactory.create_batch(PER_PAGE + 1)
    page = visit("/products/")

    page.get_by_role("link", name="Show more").click()

    expect(page.locator("#products > li")).to_have_count(PER_PAGE + 1)
    expect(page).to_have_url(re.compile(r"/products/\?page=2$"))


def test_listing_shows_where_more_will_stand_while_it_is_on_its_way(
    visit: Visit,
) -> None:
    ProductFactory.create_batch(PER_PAGE + 1)
    page = visit("/products/")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/products/?page=2", hold)

    with page.expect_request("**/products/?page=2"):
        page.get_by_role("link", name="Show more").click()

    expect(page.locator("#coming .skeleton").first).to_be_visible()
    expect(page.locator("#products > li")).to_have_count(PER_PAGE)
    held.pop().continue_()
    expect(page.locator("#products > li")).to_have_count(PER_PAGE + 1)
    expect(page.locator("#coming")).to_have_count(0)


def test_listing_without_scripts_is_paged_by_links(visit: Visit) -> None:
    ProductFactory.create_batch(PER_PAGE + 1)
    page = visit("/products/", scripts=False)

    expect(page.get_by_role("link", name="Show more")).not_to_be_visible()
    page.get_by_role("link", name="Next").click()

    expect(page.locator("#products > li")).to_have_count(1)


def test_listing_puts_what_is_sold_out_last_and_grey_where_it_is_wanted(
    visit: Visit,
) -> None:
    ProductFactory.create(name="Here")
    ProductFactory.create(name="Gone", stock_on_hand=0)
    page = visit("/products/")
    expect(page.get_by_role("link", name="Gone")).to_have_count(0)

    page.goto("/products/?in_stock=off&sort=newest")

    expect(page.locator("#products h3")).to_have_text(["Here", "Gone"])
    gone = page.locator(".card-sold-out")
    expect(gone.get_by_text("Sold out")).to_be_visible()
    expect(gone.get_by_role("button", name="Notify me Gone")).to_be_visible()


@pytest.fixture
def gone(transactional_db: None) -> Product:
    return ProductFactory.create(name="Gone", stock_on_hand=0)


def test_listing_lets_a_shopper_be_told_from_a_card(
    visit: Visit, gone: Product
) -> None:
    shopper: User = UserFactory.create()
    page = visit("/products/?in_stock=off", user=shopper)

    page.get_by_role("button", name="Notify me Gone").click()

    expect(page.locator("#toasts")).to_contain_text("We will tell you when it is back.")


def test_listing_leads_a_guest_from_a_card_to_where_to_be_told(
    visit: Visit, gone: Product
) -> None:
    page = visit("/products/?in_stock=off")

    page.get_by_role("button", name="Notify me Gone").click()

    expect(page.get_by_label("E-mail")).to_be_visible()


def test_listing_of_which_all_is_sold_out_offers_to_show_it(
    visit: Visit, gone: Product
) -> None:
    page = visit(f"/c/{gone.category.slug}/")

    expect(page.get_by_text("Everything on this shelf is sold out")).to_be_visible()
    page.get_by_role("link", name="Without “In stock only” 1").click()
    expect(page.get_by_role("link", name="Gone", exact=True)).to_be_visible()


def test_listing_of_an_empty_shelf_leads_on(visit: Visit) -> None:
    CategoryFactory.create(name="Vases", slug="vases")

    page = visit("/c/vases/")

    expect(page.get_by_text("This shelf is empty for now.")).to_be_visible()
    leads_on = page.get_by_role("main").get_by_role("link", name="All products")
    expect(leads_on).to_be_visible()
