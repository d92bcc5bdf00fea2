"""Paying an order that was placed before, in its states."""

import pytest
from playwright.sync_api import expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from orders.models import Order, OrderStatus
from payments.models import Payment
from points.models import PointAccount
from tests.factories import CouponFactory
from tests.states.conftest import Visit
from tests.states.orders import make_late, moon_jar, order_in, placed, shopper

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def bank(settings: Settings, live_server: LiveServer) -> None:
    """Let the test bank's page be where the shop is."""
    settings.SHOP_BASE_URL = live_server.url


def pay_url(order: Order) -> str:
    return f"/orders/{order.number}/pay/"


def test_pay_says_how_much_and_until_when(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)

    page = visit(pay_url(order), user=buyer)

    expect(page.get_by_role("heading", name="Pay ₩21,500")).to_be_visible()
    expect(page.locator("[data-countdown]")).to_contain_text(":")
    assert page.locator("dd time").last.get_attribute("datetime")


def test_pay_says_the_time_without_scripts(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)

    page = visit(pay_url(order), user=buyer, scripts=False)

    assert page.locator("[data-countdown]").inner_text().startswith("until ")


def test_pay_by_points(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)
    page = visit(pay_url(order), user=buyer)

    page.get_by_role("button", name="Pay ₩21,500").click()

    page.wait_for_url("**/thanks/")
    order.refresh_from_db()
    assert order.status == OrderStatus.PAID
    assert PointAccount.objects.get(user=buyer).balance == 78_500


@pytest.mark.usefixtures("bank")
def test_pay_by_somebody_else(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)
    page = visit(pay_url(order), user=buyer)
    page.get_by_label("Test card").check()

    page.get_by_role("button", name="Pay ₩21,500").click()

    page.wait_for_url("**/sandbox/**")
    assert Payment.objects.outside().get().order_id == order.pk


def test_pay_without_enough_points_charges_what_is_missing(
    visit: Visit, settings: Settings
) -> None:
    settings.PAYMENT_GATEWAYS = []
    poor = shopper(points=1_500)
    order = placed(poor)
    page = visit(pay_url(order), user=poor)
    expect(page.get_by_role("button", name="Pay ₩")).to_have_count(0)

    page.get_by_role("button", name="Charge 20,000 P").click()

    page.get_by_role("button", name="Pay ₩21,500").wait_for()


def test_pay_leads_to_calling_it_off(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)
    page = visit(pay_url(order), user=buyer)

    page.get_by_role("link", name="Cancel this order").click()
    page.get_by_role("button", name="Yes, cancel it").click()

    page.get_by_text("Your order is cancelled.").wait_for()
    order.refresh_from_db()
    assert order.status == OrderStatus.CANCELLED


def test_pay_expired_says_when_and_orders_again(visit: Visit) -> None:
    buyer = shopper()
    coupon = CouponFactory.create(user=buyer)
    order = placed(buyer, moon_jar(), coupon_id=coupon.pk)
    make_late(order)

    page = visit(pay_url(order), user=buyer)

    expect(page.get_by_role("heading", name="The time to pay is over")).to_be_visible()
    expect(page.get_by_text("the coupon is back in your wallet")).to_be_visible()
    expect(page.locator("main time")).to_have_count(1)
    page.get_by_role("button", name="Order again").click()
    page.wait_for_url("**/cart/")
    expect(page.get_by_text("Moon jar").first).to_be_visible()


def test_pay_too_late_takes_nothing(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)
    page = visit(pay_url(order), user=buyer)
    make_late(order)

    page.get_by_role("button", name="Pay ₩21,500").click()

    page.get_by_role("heading", name="The time to pay is over").wait_for()
    assert PointAccount.objects.get(user=buyer).balance == 100_000


def test_pay_twice_shows_that_it_is_paid(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)
    page = visit(pay_url(order), user=buyer)
    first = page.context.new_page()
    first.goto(page.url)
    first.get_by_role("button", name="Pay ₩21,500").click()
    first.wait_for_url("**/thanks/")

    page.get_by_role("button", name="Pay ₩21,500").click()

    page.get_by_text("This order is paid already.").wait_for()
    assert PointAccount.objects.get(user=buyer).balance == 78_500


@pytest.mark.usefixtures("bank")
def test_pay_that_the_provider_refused_can_be_tried_again(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)
    page = visit(pay_url(order), user=buyer)
    page.get_by_label("Test card").check()
    page.get_by_role("button", name="Pay ₩21,500").click()
    page.wait_for_url("**/sandbox/**")

    page.locator("button[value=decline]").click()

    page.get_by_text("The payment did not go through. Nothing was charged.").wait_for()
    page.wait_for_url(f"**{pay_url(order)}")
    page.locator("#pay-points").check()
    page.get_by_role("button", name="Pay ₩21,500").click()
    page.wait_for_url("**/thanks/")


def test_pay_of_an_order_that_is_paid_leads_to_the_order(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.PAID, buyer)

    page = visit(pay_url(order), user=buyer)

    page.wait_for_url(f"**/orders/{order.number}/")
    expect(page.get_by_text("This order is paid already.")).to_be_visible()
