"""The wishlist and its hearts in each of their states."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from cart.models import CartItem
from catalog import services as catalog
from catalog.models import Product
from inventory.models import RestockAlert, Stock
from tests.factories import PASSWORD, ProductFactory, UserFactory
from tests.states.conftest import Visit
from wishlist import services as wishlists
from wishlist.models import WishlistItem

pytestmark = [pytest.mark.slow]


@pytest.fixture
def shopper(transactional_db: None) -> User:
    return UserFactory.create()


@pytest.fixture
def jar(shopper: User) -> Product:
    """Return a product that the shopper wishes for."""
    product = ProductFactory.create(name="Moon jar", price=18_500)
    wishlists.save(user_id=shopper.pk, product_id=product.pk)
    return product


def test_wishlist_empty_says_how_to_fill_it(visit: Visit, shopper: User) -> None:
    page = visit("/wishlist/", user=shopper)

    expect(page.get_by_text("Nothing saved yet.")).to_be_visible()
    expect(page.get_by_role("link", name="See best sellers")).to_be_visible()


def test_wishlist_price_drop_since_saved_is_marked(
    visit: Visit, shopper: User, jar: Product
) -> None:
    catalog.change_price(product_id=jar.pk, price=16_500, cause="sale", actor_id=None)

    page = visit("/wishlist/", user=shopper)

    expect(page.get_by_text("₩2,000 less than when you saved it")).to_be_visible()
    heart = page.get_by_role("button", name="Save Moon jar")
    expect(heart).to_have_attribute("aria-pressed", "true")


def test_wishlist_price_up_since_saved_is_marked(
    visit: Visit, shopper: User, jar: Product
) -> None:
    catalog.change_price(product_id=jar.pk, price=19_500, cause="clay", actor_id=None)

    page = visit("/wishlist/", user=shopper)

    expect(page.get_by_text("₩1,000 more than when you saved it")).to_be_visible()


def test_wishlist_product_sold_out_can_be_waited_for(
    visit: Visit, shopper: User, jar: Product
) -> None:
    Stock.objects.update(on_hand=0)
    page = visit("/wishlist/", user=shopper)
    expect(page.get_by_role("button", name="Move to cart")).to_have_count(0)

    page.get_by_role("button", name="Notify me").click()

    expect(page.get_by_text("We will tell you when it is back.")).to_be_visible()
    assert RestockAlert.objects.get().user == shopper


def test_wishlist_product_gone_is_kept_and_can_be_removed(
    visit: Visit, shopper: User, jar: Product
) -> None:
    catalog.unpublish(product_id=jar.pk)
    page = visit("/wishlist/", user=shopper)
    expect(page.get_by_text("No longer sold")).to_be_visible()
    expect(page.get_by_role("link", name="Moon jar")).to_have_count(0)

    page.get_by_role("button", name="Remove Moon jar").click()

    expect(page.get_by_text("Nothing saved yet.")).to_be_visible()
    assert not WishlistItem.objects.exists()


def test_wishlist_removal_is_undone_with_the_old_price(
    visit: Visit, shopper: User, jar: Product
) -> None:
    catalog.change_price(product_id=jar.pk, price=16_500, cause="sale", actor_id=None)
    page = visit("/wishlist/", user=shopper)
    page.get_by_role("button", name="Remove Moon jar").click()
    expect(page.get_by_text("Nothing saved yet.")).to_be_visible()

    page.locator("#toasts").get_by_role("button", name="Undo").click()

    expect(page.get_by_text("₩2,000 less than when you saved it")).to_be_visible()


def test_wishlist_product_moves_to_the_cart(
    visit: Visit, shopper: User, jar: Product
) -> None:
    page = visit("/wishlist/", user=shopper)

    page.get_by_role("button", name="Move to cart Moon jar").click()

    expect(page.get_by_text("Moon jar is in your cart.")).to_be_visible()
    expect(page.locator("[data-cart-count]").first).to_have_text("1")
    assert CartItem.objects.get().product == jar
    assert not WishlistItem.objects.exists()


def test_wishlist_adds_all_and_says_what_could_not_be_added(
    visit: Visit, shopper: User, jar: Product
) -> None:
    for name, facts in {"Cup": {}, "Bowl": {"stock_on_hand": 0}}.items():
        product = ProductFactory.create(name=name, **facts)
        wishlists.save(user_id=shopper.pk, product_id=product.pk)
    page = visit("/wishlist/", user=shopper)

    page.get_by_role("button", name="Add all to cart").click()

    expect(page.get_by_text("2 products are in your cart.")).to_be_visible()
    expect(page.get_by_text("cannot be bought now: Bowl.")).to_be_visible()
    assert CartItem.objects.count() == 2


def test_wishlist_heart_is_pressed_and_released_on_a_list(
    visit: Visit, shopper: User
) -> None:
    ProductFactory.create(name="Cup")
    page = visit("/products/", user=shopper)
    heart = page.get_by_role("button", name="Save Cup")

    heart.click()
    expect(page.get_by_text("Cup is on your wishlist.")).to_be_visible()
    expect(heart).to_have_attribute("aria-pressed", "true")
    page.locator("#toasts").get_by_role("button", name="Undo").click()

    expect(heart).to_have_attribute("aria-pressed", "false")
    assert not WishlistItem.objects.exists()


def test_wishlist_of_a_guest_begins_after_signing_in(
    visit: Visit, shopper: User
) -> None:
    ProductFactory.create(name="Cup")
    page = visit("/products/")

    page.get_by_role("button", name="Save Cup").click()
    expect(page.get_by_text("we will save it to your wishlist")).to_be_visible()
    page.locator("#id_login").fill(shopper.email)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_text("Saved to your wishlist.")).to_be_visible()
    assert WishlistItem.objects.get().user == shopper


def test_wishlist_works_without_javascript(
    visit: Visit, shopper: User, jar: Product
) -> None:
    page = visit("/wishlist/", user=shopper, scripts=False)
    page.get_by_role("button", name="Remove Moon jar").click()
    expect(page.get_by_text("Moon jar removed.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    page.get_by_role("button", name="Save Moon jar").click()
    expect(page.get_by_text("Moon jar removed.")).to_be_visible()

    assert not WishlistItem.objects.exists()
