"""Prices and tables in Chromium: previewed and applied, and good for everybody."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.admin.test_in_a_browser import complaints, signed_in
from tests.browsers import chromium as chromium
from tests.factories import ProductFactory

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PRODUCTS = "/admin/catalog/product/"


def choose_all(page: Page, url: str, action: str) -> None:
    page.goto(url)
    page.get_by_label("Select all objects on this page for an action").check()
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Go").click()


def open_page(browser: Browser, server: LiveServer) -> tuple[Page, list[str]]:
    """Return a page, and what its console complains of."""
    page = signed_in(browser, server, "light")
    said: list[str] = []
    page.on(
        "console",
        lambda message: said.append(message.text) if message.type == "error" else None,
    )
    return page, said


def test_prices_are_previewed_changed_and_put_back(
    chromium: Browser, live_server: LiveServer
) -> None:
    ProductFactory.create(name="Mug", price=12_345)
    ProductFactory.create(name="Bowl", price=9_900)
    page, said = open_page(chromium, live_server)

    choose_all(page, f"{live_server.url}{PRODUCTS}", "Change prices…")
    page.get_by_label("Percent or amount").fill("-60")
    page.get_by_label("Round").select_option(label="To an amount that ends in 90")
    page.get_by_label("Reason").fill("autumn sale")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="2 prices change")).to_be_visible()
    expect(page.get_by_role("cell", name="₩4,890")).to_be_visible()
    # The checker styles elements as it measures, which the policy forbids it to do.
    refused = list(said)
    found = complaints(page)
    page.get_by_label("I have looked at the prices").check()
    page.get_by_role("button", name="Change 2 prices").click()
    expect(page.get_by_text("2 prices changed.")).to_be_visible()
    page.get_by_role("button", name="Undo…").click()
    page.get_by_label("Reason").fill("a slip")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Prices put back: 2.")).to_be_visible()
    page.close()

    assert (refused, found) == ([], [])


def test_table_of_stock_is_looked_at_before_it_moves_anything(
    chromium: Browser, live_server: LiveServer, tmp_path: Path
) -> None:
    mug = ProductFactory.create(name="Mug", stock_on_hand=10)
    page, said = open_page(chromium, live_server)
    table = tmp_path / "stock.csv"
    table.write_text(f"sku,kind,change\n{mug.sku},received,5\nNOBODY,received,1\n")

    page.goto(f"{live_server.url}/admin/inventory/stock/import/stock/")
    page.get_by_label("File").set_input_files(table)
    page.get_by_label("Reason").fill("delivery 7")
    page.get_by_role("button", name="Look at the file").click()
    expect(page.get_by_text("There is no product with this SKU.")).to_be_visible()
    refused = list(said)
    found = complaints(page)
    page.goto(f"{live_server.url}{PRODUCTS}export/products/")
    found += complaints(page)
    page.goto(f"{live_server.url}{PRODUCTS}")
    found += complaints(page)
    page.close()

    assert (refused, found) == ([], [])
