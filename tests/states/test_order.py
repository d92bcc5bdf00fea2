"""The page of an order in its states."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from cart.models import CartItem
from checkout import refunding
from checkout import services as checkout
from orders import guests
from orders.models import AddressChange, Order, OrderStatus
from tests.factories import AddressFactory, CouponFactory, UserFactory
from tests.states.conftest import Visit
from tests.states.orders import ADDRESS, moon_jar, order_in, placed, ship, shopper

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# By status: its tag, how many of the steps are done, and what can be done.
STATES = {
    OrderStatus.PENDING: ("Awaiting payment", 1, "Pay ₩21,500"),
    OrderStatus.PAID: ("Paid", 2, "Change the address"),
    OrderStatus.PROCESSING: ("Being packed", 3, "Print invoice"),
    OrderStatus.SHIPPED: ("Shipped", 4, "I have received everything"),
    OrderStatus.DELIVERED: ("Delivered", 5, "Send something back"),
    OrderStatus.CANCELLED: ("Cancelled", 2, "Order again"),
    OrderStatus.EXPIRED: ("Expired", 2, "Order again"),
}


@pytest.mark.parametrize("status", STATES, ids=lambda status: status.value)
def test_order_in_each_status(visit: Visit, status: OrderStatus) -> None:
    buyer = shopper()
    order = order_in(status, buyer)
    word, done, action = STATES[status]

    page = open_order(visit, order, buyer)

    expect(page.locator("#order-state .tag").first).to_have_text(word)
    expect(page.locator("#order-state .tag .icon").first).to_be_visible()
    expect(page.locator(".timeline .done")).to_have_count(done)
    expect(page.locator(".timeline .done time")).to_have_count(done)
    expect(page.locator("main .btn", has_text=action).first).to_be_visible()


def test_order_partly_refunded_says_how_much(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.PAID, buyer, moon_jar(price=10_000), moon_jar())
    line = order.lines.order_by("pk").first()
    assert line is not None
    refunding.refund(
        order_id=order.pk,
        quantities={line.pk: 1},
        reason="broken",
        actor_id=None,
        key="once",
    )

    page = open_order(visit, order, buyer)

    expect(page.get_by_text("Partly refunded")).to_be_visible()
    expect(page.get_by_text("10,000 P refunded on")).to_be_visible()
    expect(page.get_by_text("after refunds")).to_be_visible()
    page.get_by_text("All that happened").click()
    expect(page.get_by_text("Refund of ₩10,000")).to_be_visible()


def test_order_cancelled_too_late_says_it_is_packed(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.PAID, buyer)
    page = open_order(visit, order, buyer, "cancel/")
    checkout.pack(order_id=order.pk, actor_id=None)

    page.get_by_role("button", name="Yes, cancel it").click()

    page.get_by_text("This order is already packed").wait_for()
    order.refresh_from_db()
    assert order.status == OrderStatus.PROCESSING


def test_order_without_a_tracking_number_says_it_follows(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.PROCESSING, buyer)
    ship(order, number="")

    page = open_order(visit, order, buyer)

    expect(page.get_by_text("The tracking number follows.")).to_be_visible()


def test_order_copies_the_tracking_number(visit: Visit) -> None:
    buyer = shopper()
    page = open_order(visit, order_in(OrderStatus.SHIPPED, buyer), buyer)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(page.get_by_text("CJ Logistics")).to_be_visible()

    page.get_by_role("button", name="Copy").click()

    page.locator("#toasts", has_text="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "681122334455"


def test_order_says_when_it_is_expected(visit: Visit) -> None:
    buyer = shopper()

    page = open_order(visit, order_in(OrderStatus.SHIPPED, buyer), buyer)

    expect(page.locator(".timeline .upcoming")).to_contain_text("expected by")


def test_order_of_somebody_else_is_not_there(visit: Visit) -> None:
    order = placed(shopper())
    stranger = UserFactory.create()

    page = visit(f"/orders/{order.number}/", user=stranger, status=404)

    expect(page.locator("main")).not_to_contain_text(order.number)


def test_order_opens_by_a_guests_link(visit: Visit) -> None:
    shopper()
    order = placed(None, moon_jar())

    page = visit(f"/orders/{order.number}/?key={guests.key_of(order.pk)}")

    page.wait_for_url(f"**/orders/{order.number}/")
    expect(page.get_by_role("heading", name=f"Order {order.number}")).to_be_visible()
    expect(page.get_by_role("link", name="Sign up")).to_be_visible()


def test_order_shows_how_its_total_came_about(visit: Visit) -> None:
    buyer = shopper()
    coupon = CouponFactory.create(user=buyer, batch__name="Autumn")
    order = placed(buyer, moon_jar(), coupon_id=coupon.pk)

    sums = open_order(visit, order, buyer).locator("#order-sums").inner_text()

    assert "₩18,500" in sums
    assert "Coupon: Autumn" in sums
    assert "−₩1,850" in sums
    assert "Delivery: Standard" in sums
    assert "₩19,650" in sums


def test_order_is_sent_to_another_address(visit: Visit) -> None:
    buyer = shopper()
    AddressFactory.create(user=buyer, recipient="Office", is_default=True)
    order = order_in(OrderStatus.PAID, buyer)
    page = open_order(visit, order, buyer)
    page.get_by_role("link", name="Change the address").click()
    page.get_by_label("Office").check()

    page.get_by_role("button", name="Send it there").click()

    page.get_by_text("Your order goes to the new address.").wait_for()
    expect(page.locator("address")).to_contain_text("Office")
    page.get_by_text("All that happened").click()
    expect(page.get_by_text("Sent to another address")).to_be_visible()
    assert AddressChange.objects.get().before == ADDRESS


def test_order_that_is_packed_keeps_its_address(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.PAID, buyer)
    page = open_order(visit, order, buyer, "address/")
    checkout.pack(order_id=order.pk, actor_id=None)
    page.get_by_label("City").fill("Busan")

    page.get_by_role("button", name="Send it there").click()

    page.get_by_text("already packed, so its address cannot be changed").wait_for()
    order.refresh_from_db()
    assert order.address == ADDRESS


def test_order_buys_one_product_again(visit: Visit) -> None:
    buyer = shopper()
    cup = moon_jar()
    page = open_order(visit, order_in(OrderStatus.DELIVERED, buyer, cup), buyer)

    page.get_by_role("button", name="Buy again Moon jar").click()

    page.wait_for_url("**/cart/")
    assert CartItem.objects.get(cart__user=buyer).product_id == cup.pk


def test_order_that_arrived_can_be_reviewed(visit: Visit) -> None:
    buyer = shopper()
    page = open_order(visit, order_in(OrderStatus.DELIVERED, buyer, moon_jar()), buyer)

    page.get_by_role("link", name="Review Moon jar").click()

    expect(page.get_by_role("heading", name="Write a review")).to_be_visible()


def test_order_is_received(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.SHIPPED, buyer)
    page = open_order(visit, order, buyer)

    page.get_by_role("button", name="I have received everything").click()

    page.get_by_text("Thank you! Enjoy it.").wait_for()
    order.refresh_from_db()
    assert order.status == OrderStatus.DELIVERED


def test_order_prints_its_invoice(visit: Visit) -> None:
    buyer = shopper()
    page = open_order(visit, order_in(OrderStatus.PAID, buyer), buyer)
    page.get_by_role("link", name="Print invoice").click()
    tools = page.locator(".tools")
    expect(tools).to_be_visible()

    page.emulate_media(media="print")

    expect(tools).to_be_hidden()
    expect(page.get_by_text("Invoice").first).to_be_visible()


def test_order_tells_whom_to_ask(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)

    ask = open_order(visit, order, buyer).get_by_role(
        "link", name="Ask about this order"
    )

    address = ask.get_attribute("href")
    assert address == f"mailto:shop@localhost?subject=Order%20{order.number}"


def open_order(visit: Visit, order: Order, buyer: User, page: str = "") -> Page:
    return visit(f"/orders/{order.number}/{page}", user=buyer)
