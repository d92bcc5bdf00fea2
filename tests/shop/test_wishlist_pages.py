"""The wishlist's page and the hearts that fill it."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from cart.models import CartItem
from catalog.models import Product
from tests.factories import PASSWORD, ProductFactory, UserFactory
from tests.shop.pages import HTMX, body_of, text_of
from wishlist import services as wishlists
from wishlist.models import WishlistItem

pytestmark = pytest.mark.django_db
TOGGLE = "/wishlist/toggle/"


def press(client: Client, product: Product, **values: str) -> Any:
    return client.post(TOGGLE, {"product": product.pk, "next": "/best/", **values})


def test_heart_is_pressed_and_released(signed_in: Client, moon_jar: Product) -> None:
    first = press(signed_in, moon_jar)
    assert (first.status_code, first["Location"]) == (303, "/best/")
    assert "Moon jar is on your wishlist." in text_of(signed_in.get("/best/"))
    assert WishlistItem.objects.get().product == moon_jar

    press(signed_in, moon_jar)

    assert "Moon jar removed." in text_of(signed_in.get("/best/"))
    assert not WishlistItem.objects.exists()


@pytest.mark.parametrize(("to", "count"), [("on", 1), ("off", 0)])
def test_heart_that_says_what_it_wants_may_be_sent_twice(
    signed_in: Client, moon_jar: Product, to: str, count: int
) -> None:
    for _twice in range(2):
        press(signed_in, moon_jar, to=to)

    assert WishlistItem.objects.count() == count


def test_htmx_gets_the_heart_and_a_way_back(
    signed_in: Client, moon_jar: Product
) -> None:
    values = {"product": moon_jar.pk}

    answer = signed_in.post(TOGGLE, values, headers=HTMX)

    assert 'aria-pressed="true"' in body_of(answer)
    assert "data-hx-swap-oob" in body_of(answer)
    assert '"url": "/wishlist/toggle/"' in answer["HX-Trigger"]
    off = signed_in.post(TOGGLE, values, headers=HTMX)
    assert 'aria-pressed="false"' in body_of(off)
    assert '"url": "/wishlist/undo/"' in off["HX-Trigger"]


def test_guest_s_wish_is_kept_until_they_have_signed_in(
    client: Client, shopper: User, moon_jar: Product
) -> None:
    answer = press(client, moon_jar)
    assert answer["Location"] == "/accounts/login/?next=/best/"
    assert not WishlistItem.objects.exists()

    client.post("/accounts/login/", {"login": shopper.email, "password": PASSWORD})

    item = WishlistItem.objects.get()
    assert (item.user, item.product) == (shopper, moon_jar)


def test_guest_who_uses_htmx_is_led_to_the_login(
    client: Client, moon_jar: Product
) -> None:
    answer = client.post(TOGGLE, {"product": moon_jar.pk}, headers=HTMX)

    assert answer["HX-Redirect"].startswith("/accounts/login/")


def test_product_that_is_not_there_is_not_wished_for(signed_in: Client) -> None:
    hidden = ProductFactory.create(published_at=None)

    press(signed_in, hidden)

    assert signed_in.post(TOGGLE, {"product": "x"}).status_code == 404
    assert not WishlistItem.objects.exists()


def test_wish_leads_to_no_other_site(signed_in: Client, moon_jar: Product) -> None:
    answer = press(signed_in, moon_jar, next="https://evil.example/")

    assert answer["Location"] == "/"


def test_list_of_somebody_else_stays_theirs(
    signed_in: Client, moon_jar: Product
) -> None:
    other = UserFactory.create()
    wishlists.save(user_id=other.pk, product_id=moon_jar.pk)

    signed_in.post(f"/wishlist/{moon_jar.pk}/remove/")
    signed_in.post(f"/wishlist/{moon_jar.pk}/cart/")

    assert WishlistItem.objects.get().user == other
    assert "Moon jar" not in text_of(signed_in.get("/wishlist/")).partition("cart.")[2]


def test_product_that_cannot_be_bought_stays_on_the_list(
    signed_in: Client, shopper: User
) -> None:
    gone = ProductFactory.create(name="Gone", stock_on_hand=0)
    wishlists.save(user_id=shopper.pk, product_id=gone.pk)

    signed_in.post(f"/wishlist/{gone.pk}/cart/")

    assert "Gone cannot be bought now." in text_of(signed_in.get("/wishlist/"))
    assert WishlistItem.objects.count() == 1
    assert not CartItem.objects.exists()


def test_removed_wish_is_put_back_by_its_own_link_only(
    signed_in: Client, shopper: User, moon_jar: Product
) -> None:
    wishlists.save(user_id=shopper.pk, product_id=moon_jar.pk)
    answer = signed_in.post(f"/wishlist/{moon_jar.pk}/remove/")
    undo = answer["Location"].partition("undo=")[2]
    assert "Moon jar removed. Undo" in text_of(signed_in.get(answer["Location"]))

    signed_in.post("/wishlist/undo/", {"undo": "WzEsMV0:1abcde:forged"})
    assert not WishlistItem.objects.exists()
    signed_in.post("/wishlist/undo/", {"undo": undo})

    assert WishlistItem.objects.get().product == moon_jar


def test_long_list_comes_in_pages(signed_in: Client, shopper: User) -> None:
    for product in ProductFactory.create_batch(26):
        wishlists.save(user_id=shopper.pk, product_id=product.pk)

    first = signed_in.get("/wishlist/")
    older = WishlistItem.objects.order_by("-pk")[23].pk

    assert f'href="?before={older}"' in body_of(first)
    second = signed_in.get(f"/wishlist/?before={older}")
    assert body_of(second).count("Move to cart") == 2


def test_wishlist_needs_few_statements_however_full(
    signed_in: Client,
    shopper: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for stock in (0, 1, 2, 3, 4):
        product = ProductFactory.create(stock_on_hand=stock)
        wishlists.save(user_id=shopper.pk, product_id=product.pk)
    signed_in.get("/wishlist/")

    # Session, user, header, the list, what is waited for.
    with django_assert_max_num_queries(6):
        signed_in.get("/wishlist/")
