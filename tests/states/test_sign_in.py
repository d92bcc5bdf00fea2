"""Signing in, up and back in, in their states."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from playwright.sync_api import Page, expect
from pytest_django import Settings

from accounts.models import User
from tests.factories import PASSWORD, UserFactory
from tests.states.conftest import Visit

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WRONG = "E-mail or password is wrong."


@pytest.fixture(autouse=True)
def _nobody_was_here() -> Iterator[None]:
    """Attempts are counted by address: each test begins with none."""
    cache.clear()
    yield
    cache.clear()


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(password)
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()


def sign_up(page: Page, email: str) -> None:
    page.locator("[name=email]").fill(email)
    page.locator("[name=password1]").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Create an account").click()


def link_in(letter: Any) -> str:
    found = re.search(r"/accounts/\S+", str(letter.body))
    assert found is not None
    return found.group()


def proved() -> User:
    user: User = UserFactory.create()
    EmailAddress.objects.create(
        user=user, email=user.email, verified=True, primary=True
    )
    return user


def test_sign_in_wrong_says_the_same_of_everybody(visit: Visit) -> None:
    user = UserFactory.create()
    page = visit("/accounts/login/")

    for email in (user.email, "nobody@example.com"):
        sign_in(page, email, "not the password")
        expect(page.get_by_role("alert")).to_have_text(WRONG)


def test_sign_in_locked_says_for_how_long(visit: Visit) -> None:
    user = UserFactory.create()
    page = visit("/accounts/login/")
    for _ in range(5):
        sign_in(page, user.email, "not the password")
        expect(page.get_by_role("alert")).to_have_text(WRONG)

    sign_in(page, user.email)

    expect(page.get_by_role("alert")).to_contain_text("wait five minutes")


def test_sign_in_unverified_gets_the_letter(
    visit: Visit, settings: Settings, mailoutbox: list[Any]
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    user = UserFactory.create()
    page = visit("/accounts/login/")

    sign_in(page, user.email)

    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    assert mailoutbox[0].to == [user.email]


def test_sign_in_goes_on_inside_the_shop_only(visit: Visit) -> None:
    user = UserFactory.create()
    page = visit("/accounts/login/?next=https://evil.example/")

    sign_in(page, user.email)

    page.wait_for_url(re.compile(r"localhost:\d+/$"))


def test_sign_in_when_already_signed_in(visit: Visit) -> None:
    page = visit("/accounts/login/?next=/points/", user=UserFactory.create())

    page.wait_for_url("**/points/")


def test_sign_in_shows_the_password_on_demand(visit: Visit) -> None:
    page = visit("/accounts/login/")
    field = page.locator("[name=password]")
    field.fill("secret")

    page.get_by_role("button", name="Show password").click()
    expect(field).to_have_attribute("type", "text")
    page.get_by_role("button", name="Show password").click()

    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_attribute("autocomplete", "current-password")
    login = page.locator("[name=login]").get_attribute("autocomplete")
    assert str(login).startswith("username")


def test_sign_in_with_a_second_step(visit: Visit) -> None:
    user = proved()
    TOTP.activate(user, generate_totp_secret())
    codes = RecoveryCodes.activate(user).generate_codes()
    page = visit("/accounts/login/?next=/points/")
    sign_in(page, user.email)
    field = page.locator("[name=code]")
    expect(field).to_have_attribute("autocomplete", "one-time-code")

    field.fill("000000")
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page.locator(".errorlist")).to_be_visible()
    page.locator("[name=code]").fill(codes[0])
    page.locator("main").get_by_role("button", name="Sign in").click()

    page.wait_for_url("**/points/")
    assert Authenticator.objects.filter(user=user).count() == 2


def test_sign_up_asks_for_two_things_and_sends_a_letter(
    visit: Visit, mailoutbox: list[Any]
) -> None:
    page = visit("/accounts/signup/?next=/points/")
    expect(page.locator("main .field")).to_have_count(2)

    sign_up(page, "new@example.com")
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    page.goto(link_in(mailoutbox[0]))
    page.get_by_role("button", name="Yes, confirm it").click()

    page.wait_for_url("**/points/")


def test_sign_up_with_a_known_address_looks_the_same(
    visit: Visit, mailoutbox: list[Any]
) -> None:
    user = UserFactory.create()
    page = visit("/accounts/signup/")

    sign_up(page, user.email)

    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    assert mailoutbox[0].subject == "You have an account already"
    assert User.objects.count() == 1


def test_sign_up_too_often_takes_a_break(visit: Visit, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"signup": "1/m/ip"}
    page = visit("/accounts/signup/")
    sign_up(page, "one@example.com")
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()

    page.goto("/accounts/signup/")
    sign_up(page, "two@example.com")

    expect(page.get_by_role("heading", name="Too many attempts")).to_be_visible()
    assert User.objects.count() == 1


def test_password_reset_answers_alike(visit: Visit, mailoutbox: list[Any]) -> None:
    user = UserFactory.create()
    texts = []
    for email in (user.email, "nobody@example.com"):
        page = visit("/accounts/password/reset/")
        page.locator("[name=email]").fill(email)
        page.get_by_role("button", name="Send the link").click()
        page.wait_for_url("**/done/")
        texts.append(page.locator("main").inner_text())

    assert texts[0] == texts[1]
    assert [letter.subject for letter in mailoutbox] == [
        "Set a new password",
        "There is no account with this address",
    ]


def test_password_reset_link_works_once(visit: Visit, mailoutbox: list[Any]) -> None:
    user = UserFactory.create()
    page = visit("/accounts/password/reset/")
    page.locator("[name=email]").fill(user.email)
    page.get_by_role("button", name="Send the link").click()
    page.wait_for_url("**/done/")
    link = link_in(mailoutbox[0])

    page.goto(link)
    for name in ("password1", "password2"):
        page.locator(f"[name={name}]").fill("another secret 12")
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_role("heading", name="Your password is changed")).to_be_visible()
    page.goto(link)

    expect(page.get_by_role("heading", name="This link is over")).to_be_visible()
    user.refresh_from_db()
    assert user.check_password("another secret 12")
