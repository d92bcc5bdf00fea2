"""The cart and its drawer in each of their states."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from cart import services as carts
from cart.models import Cart, CartItem
from catalog import services as catalog
from catalog.models import Product
from coupons.models import CouponBatch
from inventory.models import Stock
from tests.factories import (
    PASSWORD,
    CouponBatchFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    UserFactory,
)
from tests.states.conftest import Visit
from tests.states.goods import page_of
from wishlist import services as wishlists

pytestmark = [pytest.mark.slow]


@pytest.fixture
def jar(transactional_db: None) -> Product:
    DeliveryMethodFactory.create()
    return ProductFactory.create(name="Moon jar", price=18_500)


@pytest.fixture
def cup(transactional_db: None) -> Product:
    return ProductFactory.create(name="Celadon cup", price=9_900)


@pytest.fixture
def shopper(transactional_db: None) -> User:
    return UserFactory.create()


def test_cart_empty_shows_what_was_wished_for(
    visit: Visit, shopper: User, jar: Product
) -> None:
    wishlists.save(user_id=shopper.pk, product_id=jar.pk)

    page = visit("/cart/", user=shopper)

    expect(page.get_by_text("Your cart is empty.")).to_be_visible()
    expect(page.get_by_role("link", name="See best sellers")).to_be_visible()
    expect(page.get_by_role("heading", name="On your wishlist")).to_be_visible()
    expect(page.get_by_role("heading", name="Moon jar")).to_be_visible()


def test_cart_price_that_rose_is_said(
    visit: Visit, shopper: User, jar: Product
) -> None:
    _filled(shopper, jar)
    catalog.change_price(product_id=jar.pk, price=20_000, cause="clay", actor_id=None)

    page = visit("/cart/", user=shopper)

    expect(page.get_by_text("Price rose: ₩18,500 → ₩20,000")).to_be_visible()
    expect(_summary(page)).to_contain_text("₩23,000")


def test_cart_price_that_fell_is_said(
    visit: Visit, shopper: User, jar: Product
) -> None:
    _filled(shopper, jar)
    catalog.change_price(product_id=jar.pk, price=15_000, cause="sale", actor_id=None)

    page = visit("/cart/", user=shopper)

    expect(page.get_by_text("Price fell: ₩18,500 → ₩15,000")).to_be_visible()
    expect(_summary(page)).to_contain_text("₩18,000")


def test_cart_stock_that_fell_is_set_right_by_one_press(
    visit: Visit, shopper: User, jar: Product
) -> None:
    _filled(shopper, jar, 5)
    Stock.objects.update(on_hand=2)
    page = visit("/cart/", user=shopper)
    expect(page.get_by_text("Only 2 left")).to_be_visible()
    expect(page.get_by_text("Change the marked products first.")).to_be_visible()

    page.get_by_role("button", name="Set to 2").click()

    expect(_go(page)).to_be_visible()
    assert CartItem.objects.get().quantity == 2


def test_cart_product_sold_out_blocks_only_while_it_is_selected(
    visit: Visit, shopper: User, jar: Product, cup: Product
) -> None:
    _filled(shopper, jar, 1)
    _filled(shopper, cup, 1)
    Stock.objects.filter(pk=jar.pk).update(on_hand=0)
    page = visit("/cart/", user=shopper)
    expect(page.get_by_text("Sold out", exact=True)).to_be_visible()
    expect(_go(page)).to_have_count(0)

    page.get_by_role("checkbox", name="Buy Moon jar").click()

    expect(_go(page)).to_contain_text("₩12,900")


def test_cart_product_no_longer_sold_is_kept_out_of_the_total(
    visit: Visit, shopper: User, jar: Product, cup: Product
) -> None:
    _filled(shopper, jar)
    _filled(shopper, cup)
    catalog.unpublish(product_id=jar.pk)

    page = visit("/cart/", user=shopper)

    expect(page.get_by_text("No longer sold – not in the total")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Buy Moon jar")).to_have_count(0)
    expect(_go(page)).to_contain_text("₩12,900")


def test_cart_of_a_guest_adds_up_with_their_own_at_sign_in(
    visit: Visit, shopper: User, jar: Product
) -> None:
    _filled(shopper, jar, 8)
    page = visit(page_of(jar))
    page.get_by_label("Quantity", exact=True).fill("4")
    page.locator("#buy").get_by_role("button", name="Add to cart").click()
    expect(_drawer(page)).to_contain_text("Moon jar")

    page.goto("/accounts/login/?next=/cart/")
    page.locator("#id_login").fill(shopper.email)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_text("Your cart came along: 1 product.")).to_be_visible()
    expect(page.get_by_text("fewer left than you had in both carts")).to_be_visible()
    expect(page.get_by_label("Quantity of Moon jar")).to_have_value("10")


def test_cart_coupon_that_expired_in_between_is_said(
    visit: Visit, shopper: User, jar: Product
) -> None:
    coupon = CouponFactory.create(user=shopper, batch__name="Autumn")
    cart = _filled(shopper, jar)
    carts.choose_coupon(cart_id=cart.pk, user_id=shopper.pk, coupon_id=coupon.pk)
    CouponBatch.objects.update(valid_until=timezone.now() - timedelta(seconds=1))

    page = visit("/cart/", user=shopper)

    expect(page.get_by_text("Autumn · It is over.")).to_be_visible()
    expect(_go(page)).to_contain_text("₩21,500")
    expect(_go(page)).to_have_attribute("href", "/checkout/?coupon=")


def test_cart_coupon_that_sold_out_meanwhile_is_said(
    visit: Visit, shopper: User, jar: Product
) -> None:
    batch = CouponBatchFactory.create(name="Autumn", quantity=1)
    _filled(shopper, jar)
    page = visit("/cart/", user=shopper)
    expect(page.get_by_text("saves ₩1,850")).to_be_visible()
    CouponFactory.create(batch=batch)

    page.get_by_role("button", name="Get and use Autumn").click()

    expect(page.locator("#messages")).not_to_be_empty()
    expect(page.get_by_role("button", name="Get and use")).to_have_count(0)
    expect(_go(page)).to_contain_text("₩21,500")


def test_cart_takes_the_coupon_that_saves_most_and_says_why_not_the_others(
    visit: Visit, shopper: User, jar: Product
) -> None:
    for name, facts in {
        "Large": {"value": 10},
        "Small": {"value": 5},
        "Huge": {"value": 50, "min_spend": 30_000},
    }.items():
        batch = CouponBatchFactory.create(name=name, **facts)
        CouponFactory.create(user=shopper, batch=batch)
    _filled(shopper, jar)

    page = visit("/cart/", user=shopper)

    expect(page.get_by_label("Large")).to_be_checked()
    expect(page.get_by_text("the best for this cart")).to_be_visible()
    expect(_go(page)).to_contain_text("₩19,650")
    page.get_by_text("1 more coupon").click()
    expect(page.get_by_label("Huge")).to_be_disabled()
    expect(page.get_by_text("Add ₩11,500 more to get it.")).to_be_visible()
    page.get_by_label("No coupon").check()
    expect(_go(page)).to_contain_text("₩21,500")


def test_cart_changed_in_another_tab_says_so(
    visit: Visit, shopper: User, jar: Product, cup: Product
) -> None:
    _filled(shopper, jar)
    page = visit("/cart/", user=shopper)
    _filled(shopper, cup)

    page.get_by_role("button", name="One more: Moon jar").click()

    expect(page.get_by_text("changed in another window")).to_be_visible()
    expect(page.get_by_text("Celadon cup").first).to_be_visible()
    expect(page.get_by_label("Quantity of Moon jar")).to_have_value("2")


def test_cart_without_connection_says_so_and_tries_again(
    visit: Visit, shopper: User, jar: Product
) -> None:
    _filled(shopper, jar)
    page = visit("/cart/", user=shopper)
    page.route("**/quantity/", lambda route: route.abort())
    page.get_by_role("button", name="One more: Moon jar").click()
    expect(page.get_by_text("Could not reach the shop.")).to_be_visible()
    page.unroute("**/quantity/")

    page.get_by_role("button", name="Try again").click()

    expect(_go(page)).to_contain_text("₩40,000")


def test_cart_takes_no_more_than_there_is(
    visit: Visit, shopper: User, jar: Product
) -> None:
    _filled(shopper, jar)
    page = visit("/cart/", user=shopper)

    page.get_by_label("Quantity of Moon jar").fill("12")
    page.get_by_label("Quantity of Moon jar").press("Enter")

    expect(page.get_by_text("Only 10 left – we set 10.")).to_be_visible()
    expect(page.get_by_label("Quantity of Moon jar")).to_have_value("10")
    expect(page.get_by_role("button", name="One more: Moon jar")).to_be_disabled()


def test_cart_removal_is_undone_as_it_was(
    visit: Visit, shopper: User, jar: Product
) -> None:
    cart = _filled(shopper, jar, 3)
    carts.select(cart_id=cart.pk, product_id=jar.pk, is_selected=False)
    page = visit("/cart/", user=shopper)
    page.get_by_role("button", name="Remove Moon jar").click()
    expect(page.get_by_text("Your cart is empty.")).to_be_visible()

    page.locator("#toasts").get_by_role("button", name="Undo").click()

    expect(page.get_by_label("Quantity of Moon jar")).to_have_value("3")
    expect(page.get_by_role("checkbox", name="Buy Moon jar")).not_to_be_checked()


def test_cart_product_is_saved_for_later_and_comes_back(
    visit: Visit, jar: Product, cup: Product
) -> None:
    page = visit(page_of(cup))
    page.locator("#buy").get_by_role("button", name="Add to cart").click()
    expect(_drawer(page)).to_be_visible()
    page.goto(page_of(jar))
    page.locator("#buy").get_by_role("button", name="Add to cart").click()
    expect(_drawer(page)).to_contain_text("Moon jar")
    page.goto("/cart/")

    page.get_by_role("button", name="Save for later Moon jar").click()
    expect(page.get_by_role("heading", name="Saved for later (1)")).to_be_visible()
    expect(_go(page)).to_contain_text("₩12,900")
    page.get_by_role("button", name="Move to cart Moon jar").click()

    expect(page.get_by_role("heading", name="Saved for later")).to_have_count(0)
    expect(_go(page)).to_contain_text("₩31,400")


def test_cart_line_that_is_not_selected_stays_after_the_purchase(
    visit: Visit, shopper: User, jar: Product, cup: Product
) -> None:
    _filled(shopper, jar)
    _filled(shopper, cup)
    page = visit("/cart/", user=shopper)
    page.get_by_role("checkbox", name="Buy Moon jar").click()
    expect(page.get_by_text("1 product selected")).to_be_visible()
    expect(_go(page)).to_contain_text("₩12,900")

    page.get_by_role("checkbox", name="Select all").click()
    expect(_go(page)).to_contain_text("₩31,400")
    page.get_by_role("checkbox", name="Select all").click()

    expect(page.get_by_text("Select what you want to buy.")).to_be_visible()
    expect(_go(page)).to_have_count(0)
    assert CartItem.objects.selected().count() == 0


def test_cart_with_free_delivery_reached_says_so(
    visit: Visit, shopper: User, jar: Product
) -> None:
    _filled(shopper, jar, 2)
    page = visit("/cart/", user=shopper)
    expect(page.get_by_text("₩13,000 more for free delivery")).to_be_visible()

    page.get_by_role("button", name="One more: Moon jar").click()

    expect(page.get_by_text("Delivery is free")).to_be_visible()
    expect(_go(page)).to_contain_text("₩55,500")


def test_cart_counts_every_press_of_an_impatient_shopper(
    visit: Visit, shopper: User, jar: Product
) -> None:
    _filled(shopper, jar)
    page = visit("/cart/", user=shopper)

    page.get_by_role("button", name="One more: Moon jar").click(click_count=3, delay=5)

    expect(_go(page)).to_contain_text("₩74,000")
    expect(page.get_by_text("changed in another window")).to_have_count(0)
    assert CartItem.objects.get().quantity == 4


def test_cart_works_without_javascript(
    visit: Visit, shopper: User, jar: Product
) -> None:
    _filled(shopper, jar)
    page = visit("/cart/", user=shopper, scripts=False)

    page.get_by_role("button", name="One more: Moon jar").click()
    expect(page.get_by_label("Quantity of Moon jar")).to_have_value("2")
    page.get_by_role("checkbox", name="Buy Moon jar").click()
    expect(page.get_by_text("Select what you want to buy.")).to_be_visible()
    page.get_by_role("button", name="Save for later Moon jar").click()
    expect(page.get_by_role("heading", name="Saved for later (1)")).to_be_visible()
    page.get_by_role("button", name="Remove Moon jar").click()
    expect(page.get_by_text("Moon jar removed.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    item = CartItem.objects.get()
    assert (item.quantity, item.is_saved) == (2, True)


def test_cart_on_a_phone_keeps_its_button_in_sight(
    visit: Visit, shopper: User, jar: Product
) -> None:
    _filled(shopper, jar)
    page = visit("/cart/", user=shopper)

    bar = page.locator(".buybar")
    expect(bar.get_by_role("link", name="Check out · ₩21,500")).to_be_in_viewport()
    page.locator(".footer").scroll_into_view_if_needed()
    expect(bar.get_by_role("link")).to_be_in_viewport()
    expect(page.locator(".bottom-bar")).to_be_hidden()


def test_cart_drawer_opens_with_what_was_added(
    visit: Visit, shopper: User, jar: Product
) -> None:
    page = visit(page_of(jar), user=shopper)

    page.locator("#buy").get_by_role("button", name="Add to cart").click()

    drawer = _drawer(page)
    expect(drawer).to_contain_text("In your cart: 1 × Moon jar")
    expect(drawer.get_by_role("link", name="Check out · ₩21,500")).to_be_visible()
    drawer.get_by_role("button", name="Close").click()
    expect(drawer).to_be_hidden()
    expect(page.locator("[data-cart-count]").first).to_have_text("1")


def test_cart_drawer_without_javascript_is_the_cart_page(
    visit: Visit, jar: Product
) -> None:
    page = visit(page_of(jar), scripts=False)

    page.locator("#buy").get_by_role("button", name="Add to cart").click()

    expect(page).to_have_url("/cart/")
    expect(page.get_by_label("Quantity of Moon jar")).to_have_value("1")


def _filled(user: User, product: Product, quantity: int = 1) -> Cart:
    cart = carts.of_user(user.pk)
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=quantity)
    return cart


def _go(page: Page) -> Locator:
    return page.locator("aside").get_by_role("link", name="Check out")


def _summary(page: Page) -> Locator:
    return page.locator("aside[aria-label=Summary]")


def _drawer(page: Page) -> Locator:
    return page.get_by_role("dialog")
