"""The product page in each of its states."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from catalog import services as catalog
from catalog.models import Product, ProductGroup
from inventory.models import Stock
from tests.factories import (
    AddressFactory,
    CategoryFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    PromotionFactory,
    UserFactory,
)
from tests.reviewing import received
from tests.states.conftest import Visit
from tests.states.goods import page_of, viewed

pytestmark = [pytest.mark.slow]


@pytest.fixture
def jar(transactional_db: None) -> Product:
    return ProductFactory.create(name="Moon jar", price=18_500, weight_grams=900)


@pytest.fixture
def gone(transactional_db: None) -> Product:
    return ProductFactory.create(name="Moon jar", stock_on_hand=0)


def test_product_in_stock_says_exactly_how_many_and_goes_into_the_cart(
    visit: Visit, jar: Product
) -> None:
    DeliveryMethodFactory.create()
    page = visit(page_of(jar))
    expect(page.get_by_text("In stock · 10 left")).to_be_visible()

    page.locator("#buy").get_by_role("button", name="Add to cart").click()

    expect(page.locator("[data-cart-count]").first).to_have_text("1")


def test_product_that_is_low_says_how_few_are_left(visit: Visit) -> None:
    page = visit(page_of(ProductFactory.create(stock_on_hand=3)))

    expect(page.locator("#stock")).to_contain_text("Only 3 left")


def test_product_sold_out_asks_a_guest_where_to_tell_them(
    visit: Visit, gone: Product
) -> None:
    page = visit(page_of(gone))
    expect(page.get_by_role("button", name="Add to cart")).to_have_count(0)

    page.get_by_label("E-mail").fill("haneul@example.com")
    page.get_by_role("button", name="Notify me").click()

    expect(page.get_by_text("We will tell haneul@example.com.")).to_be_visible()


def test_product_sold_out_tells_a_shopper_after_one_press_and_undoes_it(
    visit: Visit, gone: Product
) -> None:
    page = visit(page_of(gone), user=UserFactory.create())

    page.get_by_role("button", name="Notify me").click()
    expect(page.get_by_text("We will tell you.", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_role("button", name="Notify me")).to_be_visible()


def test_product_no_longer_sold_is_gone_and_shows_what_stands_beside_it(
    visit: Visit, jar: Product
) -> None:
    ProductFactory.create(name="Tea bowl", category=jar.category)
    Product.objects.filter(pk=jar.pk).update(published_at=None)

    page = visit(page_of(jar), status=410)

    expect(page.get_by_text("“Moon jar” is no longer sold.")).to_be_visible()
    expect(page.get_by_role("link", name="Tea bowl")).to_be_visible()


def test_product_under_a_wrong_name_leads_to_the_right_one(
    visit: Visit, jar: Product
) -> None:
    page = visit(f"/p/some-jar-{jar.pk}/")

    page.wait_for_url(f"**{page_of(jar)}")


def test_product_that_never_was_is_not_found(visit: Visit) -> None:
    visit("/p/moon-jar-987654/", status=404)


def test_product_of_which_too_many_are_wanted_is_clamped_and_says_so(
    visit: Visit,
) -> None:
    DeliveryMethodFactory.create()
    page = visit(page_of(ProductFactory.create(stock_on_hand=2)))

    page.get_by_label("Quantity").fill("7")
    page.locator("#buy").get_by_role("button", name="Add to cart").click()

    expect(page.get_by_text("Only 2 left – we set 2")).to_be_visible()


def test_product_whose_price_changes_meanwhile_says_so(
    visit: Visit, jar: Product
) -> None:
    page = visit()
    sockets = sockets_of(page)
    page.goto(page_of(jar))
    expect(page.get_by_text("The price changed")).to_be_hidden()
    wait_for(page, sockets)
    catalog.change_price(product_id=jar.pk, price=17_000, cause="sale", actor_id=None)

    sockets[0].send(stock_frame(jar, price=17_000))

    expect(page.get_by_text("The price changed while you were here.")).to_be_visible()
    page.get_by_role("link", name="Show the new price").click()
    expect(page.locator(".price-large")).to_contain_text("₩17,000")


def test_product_that_sells_out_meanwhile_cannot_be_bought_any_more(
    visit: Visit, jar: Product
) -> None:
    page = visit()
    sockets = sockets_of(page)
    page.goto(page_of(jar))
    wait_for(page, sockets)
    Stock.objects.filter(product=jar).update(on_hand=0)

    sockets[0].send(stock_frame(jar, available=0))

    expect(
        page.locator("#offer").get_by_role("button", name="Notify me")
    ).to_be_visible()
    expect(page.locator("#stock")).to_contain_text("Sold out")


def sockets_of(page: Page) -> list[WebSocketRoute]:
    """Collect the sockets that a page opens; they are the test's to speak by."""
    sockets: list[WebSocketRoute] = []

    def take(socket: WebSocketRoute) -> None:
        sockets.append(socket)

    page.route_web_socket("**/ws/**", take)
    return sockets


def wait_for(page: Page, sockets: list[WebSocketRoute]) -> None:
    """Wait until a page has opened its socket."""
    for _look in range(100):
        if sockets:
            return
        page.wait_for_timeout(50)
    pytest.fail("The page opened no socket.")


def stock_frame(product: Product, **facts: int) -> str:
    data = {"product_id": product.pk, "available": 10, "price": product.price}
    frame: dict[str, Any] = {"type": "stock", "data": data | {"version": 99} | facts}
    return json.dumps(frame)


def test_product_without_reviews_asks_only_buyers_to_be_the_first(
    visit: Visit, jar: Product
) -> None:
    guest = visit(page_of(jar))
    expect(guest.get_by_text("Nobody has reviewed this product yet.")).to_be_visible()
    expect(guest.get_by_role("link", name="Be the first")).to_have_count(0)
    buyer = UserFactory.create()
    received(buyer, jar)

    page = visit(page_of(jar), user=buyer)

    expect(page.get_by_role("link", name="Be the first")).to_be_visible()


def test_product_with_an_own_coupon_says_what_it_comes_to(
    visit: Visit, jar: Product
) -> None:
    shopper = CouponFactory.create().user

    page = visit(page_of(jar), user=shopper)

    expect(page.get_by_text("₩16,650 with your coupon")).to_be_visible()
    page.get_by_text("Why this price").click()
    expect(page.locator(".why")).to_contain_text("₩1,850")


def test_product_on_promotion_says_what_it_comes_to_and_why(
    visit: Visit, jar: Product
) -> None:
    PromotionFactory.create(name="Autumn", value=10)

    page = visit(page_of(jar))

    expect(page.get_by_text("₩16,650 in your cart")).to_be_visible()
    page.get_by_text("Why this price").click()
    expect(page.locator(".why").get_by_text("Autumn")).to_be_visible()


def test_product_with_an_offer_on_a_condition_says_it_in_a_sentence(
    visit: Visit, jar: Product
) -> None:
    PromotionFactory.create(kind="fixed", value=5_000, min_spend=150_000)

    page = visit(page_of(jar))

    sentence = "₩5,000 off when you spend ₩150,000 or more"
    expect(page.get_by_text(sentence)).to_be_visible()


def test_product_says_when_and_for_how_much_it_comes_to_the_own_address(
    visit: Visit, jar: Product
) -> None:
    DeliveryMethodFactory.create(name="Standard")
    address = AddressFactory.create(postal_code="04524", city="Seoul", is_default=True)

    page = visit(page_of(jar), user=address.user)

    delivery = page.get_by_role("region", name="Delivery to Seoul, 04524")
    expect(delivery.get_by_text("₩3,000, free from ₩50,000")).to_be_visible()


def test_product_remembers_the_postal_code_of_a_guest(
    visit: Visit, jar: Product
) -> None:
    DeliveryMethodFactory.create()
    page = visit(page_of(jar))

    page.get_by_text("Tell us your postal code").click()
    page.get_by_label("Postal code").fill("63122")
    page.get_by_role("button", name="Show", exact=True).click()

    expect(page.get_by_role("heading", name="Delivery to 63122")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Delivery to 63122")).to_be_visible()


def test_product_variants_are_tiles_and_this_one_is_marked(visit: Visit) -> None:
    group = ProductGroup.objects.create(name="Mug")
    red, blue = (
        ProductFactory.create(group=group, options={"colour": colour})
        for colour in ("red", "blue")
    )

    page = visit(page_of(red))

    variants = page.get_by_role("navigation", name="Variants")
    expect(variants.get_by_role("link", name="red")).to_have_attribute(
        "aria-current", "page"
    )
    variants.get_by_role("link", name="blue").click()
    page.wait_for_url(f"**{page_of(blue)}")


def test_product_lists_its_specifications(visit: Visit, jar: Product) -> None:
    page = visit(page_of(jar))

    table = page.get_by_role("region", name="Specifications")
    expect(table.get_by_role("row", name="Weight 900 g")).to_be_visible()
    expect(table.get_by_role("row", name=f"Product code {jar.sku}")).to_be_visible()


def test_product_bar_on_a_phone_makes_way_for_the_button_of_the_page(
    visit: Visit, jar: Product
) -> None:
    page = visit(page_of(jar))
    bar = page.get_by_role("region", name="Buy", exact=True)
    page.locator("#reviews").scroll_into_view_if_needed()
    expect(bar).to_be_in_viewport()

    page.locator("#buy").evaluate("form => form.scrollIntoView({block: 'center'})")

    expect(bar.get_by_role("button")).to_be_hidden()


def test_product_has_no_bar_on_a_wide_screen(visit: Visit, jar: Product) -> None:
    page = visit(page_of(jar), width=1280)

    expect(page.locator(".buybar")).to_be_hidden()


def test_product_hands_out_its_link(visit: Visit, jar: Product) -> None:
    page = visit(page_of(jar))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Share").click()

    expect(page.locator("#toasts")).to_have_text("The link is copied.")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_product_shows_what_is_like_it(visit: Visit) -> None:
    shelf = CategoryFactory.create()
    jar = ProductFactory.create(category=shelf)
    ProductFactory.create(name="Tea bowl", category=shelf)

    page = visit(page_of(jar))

    row = page.get_by_role("region", name="From the same shelf")
    expect(row.get_by_role("link", name="Tea bowl")).to_be_visible()


def test_recently_viewed_lists_the_last_first_and_is_cleared(visit: Visit) -> None:
    shopper = UserFactory.create()
    viewed(shopper, *(ProductFactory.create(name=name) for name in ("First", "Last")))
    page = visit("/recent/", user=shopper)
    expect(page.get_by_role("heading", level=3)).to_have_text(["Last", "First"])

    page.get_by_role("button", name="Clear the list").click()

    expect(page.get_by_text("What you look at will stand here.")).to_be_visible()


def test_recently_viewed_of_who_is_not_observed_asks_first(visit: Visit) -> None:
    page = visit("/recent/")

    page.get_by_role("button", name="Remember what I view").click()

    expect(page.get_by_text("What you look at will stand here.")).to_be_visible()
