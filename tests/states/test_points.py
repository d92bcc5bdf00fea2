"""The wallet in its states."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from points import services as points
from points.models import LedgerEntry, PointAccount
from tests.factories import UserFactory
from tests.states.conftest import Visit

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# How a press in a page is done twice before the first one is answered.
TWICE = "button => { button.click(); button.click(); }"


def preset(page: Page, text: str) -> Any:
    return page.get_by_role("button", name=text)


def test_points_none_yet(visit: Visit) -> None:
    page = visit("/points/", user=UserFactory.create())

    expect(page.locator(".balance")).to_have_text("0\N{NO-BREAK SPACE}P")
    expect(page.get_by_text("No points have moved yet.")).to_be_visible()
    expect(page.get_by_role("link", name="Save as CSV")).to_have_count(0)


def test_points_charged_by_one_press(visit: Visit) -> None:
    user = UserFactory.create(points=10_000)
    page = visit("/points/", user=user)

    preset(page, "+30,000").click()

    expect(page.get_by_text("You now have 40,000")).to_be_visible()
    expect(page.locator("svg.price-line")).to_be_visible()
    expect(page.locator("tbody th")).to_have_count(1)  # both in one month


def test_points_pressed_twice_are_charged_once(visit: Visit) -> None:
    user = UserFactory.create()
    page = visit("/points/", user=user)

    preset(page, "+10,000").evaluate(TWICE)

    expect(page.get_by_text("You now have 10,000")).to_be_visible()
    assert PointAccount.objects.get(user=user).balance == 10_000


def test_points_above_the_limit(visit: Visit) -> None:
    user = UserFactory.create()
    page = visit("/points/", user=user, scripts=False)
    expect(page.get_by_text("Up to 1,000,000")).to_be_visible()
    page.locator("[name=amount]").evaluate("field => field.removeAttribute('max')")

    page.get_by_label("Other amount").fill("1000001")
    page.locator("form.charge-form").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Charge points").click()

    expect(page.locator(".errorlist")).to_contain_text("1000000")
    assert not LedgerEntry.objects.exists()


def test_points_charge_fails_at_the_bank(
    visit: Visit, live_server: LiveServer, settings: Settings
) -> None:
    # The test bank's page stands at the shop's own address.
    settings.SHOP_BASE_URL = live_server.url
    user = UserFactory.create()
    page = visit("/points/", user=user)
    page.get_by_label("Test card").check()
    preset(page, "+10,000").click()
    page.wait_for_url("**/sandbox/**")

    page.locator("button[value=decline]").click()

    page.wait_for_url("**/points/**")
    expect(page.locator(".notice-error")).to_be_visible()
    assert page.locator(".balance").inner_text().startswith("0")
    assert not LedgerEntry.objects.exists()


def test_points_changed_meanwhile(visit: Visit) -> None:
    user = UserFactory.create(points=100_000)
    page = visit("/points/", user=user)
    points.use(
        user_id=user.pk, amount=95_800, reference="A", idempotency_key="elsewhere"
    )

    preset(page, "+10,000").click()

    expect(page.get_by_text("You now have 14,200")).to_be_visible()
    expect(page.get_by_text("had changed meanwhile: it was 4,200")).to_be_visible()


def test_points_of_one_kind(visit: Visit) -> None:
    user = UserFactory.create(points=100_000)
    points.use(user_id=user.pk, amount=500, reference="A", idempotency_key="a")
    page = visit("/points/", user=user)

    page.get_by_role("link", name="Used").click()

    expect(page.locator("table .minus")).to_have_count(1)
    expect(page.locator("table .plus")).to_have_count(0)
    page.get_by_role("link", name="Expired").click()
    expect(page.get_by_text("No movement of this kind.")).to_be_visible()


def test_points_saved_as_a_file(visit: Visit) -> None:
    page = visit("/points/", user=UserFactory.create(points=100_000))

    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as CSV").click()

    text = saved.value.path().read_text("utf-8-sig")
    assert text.splitlines()[1].endswith("Charged,,100000,100000")


def test_points_account_full(visit: Visit, settings: Settings) -> None:
    user = UserFactory.create(points=100_000)
    settings.POINTS_MAX_BALANCE = 100_000
    page = visit("/points/", user=user)

    preset(page, "+10,000").click()

    expect(page.locator(".notice-error")).to_contain_text("at most 100000 points")
    assert PointAccount.objects.get(user=user).balance == 100_000
