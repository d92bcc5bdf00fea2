"""The shopper's own corner in its states."""

import json
import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import Address, Device, User
from accounts.services import MAX_ADDRESSES
from orders.models import OrderStatus
from tests.factories import PASSWORD, AddressFactory, UserFactory
from tests.states.conftest import Visit
from tests.states.orders import ADDRESS, FIELDS, order_in, placed, shopper

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def proved(**facts: Any) -> User:
    user: User = UserFactory.create(**facts)
    EmailAddress.objects.create(
        user=user, email=user.email, verified=True, primary=True
    )
    return user


def signed_in_elsewhere(user: User, browser: str) -> Client:
    client = Client(headers={"user-agent": browser})
    client.force_login(user)
    client.get("/account/")
    return client


def fill_address(page: Page) -> None:
    for name in FIELDS:
        page.locator(f"[name={name}]").fill(ADDRESS[name])
    page.get_by_role("button", name="Save").click()


def prove_again(page: Page) -> None:
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()


def test_account_of_a_newcomer(visit: Visit) -> None:
    page = visit("/account/", user=proved())

    expect(page.get_by_role("heading", name="Hello, Kim Min-ji")).to_be_visible()
    expect(page.get_by_text("You have not ordered anything yet.")).to_be_visible()
    tiles = page.locator(".tile strong").all_inner_texts()
    assert tiles == ["0", "0\N{NO-BREAK SPACE}P", "0", "0"]


def test_account_shows_how_far_the_last_order_is(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.SHIPPED, buyer)

    page = visit("/account/", user=buyer)

    expect(page.get_by_role("link", name=order.number)).to_be_visible()
    current = page.locator(".timeline [aria-current]")
    expect(current).to_contain_text("Shipped")
    expect(page.locator(".tile strong").first).to_have_text("1")


def test_account_with_an_unproved_address(visit: Visit, mailoutbox: list[Any]) -> None:
    user = UserFactory.create()
    page = visit("/account/", user=user)

    page.get_by_role("button", name="Send it again").click()

    expect(page.locator(".messages")).to_contain_text(user.email)
    assert [letter.to for letter in mailoutbox] == [[user.email]]


def test_profile_speaks_the_language_that_is_chosen(visit: Visit) -> None:
    user = proved()
    page = visit("/account/profile/", user=user)

    page.locator("select[name=language]").select_option("ko")
    page.get_by_role("button", name="Save").click()

    expect(page.locator("html")).to_have_attribute("lang", "ko")
    user.refresh_from_db()
    assert user.language == "ko"


def test_profile_needs_a_phone_for_text_messages(visit: Visit) -> None:
    user = proved()
    page = visit("/account/profile/", user=user)

    page.get_by_label("Offers by text message").check()
    page.get_by_role("button", name="Save").click()

    expect(page.locator(".errorlist")).to_have_text(
        "Text messages need a phone number."
    )
    user.refresh_from_db()
    assert not user.wants_marketing_sms


def test_addresses_none_then_the_first_is_the_default(visit: Visit) -> None:
    user = proved()
    page = visit("/account/addresses/", user=user)
    expect(page.get_by_text("No address yet.")).to_be_visible()

    page.get_by_role("link", name="Add an address").first.click()
    fill_address(page)

    expect(page.get_by_text("Default", exact=True)).to_be_visible()


def test_address_that_is_known_is_refused_kindly(visit: Visit) -> None:
    user = proved()
    Address.objects.create(user=user, is_default=True, **ADDRESS)
    page = visit("/account/addresses/new/", user=user)

    fill_address(page)

    expect(page.get_by_role("alert")).to_have_text(
        "This address is in your book already."
    )
    assert Address.objects.count() == 1


def test_address_book_that_is_full(visit: Visit) -> None:
    user = proved()
    AddressFactory.create_batch(MAX_ADDRESSES, user=user)

    page = visit("/account/addresses/", user=user)

    expect(page.get_by_role("link", name="Add an address")).to_have_count(0)
    expect(page.get_by_text("at most 20 addresses")).to_be_visible()


def test_address_the_last_one_is_removed_and_comes_back(visit: Visit) -> None:
    user = proved()
    AddressFactory.create(user=user, is_default=True)
    page = visit("/account/addresses/", user=user)

    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No address yet.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_text("Default", exact=True)).to_be_visible()
    assert Address.objects.get().is_default


def test_address_asks_before_it_goes_without_scripts(visit: Visit) -> None:
    user = proved()
    AddressFactory.create(user=user, is_default=True)
    page = visit("/account/addresses/", user=user, scripts=False)

    page.get_by_role("button", name=re.compile("Remove")).click()
    expect(page.get_by_role("heading", name="Remove this address?")).to_be_visible()
    assert Address.objects.exists()
    page.get_by_role("button", name="Remove").click()

    expect(page.get_by_text("Removed: Kim Min-ji")).to_be_visible()
    assert not Address.objects.exists()


def test_password_change_with_the_wrong_old_one(visit: Visit) -> None:
    user = proved()
    page = visit("/accounts/password/change/", user=user)

    page.locator("[name=oldpassword]").fill("not it")
    for name in ("password1", "password2"):
        page.locator(f"[name={name}]").fill("another secret 12")
    page.get_by_role("button", name="Change password").click()

    expect(page.locator(".errorlist")).to_have_text("This is not your password.")
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_password_change_signs_out_all_other_devices(visit: Visit) -> None:
    user = proved()
    other = signed_in_elsewhere(user, "Mozilla/5.0 (iPhone) Safari/1")
    page = visit("/accounts/password/change/", user=user)

    page.locator("[name=oldpassword]").fill(PASSWORD)
    for name in ("password1", "password2"):
        page.locator(f"[name={name}]").fill("another secret 12")
    page.get_by_role("button", name="Change password").click()

    expect(page.locator(".messages")).to_be_visible()
    page.goto("/account/security/")
    expect(page.locator("#devices + ul > li")).to_have_count(1)
    assert other.get("/account/").status_code == 302


def test_security_signs_out_one_other_device(visit: Visit) -> None:
    user = proved()
    other = signed_in_elsewhere(user, "Mozilla/5.0 (iPhone) Safari/1")
    page = visit(user=user)
    page.goto("/account/")
    page.goto("/account/security/")
    lines = page.locator("#devices + ul > li")
    expect(lines).to_have_count(2)
    expect(lines.first).to_contain_text("This device")

    page.get_by_role("button", name="Sign out Safari, iPhone").click()

    expect(lines).to_have_count(1)
    assert other.get("/account/").status_code == 302


def test_security_signs_out_all_others(visit: Visit) -> None:
    user = proved()
    others = [signed_in_elsewhere(user, "Mozilla/5.0 (iPhone) Safari/1")]
    others.append(signed_in_elsewhere(user, "Dojang/2.1 (app)"))
    page = visit(user=user)
    page.goto("/account/")
    page.goto("/account/security/")

    page.get_by_role("button", name="Sign out all other devices").click()

    expect(page.locator(".messages")).to_contain_text("2 other devices")
    assert [other.get("/account/").status_code for other in others] == [302, 302]


def test_security_signs_out_the_device_in_use(visit: Visit) -> None:
    user = proved()
    page = visit(user=user)
    page.goto("/account/")
    page.goto("/account/security/")

    page.locator("#devices + ul").get_by_role("button", name="Sign out").click()

    page.wait_for_url("**/accounts/login/")
    assert not Device.objects.exists()


def test_security_codes_are_set_up(visit: Visit) -> None:
    user = proved()
    page = visit("/account/security/", user=user)
    page.get_by_role("link", name="Set up Codes of an app").click()
    prove_again(page)
    expect(page.locator("img.qr")).to_be_visible()

    page.locator("[name=code]").fill("123")
    page.get_by_role("button", name="Turn on").click()

    expect(page.locator(".errorlist")).to_be_visible()
    assert not Authenticator.objects.exists()


def test_security_a_passkey_opens_the_account(visit: Visit) -> None:
    user = proved()
    page = visit("/account/security/", user=user)
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    page.get_by_role("link", name="Add a passkey").click()
    prove_again(page)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()

    page.context.clear_cookies()
    page.goto("/accounts/login/?next=/points/")
    page.get_by_role("button", name="Sign in with a passkey").click()

    page.wait_for_url("**/points/")


def test_data_is_handed_out_to_who_proves_it(visit: Visit) -> None:
    user = proved()
    AddressFactory.create(user=user)
    AddressFactory.create(recipient="Stranger")
    page = visit("/account/data/", user=user)

    page.goto("/account/data/download/")
    with page.expect_download() as saved:
        prove_again(page)

    data = json.loads(saved.value.path().read_text())
    assert data["account"]["email"] == user.email
    assert [one["recipient"] for one in data["addresses"]] == ["Kim Min-ji"]


def test_account_stays_while_an_order_is_open(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)

    page = visit("/account/delete/", user=buyer)

    expect(page.get_by_role("link", name=order.number)).to_be_visible()
    expect(page.locator("[name=password]")).to_have_count(0)


def test_account_stays_with_the_wrong_password(visit: Visit) -> None:
    user = proved()
    page = visit("/account/delete/", user=user)

    page.locator("[name=password]").fill("not it")
    page.get_by_role("button", name="Delete my account for good").click()

    expect(page.locator(".errorlist")).to_have_text("This is not your password.")
    user.refresh_from_db()
    assert user.is_active


def test_account_is_deleted_with_its_points(visit: Visit) -> None:
    user = proved(points=5_000)
    page = visit("/account/delete/", user=user)
    expect(page.get_by_text("You still have 5,000")).to_be_visible()

    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Delete my account for good").click()
    expect(page.get_by_role("alert")).to_contain_text("There are points left.")
    page.get_by_label("My points may be lost").check()
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Delete my account for good").click()

    expect(page.locator(".messages")).to_contain_text("Your account is deleted.")
    user.refresh_from_db()
    assert user.erased_at is not None
    page.goto("/account/")
    page.wait_for_url("**/accounts/login/**")
