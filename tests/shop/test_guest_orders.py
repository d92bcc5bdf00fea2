"""Following an order without an account, by the link of a letter."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts.models import User
from checkout import services as checkout
from checkout.services import Purchase
from common.ids import public_number
from orders import guests
from orders.drafts import Draft
from orders.models import Order, OrderStatus
from tests.factories import PASSWORD, ProductFactory, UserFactory
from tests.shop.pages import body_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery")]
EMAIL = "ji-won@example.com"
PATHS = ["", "pay/", "cancel/", "thanks/", "address/", "invoice/", "invoice.pdf"]


@pytest.fixture
def placed(db: None) -> Draft:
    return order_of_guest()


def order_of_guest(email: str = EMAIL) -> Draft:
    product = ProductFactory.create(name="Moon jar", price=10_000)
    return checkout.place_order(
        Purchase(user_id=None, email=email, quantities={product.pk: 1})
    )


def opened(client: Client, draft: Draft) -> Client:
    """Follow the link of the letter."""
    client.get(guests.link(draft))
    return client


def test_link_moves_its_key_into_the_session(client: Client, placed: Draft) -> None:
    response = client.get(f"{guests.link(placed)}&from=letter")

    assert response.status_code == 303
    assert response["Location"] == f"/orders/{placed.number}/?from=letter"
    page = client.get(response["Location"])
    assert page.status_code == 200
    assert guests.key_of(placed.id) not in body_of(page)
    assert f"Order {placed.number} Awaiting payment" in text_of(page)
    assert "Moon jar" in text_of(page)
    assert page["Cache-Control"] == "private, no-store"


def test_guest_is_invited_and_not_shown_an_account(
    client: Client, placed: Draft
) -> None:
    page = body_of(opened(client, placed).get(f"/orders/{placed.number}/"))

    assert 'href="/accounts/signup/?email=ji-won%40example.com"' in page
    assert "account-menu" not in page
    assert "/again/" not in page


def test_guest_calls_the_order_off(client: Client, placed: Draft) -> None:
    opened(client, placed)

    assert client.get(f"/orders/{placed.number}/cancel/").status_code == 200
    response = client.post(f"/orders/{placed.number}/cancel/")

    assert response["Location"] == f"/orders/{placed.number}/"
    assert Order.objects.get().status == OrderStatus.CANCELLED


def bad_keys(draft: Draft) -> list[str]:
    key = guests.key_of(draft.id)
    return [
        "",
        "x",
        key[:-1],
        f"{key}x",
        key.swapcase(),
        guests.key_of(order_of_guest().id),
    ]


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("path", PATHS)
def test_key_that_does_not_fit_is_404_and_opens_nothing(
    client: Client, placed: Draft, place: int, path: str
) -> None:
    key = bad_keys(placed)[place]

    response = client.get(f"/orders/{placed.number}/{path}", {"key": key})

    assert response.status_code == 404
    assert "opened_orders" not in client.session


def test_key_at_the_number_of_another_order_is_404(
    client: Client, placed: Draft
) -> None:
    other = order_of_guest()

    for number in (other.number, public_number(), "NOSUCH"):
        response = client.get(f"/orders/{number}/", {"key": guests.key_of(placed.id)})
        assert response.status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_without_the_link_every_number_looks_the_same(
    client: Client, placed: Draft, path: str
) -> None:
    opened(client, order_of_guest())

    for number in (placed.number, public_number(), "NOSUCH"):
        asked = f"/orders/{number}/{path}"
        for response in (client.get(asked), client.post(asked)):
            assert response.status_code == 302
            assert response["Location"] == f"/accounts/login/?next={asked}"
    assert set(Order.objects.values_list("status", flat=True)) == {"pending"}


def test_key_in_the_address_of_a_post_opens_nothing(
    client: Client, placed: Draft
) -> None:
    key = guests.key_of(placed.id)

    response = client.post(f"/orders/{placed.number}/cancel/?key={key}")

    assert response.status_code == 302
    assert Order.objects.get().status == OrderStatus.PENDING


def test_shopper_who_has_the_link_sees_the_guests_order_too(
    signed_in: Client, placed: Draft
) -> None:
    assert signed_in.get(f"/orders/{placed.number}/").status_code == 404
    opened(signed_in, placed)
    assert signed_in.get(f"/orders/{placed.number}/").status_code == 200
    assert placed.number not in body_of(signed_in.get("/orders/"))


def test_session_remembers_the_twenty_orders_opened_last(client: Client) -> None:
    drafts = [order_of_guest() for _ in range(21)]
    for draft in drafts:
        opened(client, draft)

    assert client.get(f"/orders/{drafts[0].number}/").status_code == 302
    assert client.get(f"/orders/{drafts[1].number}/").status_code == 200
    assert client.get(f"/orders/{drafts[20].number}/").status_code == 200


# --- Claiming ------------------------------------------------------------------------


def sign_in(client: Client, email: str = EMAIL) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": PASSWORD})


def test_signing_in_with_a_proved_address_claims(client: Client, placed: Draft) -> None:
    user = UserFactory.create(email=EMAIL)
    EmailAddress.objects.create(user=user, email=EMAIL, verified=True, primary=True)

    assert sign_in(client).status_code == 302

    assert Order.objects.get().user_id == user.pk
    assert placed.number in body_of(client.get("/orders/"))


def test_claimed_order_asks_the_holder_of_an_old_link_to_sign_in(
    client: Client, placed: Draft
) -> None:
    user = UserFactory.create(email=EMAIL)
    opened(client, placed)
    Order.objects.update(user=user)

    asked = f"/orders/{placed.number}/"
    assert client.get(asked)["Location"] == f"/accounts/login/?next={asked}"
    assert opened(client, placed).get(asked).status_code == 302
    assert client.post(f"{asked}cancel/").status_code == 302
    assert Order.objects.get().status == OrderStatus.PENDING


def test_signing_up_claims_nothing_before_the_address_is_proved(
    client: Client, placed: Draft, mailoutbox: list[Any]
) -> None:
    body = {"email": EMAIL, "password1": "correct horse battery"}
    assert client.post("/accounts/signup/", body).status_code == 302
    user = User.objects.get(email=EMAIL)
    client.force_login(user, backend="accounts.backends.PasswordBackend")

    assert placed.number not in body_of(client.get("/orders/"))
    assert client.get(f"/orders/{placed.number}/").status_code == 404
    assert Order.objects.get().user_id is None

    address = EmailAddress.objects.get(user=user)
    letter = mailoutbox[-1].body
    link = next(
        word
        for word in letter.split()
        if "/verify-email/" in word or ("confirm" in word and "/" in word)
    )
    client.post("/" + link.split("/", 3)[3])

    address.refresh_from_db()
    assert address.verified
    assert Order.objects.get().user_id == user.pk
