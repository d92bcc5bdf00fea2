"""The admin in Chromium: accessible in both schemes, and at home under our policy."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from pytest_django.live_server_helper import LiveServer

from catalog.models import Product
from coupons import services as coupons
from coupons.models import CouponBatch
from promotions.models import Promotion
from tests.browsers import chromium as chromium
from tests.factories import CouponBatchFactory, StaffFactory, UserFactory
from tests.shops import Shop, busy_shop

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Of the pages that are looked at in the light, each so many-th in the dark.
DARK_STEP = 4


def paths(shop: Shop) -> list[str]:
    """Name the pages of a working day."""
    product, batch = Product.objects.latest("pk"), CouponBatch.objects.latest("pk")
    return [
        "/admin/",
        "/admin/orders/order/",
        f"/admin/orders/order/{shop.orders['paid']}/change/",
        f"/admin/orders/order/{shop.orders['shipped']}/change/",
        "/admin/catalog/product/",
        f"/admin/catalog/product/{product.pk}/change/",
        "/admin/inventory/stock/",
        "/admin/coupons/couponbatch/",
        f"/admin/coupons/couponbatch/{batch.pk}/change/",
        f"/admin/coupons/couponbatch/{batch.pk}/live/",
        f"/admin/coupons/couponbatch/{batch.pk}/segment/",
        "/admin/promotions/promotion/",
        f"/admin/promotions/promotion/{Promotion.objects.latest('pk').pk}/change/",
        "/admin/accounts/user/add/",
        f"/admin/accounts/user/{shop.user.pk}/change/",
        "/admin/reviews/review/?queue=open",
        "/admin/inventory/stock/import/stock/",
        "/admin/outbox/dispatch/",
        "/admin/outbox/dispatch/matching/?state=dead",
        "/admin/outbox/stream/",
        "/admin/notifications/message/",
        "/admin/webhooks/endpoint/",
        "/admin/analytics/dailysales/reports/sales/",
        "/admin/analytics/dailysales/reports/trends/",
        "/admin/analytics/dailysales/reports/campaigns/",
        "/admin/analytics/dailysales/reports/funnel/",
    ]


def signed_in(browser: Browser, live_server: LiveServer, scheme: str) -> Page:
    """Open a page that is signed in as a superuser."""
    client = Client()
    client.force_login(StaffFactory.create())
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": 1280, "height": 900},
    )
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
    return context.new_page()


def complaints(page: Page) -> list[str]:
    """Return what is hard to use on a page for somebody."""
    results = Axe().run(page, options={"runOnly": RULES})
    return [
        f"{page.url}: {violation['id']}: {node['target']}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_staff_pages_are_accessible_and_break_no_rule_of_the_policy(
    scheme: str, chromium: Browser, live_server: LiveServer
) -> None:
    shop = busy_shop()
    page = signed_in(chromium, live_server, scheme)
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            said.append(message.text)

    # The colours of both schemes are the same few, so a part is enough for dark.
    step = DARK_STEP if scheme == "dark" else 1
    pages = [f"{live_server.url}{path}" for path in paths(shop)[::step]]

    found = list[str]()
    for url in pages:
        page.on("console", listen)
        page.goto(url)
        page.wait_for_load_state("networkidle")
        # The checker styles elements as it measures, which the policy forbids it to do.
        page.remove_listener("console", listen)
        found += complaints(page)
    page.close()

    assert said == []
    assert found == []


def test_pages_of_a_working_day_fit_a_narrow_phone(
    chromium: Browser, live_server: LiveServer
) -> None:
    shop = busy_shop()
    page = signed_in(chromium, live_server, "light")
    page.set_viewport_size({"width": 390, "height": 844})
    batch = CouponBatch.objects.latest("pk")
    found = list[str]()

    for path in (
        "/admin/",
        f"/admin/orders/order/{shop.orders['paid']}/change/",
        f"/admin/coupons/couponbatch/{batch.pk}/live/",
    ):
        page.goto(f"{live_server.url}{path}")
        width = page.evaluate("document.documentElement.scrollWidth")
        found += [] if width <= 390 else [f"{path} is {width} pixels wide"]
        found += complaints(page)
    page.context.clear_cookies()
    page.goto(f"{live_server.url}/admin/login/")
    found += complaints(page)
    page.close()

    assert found == []


def test_live_page_of_a_campaign_renews_itself(
    chromium: Browser, live_server: LiveServer
) -> None:
    batch = CouponBatchFactory.create()
    page = signed_in(chromium, live_server, "light")
    page.goto(f"{live_server.url}/admin/coupons/couponbatch/{batch.pk}/live/")
    expect(page.get_by_text("0 of 10 issued")).to_be_visible()
    page.locator("#live summary").click()

    coupons.claim(user_id=UserFactory.create().pk, batch_id=batch.pk)

    expect(page.get_by_text("1 of 10 issued")).to_be_visible()
    # What was opened stays open.
    expect(page.locator("#live details table")).to_be_visible()
    page.close()


def test_order_is_shipped_from_its_page(
    chromium: Browser, live_server: LiveServer
) -> None:
    shop = busy_shop()
    page = signed_in(chromium, live_server, "light")
    page.goto(
        f"{live_server.url}/admin/orders/order/{shop.orders['processing']}/change/"
    )

    page.get_by_role("button", name="Ship…").click()
    expect(page.get_by_label("Carrier")).to_be_visible()
    asked = complaints(page)
    page.get_by_label("Carrier").fill("CJ Logistics")
    page.get_by_label("Tracking number").fill("6020-9541")
    page.get_by_role("button", name="Ship").click()

    assert asked == []
    expect(page.get_by_text("Ship: 1 done.")).to_be_visible()
    expect(page.get_by_role("cell", name="6020-9541")).to_be_visible()
    expect(page.get_by_role("button", name="Delivered")).to_be_visible()
    page.close()
