"""The pages about people in Chromium: to be used by everybody, on a phone, too."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from accounts import care
from points import corrections
from points.models import PointCorrection
from tests.admin.acting import act
from tests.admin.test_in_a_browser import complaints, signed_in
from tests.browsers import chromium as chromium
from tests.factories import ProductFactory, StaffFactory
from tests.reviewing import written
from tests.shops import busy_shop

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
DESK, PHONE = 1280, 390


def test_pages_about_people_are_accessible_and_fit(
    chromium: Browser, live_server: LiveServer
) -> None:
    shop, clerk, client = busy_shop(), StaffFactory.create(), Client()
    care.write_note(user_id=shop.user.pk, text="Calls on Mondays", author_id=clerk.pk)
    written(ProductFactory.create(), rating=2)
    for amount in (300, 100_001):
        corrections.ask(
            user_id=shop.user.pk, amount=amount, reason="late", actor_id=clerk.pk
        )
    client.force_login(clerk)
    given: dict[str, object] = {"amount": -5, "reason": "typo"}
    act(client, "/admin/points/pointaccount/", "adjust", shop.user.pk, **given)
    waiting = PointCorrection.objects.filter(state="open").get()
    pages = [
        f"/admin/accounts/user/{shop.user.pk}/change/",
        f"/admin/accounts/user/{clerk.pk}/change/",
        "/admin/accounts/user/",
        "/admin/points/pointcorrection/",
        f"/admin/points/pointcorrection/{waiting.pk}/change/",
        f"/admin/points/pointaccount/{shop.user.pk}/change/",
        f"/admin/points/pointaccount/{shop.user.pk}/history/",
        "/admin/admin/logentry/",
        f"/admin/admin/logentry/{LogEntry.objects.latest('pk').pk}/change/",
        "/admin/reviews/review/?queue=open",
        "/admin/wishlist/wishlistitem/",
    ]
    page = signed_in(chromium, live_server, "light")
    found = list[str]()
    for path in pages:
        page.set_viewport_size({"width": DESK, "height": 900})
        page.goto(f"{live_server.url}{path}")
        found += complaints(page)
        page.set_viewport_size({"width": PHONE, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > PHONE:
            found.append(f"{path} is {wide} wide")
    page.close()

    assert found == []


def test_customer_is_blocked_from_the_page(
    chromium: Browser, live_server: LiveServer
) -> None:
    shop = busy_shop()
    page = signed_in(chromium, live_server, "light")
    page.goto(f"{live_server.url}/admin/accounts/user/{shop.user.pk}/change/")

    page.get_by_role("button", name="Block…").click()
    page.get_by_label("Reason").fill("chargebacks")
    page.get_by_role("button", name="Block").click()

    expect(page.get_by_text("Block: 1 done.")).to_be_visible()
    expect(page.get_by_role("button", name="Let in again…")).to_be_visible()
    page.close()
