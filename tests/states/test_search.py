"""The search in each of its states."""

import pytest
from playwright.sync_api import expect

from tests.factories import CategoryFactory, ProductFactory
from tests.states.conftest import Visit
from tests.states.goods import sold

pytestmark = [pytest.mark.slow]


def test_search_without_words_shows_where_to_begin(visit: Visit) -> None:
    CategoryFactory.create(name="Cups")
    sold(ProductFactory.create(name="Moon jar"), units=1)

    page = visit("/search/")

    around = page.get_by_role("navigation", name="Look around")
    expect(around.get_by_role("link", name="Cups")).to_be_visible()
    expect(page.get_by_role("link", name="Moon jar")).to_be_visible()


def test_search_suggests_nothing_for_a_single_letter(visit: Visit) -> None:
    ProductFactory.create(name="Mug")
    page = visit("/")

    page.get_by_role("searchbox").or_(page.get_by_role("combobox")).first.fill("m")
    page.wait_for_timeout(400)

    expect(page.get_by_role("option")).to_have_count(0)


def test_search_finds_what_is_sold_out_as_well(visit: Visit) -> None:
    ProductFactory.create(name="Moon jar", stock_on_hand=0)

    page = visit("/search/?q=moon")

    expect(page.get_by_role("link", name="Moon jar", exact=True)).to_be_visible()
    expect(page.get_by_text("Sold out")).to_be_visible()


def test_search_without_a_result_leads_on(visit: Visit) -> None:
    CategoryFactory.create(name="Cups")
    sold(ProductFactory.create(name="Moon jar"), units=1)

    page = visit("/search/?q=xylophone")

    expect(page.get_by_text("We found nothing for “xylophone”.")).to_be_visible()
    expect(page.get_by_role("heading", name="What others buy")).to_be_visible()


def test_search_shows_what_was_meant_by_a_slip(visit: Visit) -> None:
    ProductFactory.create(name="Porcelain teapot")

    page = visit("/search/?q=porcelian")

    expect(page.get_by_text("instead of “porcelian”")).to_be_visible()
    expect(page.get_by_role("link", name="Porcelain teapot")).to_be_visible()


def test_search_reads_what_was_typed_on_another_keyboard(visit: Visit) -> None:
    ProductFactory.create(name="Mug")

    page = visit("/search/?q=ьгп")

    expect(page.get_by_role("link", name="Mug", exact=True)).to_be_visible()


def test_search_for_very_many_words_stays_on_the_page(visit: Visit) -> None:
    page = visit(f"/search/?q={'onggi-' * 300}")

    expect(page.get_by_text("We found nothing for")).to_be_visible()


def test_search_shows_code_as_the_text_it_is(visit: Visit) -> None:
    page = visit("/search/?q=<script>document.title='owned'</script>")

    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>")
    assert "owned" not in page.title() or "script" in page.title()
    expect(page.locator("h1 script")).to_have_count(0)
