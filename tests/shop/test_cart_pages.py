"""The cart of guests and shoppers."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from cart.models import Cart, CartItem
from catalog import services as catalog
from catalog.models import Product
from coupons.models import Coupon, DiscountKind
from inventory import services as inventory
from inventory.models import MovementKind
from tests.factories import (
    PASSWORD,
    CouponBatchFactory,
    CouponFactory,
    ProductFactory,
    UserFactory,
)
from tests.shop.pages import HTMX, body_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery")]


def test_empty_cart_offers_the_best_sellers(client: Client) -> None:
    page = text_of(client.get("/cart/"))

    assert "Your cart is empty." in page
    assert "See best sellers" in page


def test_guest_fills_a_cart_that_their_browser_remembers(client: Client) -> None:
    cup = ProductFactory.create(name="Moon jar", price=18_500)

    answer = put(client, cup, 2)

    assert (answer.status_code, answer["Location"]) == (303, "/cart/")
    assert answer.cookies["cart"]["httponly"]
    page = text_of(client.get("/cart/"))
    assert "Moon jar ₩37,000" in page
    # Standard delivery costs 3,000 below 50,000.
    assert "Total ₩40,000" in page
    assert "₩13,000 more for free delivery" in page
    assert Client().get("/cart/").content != client.get("/cart/").content


def test_forged_cart_cookie_is_an_empty_cart(client: Client) -> None:
    put(client, ProductFactory.create(name="Moon jar"), 1)
    token = Cart.objects.get().token
    stranger = Client()
    stranger.cookies["cart"] = f"{token}:1abcde:forged"

    assert "Your cart is empty." in text_of(stranger.get("/cart/"))


def test_cart_comes_along_when_the_guest_signs_in(
    client: Client, shopper: User
) -> None:
    cup, bowl = ProductFactory.create(), ProductFactory.create()
    other_device = Client()
    other_device.force_login(shopper)
    put(other_device, cup, 1)
    put(client, cup, 3)
    put(client, bowl, 2)

    answer = client.post(
        "/accounts/login/",
        {"login": shopper.email, "password": PASSWORD, "next": "/cart/"},
    )

    assert answer["Location"] == "/cart/"
    assert answer.cookies["cart"]["max-age"] == 0
    cart = Cart.objects.get()
    assert cart.user == shopper
    assert quantities(cart) == {cup.pk: 4, bowl.pk: 2}


def test_cart_comes_along_when_the_guest_signs_up(
    client: Client, mailoutbox: list[Any]
) -> None:
    cup = ProductFactory.create()
    put(client, cup, 3)

    client.post(
        "/accounts/signup/", {"email": "new@example.com", "password1": PASSWORD}
    )
    letter = str(mailoutbox[0].body)
    client.post(next(word for word in letter.split() if "/confirm-email/" in word))

    cart = Cart.objects.get()
    assert cart.user == User.objects.get(email="new@example.com")
    assert quantities(cart) == {cup.pk: 3}


def test_quantity_can_be_changed(signed_in: Client) -> None:
    cup = ProductFactory.create()
    put(signed_in, cup, 2)

    answer = signed_in.post(f"/cart/{cup.pk}/quantity/", {"quantity": "5"})

    assert (answer.status_code, answer["Location"]) == (303, "/cart/")
    assert quantities(Cart.objects.get()) == {cup.pk: 5}


@pytest.mark.parametrize("quantity", ["0", "-1", "1000", "1.5", "", "1e3", "x"])
def test_impossible_quantity_changes_nothing(signed_in: Client, quantity: str) -> None:
    cup = ProductFactory.create()
    put(signed_in, cup, 2)

    signed_in.post(f"/cart/{cup.pk}/quantity/", {"quantity": quantity})
    put(signed_in, cup, quantity)

    assert quantities(Cart.objects.get()) == {cup.pk: 2}
    assert "Choose a quantity between 1 and 999." in text_of(signed_in.get("/cart/"))


def test_removed_product_can_be_put_back(signed_in: Client) -> None:
    cup = ProductFactory.create(name="Moon jar")
    put(signed_in, cup, 4)

    signed_in.post(f"/cart/{cup.pk}/select/", {"selected": "off"})

    answer = signed_in.post(f"/cart/{cup.pk}/remove/")
    page = signed_in.get(answer["Location"])

    assert CartItem.objects.count() == 0
    assert "Moon jar removed. Undo" in text_of(page)
    undo = answer["Location"].partition("undo=")[2]
    assert signed_in.post("/cart/undo/", {"undo": undo})["Location"] == "/cart/"
    item = CartItem.objects.get()
    assert (item.quantity, item.is_selected) == (4, False)
    assert "Undo" not in text_of(signed_in.get(answer["Location"]))


def test_forged_undo_puts_nothing_into_the_cart(signed_in: Client) -> None:
    put(signed_in, ProductFactory.create(), 1)

    for undo in ("", "x", "WzEsMV0:1abcde:forged"):
        signed_in.post("/cart/undo/", {"undo": undo})
        assert signed_in.get(f"/cart/?undo={undo}").status_code == 200

    assert CartItem.objects.count() == 1


def test_changed_price_is_said_and_charged(signed_in: Client) -> None:
    cup = ProductFactory.create(price=10_000)
    put(signed_in, cup, 1)
    catalog.change_price(product_id=cup.pk, price=12_000, cause="clay", actor_id=None)

    page = text_of(signed_in.get("/cart/"))

    assert "Price rose: ₩10,000 → ₩12,000" in page
    assert "Products ₩12,000" in page


def test_unpublished_product_stays_but_does_not_count(signed_in: Client) -> None:
    gone, cup = ProductFactory.create(name="Gone"), ProductFactory.create(price=60_000)
    put(signed_in, gone, 1)
    put(signed_in, cup, 1)
    catalog.unpublish(product_id=gone.pk)

    page = text_of(signed_in.get("/cart/"))

    assert "Gone No longer sold – not in the total" in page
    assert "Check out · ₩60,000" in page


def test_short_stock_blocks_checkout_and_offers_what_is_left(signed_in: Client) -> None:
    cup = ProductFactory.create(stock_on_hand=5)
    put(signed_in, cup, 5)
    inventory.adjust(
        product_id=cup.pk,
        kind=MovementKind.DAMAGED,
        delta=-3,
        reason="broken",
        actor_id=None,
    )

    page = text_of(signed_in.get("/cart/"))

    assert "Only 2 left" in page
    assert "Set to 2" in page
    assert "Check out" not in page


def test_coupon_takes_its_part_off(signed_in: Client, shopper: User) -> None:
    put(signed_in, ProductFactory.create(price=60_000), 1)
    batches = [CouponBatchFactory.create(value=value) for value in (10, 5)]
    best, other = (CouponFactory.create(user=shopper, batch=batch) for batch in batches)
    suggested = signed_in.get("/cart/")

    signed_in.post("/cart/coupon/", {"coupon": other.pk})

    assert "Total ₩54,000" in text_of(suggested)
    assert f'/checkout/?coupon={best.pk}"' in body_of(suggested)
    chosen = signed_in.get("/cart/")
    assert f"Coupon: {other.batch.name} −₩3,000" in text_of(chosen)
    assert '/checkout/"' in body_of(chosen)
    signed_in.post("/cart/coupon/", {"coupon": ""})
    assert "Total ₩60,000" in text_of(signed_in.get("/cart/"))


def test_coupon_can_be_got_from_the_cart(signed_in: Client, shopper: User) -> None:
    put(signed_in, ProductFactory.create(price=60_000), 1)
    batch = CouponBatchFactory.create(name="Autumn")

    assert "Autumn saves ₩6,000 Get and use" in text_of(signed_in.get("/cart/"))
    signed_in.post("/cart/coupon/", {"batch": batch.pk})

    assert Cart.objects.get().coupon == Coupon.objects.get(user=shopper)
    page = text_of(signed_in.get("/cart/"))
    assert "Total ₩54,000" in page
    assert "Get and use" not in page


def test_coupon_that_needs_more_says_how_much(signed_in: Client, shopper: User) -> None:
    put(signed_in, ProductFactory.create(price=20_000), 1)
    batch = CouponBatchFactory.create(
        name="Big", kind=DiscountKind.FIXED, value=5_000, min_spend=30_000
    )
    coupon = CouponFactory.create(user=shopper, batch=batch)

    signed_in.post("/cart/coupon/", {"coupon": coupon.pk})

    page = text_of(signed_in.get("/cart/"))
    assert "Big · Add ₩10,000 more to get it." in page
    assert "Total ₩23,000" in page


def test_coupon_of_somebody_else_is_refused(signed_in: Client) -> None:
    put(signed_in, ProductFactory.create(), 1)
    foreign = CouponFactory.create(user=UserFactory.create())

    signed_in.post("/cart/coupon/", {"coupon": foreign.pk})

    assert Cart.objects.get().coupon is None
    assert "You do not hold this coupon." in text_of(signed_in.get("/cart/"))


def test_guest_who_uses_a_coupon_is_asked_to_sign_in(client: Client) -> None:
    answer = client.post("/cart/coupon/", {"coupon": "1"})

    assert answer["Location"] == "/accounts/login/?next=/cart/"


def test_product_that_is_not_on_sale_cannot_be_added(client: Client) -> None:
    hidden = ProductFactory.create(published_at=None)

    put(client, hidden, 1)

    assert CartItem.objects.count() == 0


def test_buy_now_leads_to_checkout(signed_in: Client) -> None:
    cup = ProductFactory.create()

    answer = signed_in.post(
        "/cart/add/", {"product": cup.pk, "quantity": 1, "then": "checkout"}
    )

    assert answer["Location"] == "/checkout/"
    assert quantities(Cart.objects.get()) == {cup.pk: 1}


def test_htmx_adds_without_leaving_the_page(client: Client) -> None:
    cup = ProductFactory.create(name="Moon jar")

    answer = client.post("/cart/add/", {"product": cup.pk, "quantity": 3}, headers=HTMX)

    assert answer.status_code == 200
    assert '"cart": {"value": 3}' in answer["HX-Trigger"]
    assert "cart-drawer" in answer["HX-Trigger-After-Swap"]
    assert "In your cart: 3 × Moon jar" in text_of(answer)
    assert "cart" in answer.cookies


def test_htmx_changes_only_the_cart(signed_in: Client) -> None:
    cup = ProductFactory.create(price=10_000)
    put(signed_in, cup, 1)

    answer = signed_in.post(
        f"/cart/{cup.pk}/quantity/", {"quantity": "2"}, headers=HTMX
    )

    assert answer.status_code == 200
    assert body_of(answer).lstrip().startswith('<div id="cart"')
    assert "Total ₩23,000" in text_of(answer)
    assert answer["HX-Trigger"] == '{"cart": {"value": 2}}'


@pytest.mark.parametrize(("tab", "is_told"), [("mine", False), ("other", True)])
def test_only_another_page_s_change_is_told(
    signed_in: Client,
    tab: str,
    is_told: bool,  # noqa: FBT001 — given by pytest
) -> None:
    cup = ProductFactory.create()
    put(signed_in, cup, 1)
    path, version = f"/cart/{cup.pk}/quantity/", Cart.objects.get().version

    def change(quantity: int, tab: str) -> str:
        values = {"quantity": quantity, "version": version, "tab": tab}
        return text_of(signed_in.post(path, values, headers=HTMX))

    # The second is sent before the first has answered.
    first, second = change(2, "mine"), change(3, tab)

    assert "changed in another window" not in first
    assert ("changed in another window" in second) is is_told
    assert quantities(Cart.objects.get()) == {cup.pk: 3}


def test_cart_page_needs_few_statements_however_full(
    signed_in: Client,
    shopper: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for product in ProductFactory.create_batch(6):
        put(signed_in, product, 1)
    CouponFactory.create(user=shopper)
    CouponFactory.create(user=shopper)
    signed_in.get("/cart/")

    # Session, user, cart, lines, offer, coupons, batches, header, what goes with it.
    with django_assert_max_num_queries(9):
        signed_in.get("/cart/")


def put(client: Client, product: Product, quantity: object) -> Any:
    return client.post("/cart/add/", {"product": product.pk, "quantity": quantity})


def quantities(cart: Cart) -> dict[int, int]:
    return dict(cart.items.values_list("product_id", "quantity"))
