"""The ranking in each of its states."""

import pytest
from playwright.sync_api import expect

from tests.factories import CategoryFactory, ProductFactory
from tests.states.conftest import Visit
from tests.states.goods import sold

pytestmark = [pytest.mark.slow]


def test_best_states_its_days_and_how_much_was_sold(visit: Visit) -> None:
    sold(ProductFactory.create(name="Moon jar"), units=23)

    page = visit("/best/")

    expect(page.get_by_text("The most units sold from")).to_be_visible()
    expect(page.get_by_text("20+ sold")).to_be_visible()
    expect(page.get_by_text("Only 1 product was sold in these days.")).to_be_visible()


def test_best_with_fewer_than_five_sold_says_so(visit: Visit) -> None:
    sold(ProductFactory.create(), units=3)

    page = visit("/best/")

    expect(page.get_by_text("fewer than 5 sold")).to_be_visible()


def test_best_with_equal_sales_keeps_its_order(visit: Visit) -> None:
    products = ProductFactory.create_batch(3, price=10_000)
    for product in reversed(products):
        sold(product, units=4)
    names = [product.name for product in products]
    page = visit("/best/")
    expect(page.locator("ol h3")).to_have_text(names)

    page.reload()

    expect(page.locator("ol h3")).to_have_text(names)


def test_best_says_what_went_up_and_what_went_down(visit: Visit) -> None:
    riser, faller = ProductFactory.create(name="Riser"), ProductFactory.create()
    for product, before, now in ((riser, 1, 9), (faller, 9, 1)):
        sold(product, units=before, days_ago=4)
        sold(product, units=now)

    page = visit("/best/")

    expect(page.get_by_text("▲ 1")).to_be_visible()
    expect(page.get_by_text("▼ 1")).to_be_visible()


def test_best_of_a_week_counts_what_three_days_leave_out(visit: Visit) -> None:
    sold(ProductFactory.create(name="Last week"), units=5, days_ago=5)
    page = visit("/best/")
    expect(page.get_by_text("Nothing was sold in the last three days.")).to_be_visible()

    page.get_by_role("link", name="Week").click()

    expect(page.get_by_role("link", name="Last week")).to_be_visible()


def test_best_of_one_shelf_leaves_the_others_out(visit: Visit) -> None:
    shelf = CategoryFactory.create(name="Cups")
    sold(ProductFactory.create(name="Celadon cup", category=shelf), units=5)
    sold(ProductFactory.create(name="Moon jar"), units=9)
    page = visit("/best/")
    expect(page.locator("ol h3")).to_have_text(["Moon jar", "Celadon cup"])

    shelves = page.get_by_role("navigation", name="Best sellers by category")
    shelves.get_by_role("link", name="Cups").click()

    expect(page.get_by_role("heading", name="Best sellers: Cups")).to_be_visible()
    expect(page.locator("ol h3")).to_have_text(["Celadon cup"])
