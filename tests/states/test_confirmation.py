"""The thanks for a paid order, in their states."""

import pytest
from playwright.sync_api import expect

from checkout import settling
from orders import guests
from orders.models import Order, OrderStatus
from points.models import PointAccount
from tests.factories import ProductFactory
from tests.paying import captured, set_out
from tests.states.conftest import Visit
from tests.states.orders import moon_jar, order_in, placed, shopper

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def thanks_url(order: Order) -> str:
    return f"/orders/{order.number}/thanks/"


def test_confirmation_says_all_that_matters(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.PAID, buyer, moon_jar())

    page = visit(thanks_url(order), user=buyer)

    text = page.locator("main").inner_text()
    assert "Thank you! Your order is paid." in text
    assert f"We have written to {buyer.email}." in text
    assert order.number in text
    assert "Arrives by" in text
    assert "78,500\N{NO-BREAK SPACE}P" in text
    assert "Moon jar" in text
    page.get_by_role("link", name="Follow the order").click()
    page.wait_for_url(f"**/orders/{order.number}/")


def test_confirmation_copies_the_number(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.PAID, buyer)
    page = visit(thanks_url(order), user=buyer)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy").click()

    page.locator("#toasts", has_text="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == order.number


def test_confirmation_can_be_loaded_again(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.PAID, buyer)
    page = visit(thanks_url(order), user=buyer)

    page.reload()

    expect(page.get_by_text("Thank you! Your order is paid.")).to_be_visible()
    assert Order.objects.count() == 1
    assert PointAccount.objects.get(user=buyer).balance == 78_500


def test_confirmation_is_not_for_search_engines(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.PAID, buyer)

    page = visit(thanks_url(order), user=buyer)

    assert page.locator("meta[name=robots]").get_attribute("content") == "noindex"


def test_confirmation_shows_what_goes_with_it(visit: Visit) -> None:
    buyer = shopper()
    cup = moon_jar()
    ProductFactory.create(name="Saucer", category=cup.category)
    order = order_in(OrderStatus.PAID, buyer, cup)

    page = visit(thanks_url(order), user=buyer)

    expect(page.get_by_role("heading", name="You may need")).to_be_visible()
    expect(page.get_by_role("link", name="Saucer").first).to_be_visible()


def test_confirmation_invites_a_guest_to_an_account(visit: Visit) -> None:
    shopper()
    order = placed(None, moon_jar(), email="ji-won@example.com")
    pay_outside(order)
    page = visit(f"/orders/{order.number}/?key={guests.key_of(order.pk)}")

    page.goto(thanks_url(order))

    page.get_by_role("link", name="Create an account").click()
    page.wait_for_url("**/accounts/signup/**")
    expect(page.locator("main [name=email]")).to_have_value("ji-won@example.com")


def pay_outside(order: Order) -> None:
    payment = set_out(None, order.pk)
    settling.record(payment.pk, captured(payment))


def test_confirmation_of_an_unpaid_order_leads_to_the_order(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)

    page = visit(thanks_url(order), user=buyer)

    page.wait_for_url(f"**/orders/{order.number}/")
    expect(page.get_by_text("Goods and price are held until")).to_be_visible()
