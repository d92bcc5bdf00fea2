"""Checkout in its states, as a shopper on a phone sees them."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from accounts.models import User
from catalog import services as catalog
from catalog.models import Product
from coupons.models import CouponBatch
from inventory.models import Stock
from orders.models import Order, OrderStatus
from points.models import PointAccount
from tests.factories import (
    PASSWORD,
    AddressFactory,
    CouponFactory,
    DeliveryMethodFactory,
)
from tests.states.conftest import Visit
from tests.states.orders import ADDRESS, FIELDS, fill_cart, moon_jar, shopper

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

TOKENS = {
    "name",
    "tel",
    "postal-code",
    "address-line1",
    "address-line2",
    "address-level2",
}
ASKED = (
    "main input:not([type=hidden], [type=radio], [type=checkbox]):visible,"
    " main select:visible, main textarea:visible"
)

SEND_TWICE = """async () => {
    const form = document.querySelector("form.checkout");
    const body = new FormData(form);
    body.set("pay", "1");
    const send = () => fetch(form.action, {method: "POST", body});
    const answers = await Promise.all([send(), send()]);
    return answers.map((answer) => new URL(answer.url).pathname);
}"""


@pytest.fixture
def buyer(transactional_db: None) -> User:
    """Return somebody with points and a moon jar of ₩18,500 in the cart."""
    user = shopper()
    fill_cart(user, moon_jar())
    return user


@pytest.fixture
def at_home(buyer: User) -> User:
    """Return the same with a saved address."""
    AddressFactory.create(user=buyer, recipient="Home", is_default=True)
    return buyer


def fill(page: Page) -> None:
    for name in FIELDS:
        page.fill(f"[name={name}]", ADDRESS[name])


def pay(page: Page) -> None:
    page.get_by_role("button", name="Pay ₩").click()


def test_checkout_asks_a_guest_for_eight_fields_at_most(visit: Visit) -> None:
    DeliveryMethodFactory.create()
    page = put_into_guests_cart(visit)

    asked = page.locator(ASKED)

    assert asked.count() <= 8
    tokens = {field.get_attribute("autocomplete") for field in asked.all()}
    assert tokens >= TOKENS | {"email"}


def test_checkout_asks_a_new_customer_for_eight_fields_at_most(
    visit: Visit, buyer: User
) -> None:
    page = visit("/checkout/", user=buyer)

    assert page.locator(ASKED).count() <= 8
    expect(page.get_by_label("Recipient")).to_have_value(buyer.name)


def test_checkout_of_a_returning_customer_is_one_click(
    visit: Visit, at_home: User
) -> None:
    page = visit("/checkout/", user=at_home)

    pay(page)

    page.wait_for_url("**/thanks/")
    order = Order.objects.get()
    assert (order.status, order.total) == (OrderStatus.PAID, 21_500)
    assert order.address["recipient"] == "Home"


def test_checkout_shows_saved_addresses_and_asks_only_for_another(
    visit: Visit, at_home: User
) -> None:
    page = visit("/checkout/", user=at_home)
    expect(page.get_by_label("Home")).to_be_checked()
    expect(page.get_by_label("Postal code")).to_be_hidden()

    page.get_by_label("Another address").check()

    expect(page.get_by_label("Postal code")).to_be_visible()


def test_checkout_says_price_and_days_of_each_way_of_delivery(
    visit: Visit, at_home: User
) -> None:
    DeliveryMethodFactory.create(
        code="express", name="Courier", cost=6_000, free_from=None, position=1
    )
    page = visit("/checkout/", user=at_home)
    courier = page.locator(".option", has_text="Courier")
    assert "₩6,000" in courier.inner_text()
    assert "Arrives" in courier.inner_text()

    courier.click()

    page.get_by_role("button", name="Pay ₩24,500").wait_for()


def test_checkout_total_is_always_in_sight(visit: Visit, at_home: User) -> None:
    page = visit("/checkout/", user=at_home)
    line = page.locator("summary", has_text="Total")
    expect(line).to_contain_text("₩21,500")
    assert in_sight(page, "summary:has-text('Total')")

    line.click()

    expect(page.get_by_text("Delivery: Standard")).to_be_visible()
    page.locator("#items").scroll_into_view_if_needed()
    assert in_sight(page, "summary:has-text('Total')")


def test_checkout_shows_the_sums_beside_the_form_on_a_desk(
    visit: Visit, at_home: User
) -> None:
    page = visit("/checkout/", user=at_home, width=1280)

    expect(page.get_by_text("Delivery: Standard")).to_be_visible()


def test_checkout_without_enough_points_charges_without_leaving(
    visit: Visit, settings: Settings
) -> None:
    settings.PAYMENT_GATEWAYS = []
    poor = shopper(points=1_500)
    fill_cart(poor, moon_jar())
    page = visit("/checkout/", user=poor)
    expect(page.get_by_text("20,000 P are missing")).to_be_visible()
    fill(page)
    # A field that is left asks for the sums, and the button may be another one then.
    page.wait_for_load_state("networkidle")

    page.locator("#pay").get_by_role("button", name="Charge 30,000 P").click()

    page.get_by_role("button", name="Pay ₩21,500").wait_for()
    expect(page.get_by_label("Recipient")).to_have_value("Lee Ji-won")
    assert PointAccount.objects.get(user=poor).balance == 31_500
    assert not Order.objects.exists()


def test_checkout_offers_others_to_pay_only_when_there_are_any(
    visit: Visit, at_home: User, settings: Settings
) -> None:
    expect(visit("/checkout/", user=at_home).get_by_label("Test card")).to_have_count(1)

    settings.PAYMENT_GATEWAYS = []

    page = visit("/checkout/", user=at_home)
    expect(page.get_by_label("Test card")).to_have_count(0)
    expect(page.get_by_label("Points")).to_be_checked()


def test_checkout_uses_all_points_first(visit: Visit) -> None:
    poor = shopper(points=1_500)
    fill_cart(poor, moon_jar())
    page = visit("/checkout/", user=poor)

    page.get_by_role("button", name="Use all").click()

    page.locator("#points_part[value='1500']").wait_for()
    page.locator("summary", has_text="Total").click()
    expect(page.get_by_text("From your points")).to_be_visible()


def test_checkout_with_a_coupon_that_became_void_asks_again(
    visit: Visit, at_home: User
) -> None:
    coupon = CouponFactory.create(user=at_home, batch__name="Autumn")
    page = visit("/checkout/", user=at_home)
    page.get_by_role("button", name="Pay ₩19,650").wait_for()
    CouponBatch.objects.filter(pk=coupon.batch_id).update(is_active=False)

    pay(page)

    page.get_by_text("This coupon is no longer valid.").wait_for()
    assert page.get_by_role("row", name="Total").inner_text().split() == [
        "Total",
        "₩19,650",
        "₩21,500",
    ]
    assert not Order.objects.exists()
    page.get_by_role("button", name="Pay ₩21,500").click()
    page.wait_for_url("**/thanks/")
    assert Order.objects.get().total == 21_500


def test_checkout_asks_about_each_product_that_has_gone(
    visit: Visit, at_home: User
) -> None:
    scarce, gone = moon_jar(price=1_000, stock=5), moon_jar(price=1_000)
    fill_cart(at_home, scarce, gone, quantity=3)
    page = visit("/checkout/", user=at_home)
    leave(scarce, 2)
    leave(gone, 0)

    pay(page)

    page.get_by_text("There is less left than you want").wait_for()
    expect(page.get_by_text("Only 2 left")).to_be_visible()
    expect(page.get_by_role("button", name="Pay ₩")).to_have_count(0)
    page.get_by_role("button", name="Take 2").click()
    page.get_by_text("Only 2 left").wait_for(state="detached")
    page.get_by_role("button", name="Leave it out").click()
    pay(page)
    page.wait_for_url("**/thanks/")
    kept = Order.objects.get().lines.get(product=scarce)
    assert kept.quantity == 2
    assert not Order.objects.get().lines.filter(product=gone).exists()


def test_checkout_with_an_outdated_price_shows_what_is_different(
    visit: Visit, at_home: User
) -> None:
    page = visit("/checkout/", user=at_home)
    cup = Product.objects.get()
    catalog.change_price(product_id=cup.pk, price=20_000, cause="clay", actor_id=None)

    pay(page)

    row = page.get_by_role("row", name="Moon jar")
    row.wait_for()
    assert row.inner_text().split() == ["Moon", "jar", "₩18,500", "₩20,000"]
    expect(page.get_by_role("button", name="Pay ₩23,000")).to_be_visible()
    assert not Order.objects.exists()


def test_checkout_calls_the_shops_own_price_an_estimate_while_a_carrier_is_away(
    visit: Visit, at_home: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise OSError("nobody there")

    monkeypatch.setattr("delivery.carriers.sandbox.Sandbox.rates", broken)
    DeliveryMethodFactory.create(
        code="courier", name="Courier", carrier="sandbox", carrier_service="express"
    )

    page = visit("/checkout/", user=at_home)

    courier = page.locator(".option", has_text="Courier")
    assert "Estimate" in courier.inner_text()
    assert "₩3,000" in courier.inner_text()


def test_checkout_sent_twice_is_one_order(visit: Visit, at_home: User) -> None:
    page = visit("/checkout/", user=at_home)

    led_to = page.evaluate(SEND_TWICE)

    order = Order.objects.get()
    assert led_to == [f"/orders/{order.number}/thanks/"] * 2
    assert PointAccount.objects.get(user=at_home).balance == 78_500


def test_checkout_after_the_session_ended_goes_on_with_the_form_as_it_was(
    visit: Visit, buyer: User
) -> None:
    page = visit("/checkout/", user=buyer)
    fill(page)
    origin = page.evaluate("location.origin")
    page.context.clear_cookies(name="sessionid")

    pay(page)

    page.wait_for_url("**/accounts/login/**")
    assert not Order.objects.exists()
    sign_in_by_form(page, buyer)
    page.wait_for_url(f"{origin}/checkout/")
    for name in FIELDS:
        expect(page.locator(f"[name={name}]")).to_have_value(ADDRESS[name])
    pay(page)
    page.wait_for_url("**/thanks/")


def test_checkout_of_a_guest_leads_to_an_order_without_an_account(
    visit: Visit,
) -> None:
    DeliveryMethodFactory.create()
    page = put_into_guests_cart(visit)
    page.get_by_label("E-mail").fill("ji-won@example.com")
    fill(page)

    page.get_by_role("button", name="Order now, pay later").click()

    order = wait_for_order(page)
    assert (order.user_id, order.email) == (None, "ji-won@example.com")
    expect(page.get_by_text("Messages go to ji-won@example.com.")).to_be_visible()


def test_checkout_says_for_how_long_an_unpaid_order_is_held(
    visit: Visit, at_home: User
) -> None:
    page = visit("/checkout/", user=at_home)
    expect(page.get_by_text("held for 30 minutes")).to_be_visible()
    expect(page.get_by_text("you agree to these terms")).to_be_visible()

    page.get_by_role("button", name="Order now, pay later").click()

    wait_for_order(page)
    expect(page.get_by_text("Goods and price are held until")).to_be_visible()


def test_checkout_with_a_field_missing_says_so_and_keeps_the_rest(
    visit: Visit, buyer: User
) -> None:
    page = visit("/checkout/", user=buyer)
    fill(page)
    page.fill("[name=postal_code]", " ")

    pay(page)

    page.get_by_text("Something is missing.").wait_for()
    expect(page.get_by_label("Recipient")).to_have_value("Lee Ji-won")
    assert not Order.objects.exists()


def test_checkout_works_without_scripts(visit: Visit, at_home: User) -> None:
    page = visit("/checkout/", user=at_home, scripts=False)

    pay(page)

    page.wait_for_url("**/thanks/")


def in_sight(page: Page, selector: str) -> bool:
    box = page.locator(selector).bounding_box()
    size = page.viewport_size
    assert box is not None
    assert size is not None
    return box["y"] >= 0 and box["y"] + box["height"] <= size["height"]


def leave(product: Product, number: int) -> None:
    Stock.objects.filter(product=product).update(on_hand=number)


def put_into_guests_cart(visit: Visit) -> Page:
    cup = moon_jar()
    page = visit(f"/p/{cup.slug}-{cup.pk}/", scripts=False)
    page.locator("main").get_by_role("button", name="Buy now").first.click()
    page.wait_for_url("**/checkout/")
    return page


def sign_in_by_form(page: Page, user: User) -> None:
    page.fill("[name=login]", user.email)
    page.fill("[name=password]", PASSWORD)
    page.locator("main form button.btn-primary").first.click()


def wait_for_order(page: Page) -> Order:
    page.wait_for_url("**/orders/*/")
    return Order.objects.get()
