"""Waiting for a product, and buying the one that is kept."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.models import Product
from inventory import services as inventory
from inventory.links import alert_url
from inventory.models import AlertState, Hold, RestockAlert
from tests.factories import ProductFactory, UserFactory, receive
from tests.shop.pages import body_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery")]


@pytest.fixture
def jar() -> Product:
    return ProductFactory.create(name="Moon jar", slug="moon-jar", stock_on_hand=0)


def page_of(product: Product) -> str:
    return f"/p/{product.slug}-{product.pk}/"


def alert_of(product: Product, owner: User | str) -> RestockAlert:
    return inventory.alert(
        product_id=product.pk,
        user_id=owner.pk if isinstance(owner, User) else None,
        email="" if isinstance(owner, User) else owner,
        language="en",
    )


def press(client: Client, path: str, **values: str) -> Any:
    return client.post(path, values, follow=True)


def test_sold_out_product_can_be_waited_for(client: Client, jar: Product) -> None:
    page = client.get(page_of(jar))

    assert "Notify me" in text_of(page)
    assert 'type="email"' in body_of(page)
    assert "Add to cart" not in text_of(page)


def test_product_that_is_there_offers_no_waiting(client: Client) -> None:
    page = client.get(page_of(ProductFactory.create()))

    assert "Notify me" not in text_of(page)


def test_shopper_waits_with_one_press_and_undoes_it(
    signed_in: Client, shopper: User, jar: Product
) -> None:
    assert 'type="email"' not in body_of(signed_in.get(page_of(jar)))

    page = press(signed_in, f"/products/{jar.pk}/alert/")

    alert = RestockAlert.objects.get()
    assert (alert.user, alert.email, alert.language) == (shopper, "", "en")
    assert "We will tell you." in text_of(page)
    page = press(signed_in, f"/products/{jar.pk}/alert/undo/")
    alert.refresh_from_db()
    assert alert.state == AlertState.CANCELLED
    assert "Notify me" in text_of(page)


def test_guest_waits_by_e_mail_and_undoes_it(client: Client, jar: Product) -> None:
    page = press(client, f"/products/{jar.pk}/alert/", email="Guest@example.com")

    assert RestockAlert.objects.get().email == "guest@example.com"
    assert "We will tell guest@example.com." in text_of(page)
    query = page.redirect_chain[-1][0].partition("?")[2]
    press(client, f"/products/{jar.pk}/alert/undo/?{query}")
    assert RestockAlert.objects.get().state == AlertState.CANCELLED


def test_stranger_cannot_undo_what_somebody_asked_for(
    client: Client, jar: Product
) -> None:
    alert = alert_of(jar, "victim@example.com")

    page = press(client, f"/products/{jar.pk}/alert/", email="victim@example.com")

    assert "alert=" not in page.redirect_chain[-1][0]
    press(client, f"/products/{jar.pk}/alert/undo/?alert=forged")
    press(client, f"/products/{jar.pk}/alert/undo/")
    alert.refresh_from_db()
    assert alert.state == AlertState.WAITING


@pytest.mark.parametrize("email", ["", "nobody"])
def test_guest_has_to_say_where(client: Client, jar: Product, email: str) -> None:
    page = press(client, f"/products/{jar.pk}/alert/", email=email)

    assert "Please enter a valid e-mail address." in text_of(page)
    assert not RestockAlert.objects.exists()


def test_who_comes_too_late_to_wait_is_told(signed_in: Client, jar: Product) -> None:
    receive(jar, 1)

    page = press(signed_in, f"/products/{jar.pk}/alert/")

    assert "This product is in stock. You can buy it now." in text_of(page)


def test_holder_can_buy_what_is_sold_out_for_others(
    client: Client, signed_in: Client, shopper: User, jar: Product
) -> None:
    alert_of(jar, shopper)
    receive(jar, 1)

    page = signed_in.get(page_of(jar))
    stranger = Client().get(page_of(jar))

    assert "One is kept for you until" in text_of(page)
    assert "Add to cart" in text_of(page)
    assert 'max="1"' in body_of(page)
    assert "kept for you until" not in text_of(stranger)
    assert "Add to cart" not in text_of(stranger)
    cart = press(signed_in, "/cart/add/", product=str(jar.pk), quantity="1")
    assert "Kept for you" in text_of(cart)
    assert "Check out" in text_of(cart)
    cart = press(signed_in, f"/cart/{jar.pk}/quantity/", quantity="2")
    assert "Only 1 left" in text_of(cart)


def test_letters_link_lets_a_guest_see_and_buy(client: Client, jar: Product) -> None:
    alert = alert_of(jar, "guest@example.com")
    receive(jar, 1)
    assert "kept for you until" not in text_of(client.get(page_of(jar)))

    page = client.get(alert_url(alert.pk), follow=True)

    assert page.redirect_chain[-1][0] == page_of(jar)
    assert "One is kept for you until" in text_of(page)
    assert "Add to cart" in text_of(page)


def test_letters_link_of_a_shopper_asks_them_to_sign_in(
    client: Client, shopper: User, jar: Product
) -> None:
    alert = alert_of(jar, shopper)

    answer = client.get(alert_url(alert.pk))

    assert answer.headers["Location"].startswith("/accounts/login/?next=/p/")
    client.force_login(shopper)
    assert client.get(alert_url(alert.pk)).headers["Location"] == page_of(jar)


def test_letter_can_be_answered_with_no(client: Client, jar: Product) -> None:
    alert = alert_of(jar, "guest@example.com")
    receive(jar, 1)
    path = f"{alert_url(alert.pk)}off/"

    assert "I do not need it any more" in text_of(client.get(path))
    alert.refresh_from_db()
    assert alert.state == AlertState.OFFERED
    press(client, path)

    alert.refresh_from_db()
    assert alert.state == AlertState.CANCELLED
    assert client.get("/back/forged/").status_code == 404
    assert client.get("/back/forged/off/").status_code == 404


def test_account_lists_what_the_shopper_waits_for(
    signed_in: Client, shopper: User, jar: Product
) -> None:
    alert = alert_of(jar, shopper)
    theirs = alert_of(ProductFactory.create(stock_on_hand=0), UserFactory.create())

    page = signed_in.get("/account/alerts/")

    assert "Moon jar" in text_of(page)
    assert "Waiting" in text_of(page)
    for number in (alert.pk, theirs.pk):
        press(signed_in, f"/account/alerts/{number}/cancel/")
    alert.refresh_from_db()
    theirs.refresh_from_db()
    assert (alert.state, theirs.state) == (AlertState.CANCELLED, AlertState.WAITING)
    assert "Called off" in text_of(signed_in.get("/account/alerts/"))


def test_hold_whose_time_is_up_is_not_promised(
    signed_in: Client, shopper: User, jar: Product
) -> None:
    alert_of(jar, shopper)
    receive(jar, 1)
    Hold.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    page = signed_in.get(page_of(jar))

    assert "kept for you until" not in text_of(page)
    assert "Add to cart" not in text_of(page)
