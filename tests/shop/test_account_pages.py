"""Signing up and in, overview, addresses, profile."""

import re

import pytest
from django.core import mail
from django.test import Client

from accounts.models import Address, User
from accounts.services import MAX_ADDRESSES
from tests.factories import PASSWORD, AddressFactory, UserFactory
from tests.shop.pages import body_of, text_of

pytestmark = pytest.mark.django_db

ADDRESS = {
    "recipient": "Lee Ji-won",
    "phone": "+82 10-0000-0000",
    "postal_code": "06164",
    "city": "Seoul",
    "line1": "513 Yeongdong-daero",
    "line2": "",
}


def test_newcomer_signs_up_with_address_and_password_only(client: Client) -> None:
    form = {"email": "New@Example.com", "password1": PASSWORD, "next": "/checkout/"}

    answer = client.post("/accounts/signup/", form)
    assert answer["Location"] == "/accounts/confirm-email/"
    user = User.objects.get()
    assert user.email == "new@example.com"

    # The letter, opened in the same browser, signs in and goes on.
    link = linked(r"/accounts/confirm-email/\S+")
    assert "Is new@example.com yours?" in text_of(client.get(link))
    assert client.post(link)["Location"] == "/checkout/"
    page = text_of(client.get("/account/"))
    assert "Hello, new" in page
    assert "Please confirm" not in page


def test_known_address_gets_the_same_answer_and_its_owner_a_letter(
    client: Client, shopper: User
) -> None:
    before = shopper.password
    answers = [
        client.post("/accounts/signup/", {"email": email, "password1": PASSWORD})
        for email in (shopper.email.upper(), "new@example.com")
    ]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert len({answer["Location"] for answer in answers}) == 1
    assert [letter.to for letter in mail.outbox] == [
        [shopper.email],
        ["new@example.com"],
    ]
    assert mail.outbox[0].subject == "You have an account already"
    shopper.refresh_from_db()
    assert shopper.password == before
    assert User.objects.count() == 2


def test_unverified_shopper_can_sign_in_and_send_the_link_again(
    client: Client,
) -> None:
    form = {"email": "new@example.com", "password1": PASSWORD}
    client.post("/accounts/signup/", form)
    client.post("/accounts/login/", {"login": form["email"], "password": PASSWORD})
    page = text_of(client.get("/account/"))
    assert "Please confirm new@example.com" in page

    client.post(linked(r"/accounts/confirm-email/\S+"))

    assert "Please confirm" not in text_of(client.get("/account/"))


def test_wrong_password_and_unknown_address_get_the_same_answer(
    client: Client, shopper: User
) -> None:
    answers = [
        text_of(client.post("/accounts/login/", {"login": email, "password": "wrong"}))
        for email in (shopper.email, "nobody@example.com")
    ]

    errors = [answer.split("Sign in")[2].split("E")[0] for answer in answers]
    assert errors[0] == errors[1]


def test_forgotten_password_is_answered_alike_for_everybody(
    client: Client, shopper: User
) -> None:
    for email in (shopper.email, "nobody@example.com"):
        answer = client.post("/accounts/password/reset/", {"email": email})
        assert answer["Location"] == "/accounts/password/reset/done/"
    assert "If there is an account" in text_of(
        client.get("/accounts/password/reset/done/")
    )


def test_password_is_reset_by_the_link_in_the_mail(
    client: Client, shopper: User
) -> None:
    client.post("/accounts/password/reset/", {"email": shopper.email})
    link = re.search(r"/accounts/password/reset/key/\S+", str(mail.outbox[0].body))
    assert link is not None

    form_page = client.get(link.group(), follow=True)
    action = form_page.redirect_chain[-1][0]
    client.post(
        action, {"password1": "another secret 12", "password2": "another secret 12"}
    )

    shopper.refresh_from_db()
    assert shopper.check_password("another secret 12")


def linked(pattern: str) -> str:
    """Return the address in the first letter."""
    link = re.search(pattern, str(mail.outbox[0].body))
    assert link is not None
    return link.group()


@pytest.mark.parametrize(
    "path",
    ["login", "signup", "password/reset", "password/reset/done", "logout"],
)
def test_entrance_pages_have_our_look(client: Client, path: str) -> None:
    client.force_login(UserFactory.create()) if path == "logout" else None

    page = client.get(f"/accounts/{path}/")

    assert page.status_code == 200
    assert 'class="narrow panel stack"' in body_of(page)


@pytest.mark.parametrize(
    "path",
    [
        "/account/",
        "/account/profile/",
        "/account/addresses/",
        "/account/addresses/new/",
    ],
)
def test_guest_signs_in_first(client: Client, path: str) -> None:
    assert client.get(path)["Location"] == f"/accounts/login/?next={path}"


def test_next_never_leads_out_of_the_shop(client: Client, shopper: User) -> None:
    form = {
        "login": shopper.email,
        "password": PASSWORD,
        "next": "https://evil.example",
    }

    assert client.post("/accounts/login/", form)["Location"] == "/"


def test_first_address_is_the_default(signed_in: Client, shopper: User) -> None:
    answer = signed_in.post("/account/addresses/new/", ADDRESS)

    assert answer["Location"] == "/account/addresses/"
    address = Address.objects.get()
    assert (address.user, address.is_default) == (shopper, True)
    assert "Lee Ji-won Default" in text_of(signed_in.get("/account/addresses/"))


def test_incomplete_address_is_shown_again(signed_in: Client) -> None:
    answer = signed_in.post("/account/addresses/new/", ADDRESS | {"city": ""})

    assert answer.status_code == 422
    assert 'value="Lee Ji-won"' in body_of(answer)
    assert not Address.objects.exists()


def test_address_can_be_corrected(signed_in: Client, shopper: User) -> None:
    address = AddressFactory.create(user=shopper)

    signed_in.post(f"/account/addresses/{address.pk}/", ADDRESS | {"line2": "7F"})

    address.refresh_from_db()
    assert (address.recipient, address.line2) == ("Lee Ji-won", "7F")


def test_another_address_can_be_made_the_default(
    signed_in: Client, shopper: User
) -> None:
    old = AddressFactory.create(user=shopper, is_default=True)
    new = AddressFactory.create(user=shopper)

    signed_in.post(f"/account/addresses/{new.pk}/default/")

    assert list(Address.objects.filter(is_default=True)) == [new]
    signed_in.post(f"/account/addresses/{new.pk}/remove/")
    assert list(Address.objects.filter(is_default=True)) == [old]


def test_last_address_can_be_removed(signed_in: Client, shopper: User) -> None:
    address = AddressFactory.create(user=shopper, is_default=True)

    signed_in.post(f"/account/addresses/{address.pk}/remove/")

    assert "No address yet." in text_of(signed_in.get("/account/addresses/"))


def test_address_of_somebody_else_cannot_be_seen_or_changed(signed_in: Client) -> None:
    foreign = AddressFactory.create(recipient="Stranger", is_default=True)
    path = f"/account/addresses/{foreign.pk}/"

    assert signed_in.get(path).status_code == 404
    assert signed_in.post(path, ADDRESS).status_code == 404
    signed_in.post(f"{path}remove/")
    signed_in.post(f"{path}default/")

    foreign.refresh_from_db()
    assert (foreign.recipient, foreign.is_default) == ("Stranger", True)


def test_address_book_is_full_at_twenty(signed_in: Client, shopper: User) -> None:
    AddressFactory.create_batch(MAX_ADDRESSES, user=shopper)

    answer = signed_in.post("/account/addresses/new/", ADDRESS)

    assert "An address book holds at most 20 addresses." in text_of(answer)
    assert Address.objects.count() == MAX_ADDRESSES


def test_profile_changes_name_phone_and_consent_only(
    signed_in: Client, shopper: User
) -> None:
    form = {
        "name": "Lee Ji-won",
        "phone": "+82 10-9",
        "language": "en",
        "wants_marketing_email": "on",
        "email": "thief@example.com",
        "is_staff": "on",
    }

    signed_in.post("/account/profile/", form)

    before = shopper.email
    shopper.refresh_from_db()
    assert (shopper.name, shopper.wants_marketing_email) == ("Lee Ji-won", True)
    assert (shopper.email, shopper.is_staff) == (before, False)
