"""The staff's daily work with orders in Chromium, on a desk and on a phone."""

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from orders.models import Order
from tests.admin.test_in_a_browser import complaints, signed_in
from tests.browsers import chromium as chromium
from tests.shops import busy_shop

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ORDERS = "/admin/orders/order/"
DESK, PHONE = (1280, 900), (390, 844)


def is_as_wide_as_the_screen(page: Page) -> bool:
    """Tell whether nobody has to scroll sideways."""
    page.wait_for_load_state("load")
    wide: int = page.evaluate("document.documentElement.scrollWidth")
    return wide <= (page.viewport_size or {"width": 0})["width"]


def test_list_of_parcels_is_previewed_and_shipped(
    chromium: Browser, live_server: LiveServer
) -> None:
    shop = busy_shop()
    packed = Order.objects.get(pk=shop.orders["processing"])
    page = signed_in(chromium, live_server, "light")
    page.goto(f"{live_server.url}{ORDERS}")

    page.get_by_role("link", name="Ship many…").click()
    page.get_by_label("List").fill(f"{packed.number},6020-9541\nNOSUCH00,6020-9542")
    page.get_by_label("Carrier").fill("CJ Logistics")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("There is no such order.")).to_be_visible()
    expect(page.get_by_text("1 row is left out.")).to_be_visible()
    seen = complaints(page)
    page.get_by_role("button", name="Ship 1 order").click()

    expect(page.get_by_role("cell", name="Shipped")).to_be_visible()
    assert seen == complaints(page) == []
    page.get_by_role("link", name=packed.number).click()
    expect(page.get_by_role("cell", name="6020-9541")).to_be_visible()
    expect(page.get_by_role("button", name="Delivered")).to_be_visible()
    page.close()


def test_row_unfolds_and_the_page_tells_the_rest(
    chromium: Browser, live_server: LiveServer
) -> None:
    shop = busy_shop()
    shipped = Order.objects.get(pk=shop.orders["shipped"])
    page = signed_in(chromium, live_server, "dark")
    found = []
    for width, height in (DESK, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{live_server.url}{ORDERS}?q=TRACK-shipped")
        page.get_by_text("1 item").first.click()
        expect(page.get_by_text("1 × ").first).to_be_visible()
        found += complaints(page)
        # Any order in two actions: the search was one.
        page.get_by_role("link", name=shipped.number).click()
        expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
        expect(page.get_by_role("heading", name="Told to others")).to_be_visible()
        found += complaints(page)
        assert is_as_wide_as_the_screen(page)

    assert found == []
    page.close()
