"""Letters: proving an address, setting a new password; and changing it."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import mail, signing
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from orders.models import Order
from tests.api.client import Api
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
AUTH = "/api/v1/auth"
NEW = "another horse battery"


def token() -> str:
    """Return the end of the link of the last letter."""
    found = re.search(
        r"(?:confirm-email|reset/key)/([^/\s]+)/", str(mail.outbox[-1].body)
    )
    assert found is not None
    return found[1]


def registered(api: Api, email: str = "min-ji@example.com") -> str:
    api.post(f"{AUTH}/register", {"email": email, "password": PASSWORD})
    return token()


# --- Proving an address ---------------------------------------------------------------


def test_address_is_proved_once(guest: Api) -> None:
    letter = registered(guest)

    first = guest.post(f"{AUTH}/verify-email", {"token": letter})
    second = guest.post(f"{AUTH}/verify-email", {"token": letter})

    assert (first.status, first.header("Cache-Control")) == (204, "no-store")
    assert not first.response.cookies
    assert EmailAddress.objects.get().verified
    assert (second.status, second.code) == (410, "verification_over")


def test_wrong_and_old_tokens_prove_nothing(guest: Api) -> None:
    letter = registered(guest)
    other = signing.dumps(EmailAddress.objects.get().pk, salt="elsewhere")

    for wrong in ("x", letter[:-1] + "!", other):
        answer = guest.post(f"{AUTH}/verify-email", {"token": wrong})
        assert (answer.status, answer.code) == (400, "verification_invalid")
    with time_machine.travel(timezone.now() + timedelta(days=3, seconds=1)):
        late = guest.post(f"{AUTH}/verify-email", {"token": letter})

    assert (late.status, late.code) == (410, "verification_over")
    assert not EmailAddress.objects.get().verified


def test_letter_is_sent_again_to_whom_it_concerns(guest: Api) -> None:
    registered(guest)
    known = UserFactory.create()
    EmailAddress.objects.create(user=known, email=known.email, verified=True)
    cache.clear()
    mail.outbox.clear()

    emails = ["min-ji@example.com", known.email, "nobody@example.com"]
    answers = [
        guest.post(f"{AUTH}/verify-email/resend", {"email": email}) for email in emails
    ]

    assert [answer.status for answer in answers] == [204] * 3
    assert [letter.to for letter in mail.outbox] == [[email] for email in emails]
    assert len({letter.subject for letter in mail.outbox}) == 3


def test_letters_are_rare(guest: Api, settings: Settings) -> None:
    settings.RATE_LIMITS = 1.0
    for email in (UserFactory.create().email, "nobody@example.com"):
        cache.clear()
        first = guest.post(f"{AUTH}/verify-email/resend", {"email": email})
        second = guest.post(f"{AUTH}/verify-email/resend", {"email": email})

        assert (first.status, second.status) == (204, 429)
        assert second.code == "rate_limited"


# --- A new password by letter ---------------------------------------------------------


def ask(api: Api, email: str) -> str:
    answer = api.post(f"{AUTH}/password/reset", {"email": email})
    assert (answer.status, answer.body) == (202, {"email": email})
    return token()


def test_password_is_set_by_letter_once(guest: Api, user: User) -> None:
    letter = ask(guest, user.email)

    body = {"token": letter, "password": NEW}
    first = guest.post(f"{AUTH}/password/reset/confirm", body)
    second = guest.post(f"{AUTH}/password/reset/confirm", body | {"password": PASSWORD})

    assert first.status == 204
    assert (second.status, second.code) == (400, "reset_invalid")
    user.refresh_from_db()
    assert user.check_password(NEW)


def test_letter_of_half_an_hour_ago_sets_nothing(
    guest: Api, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = ask(guest, user.email)
    body = {"token": letter, "password": NEW}
    later = datetime.now() + timedelta(minutes=30, seconds=2)  # noqa: DTZ005 — as Django does
    monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda _: later)

    late = guest.post(f"{AUTH}/password/reset/confirm", body)

    assert (late.status, late.code) == (400, "reset_invalid")
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_unknown_address_gets_the_same_answer_and_another_letter(guest: Api) -> None:
    guest.post(f"{AUTH}/password/reset", {"email": "nobody@example.com"})

    assert [letter.to for letter in mail.outbox] == [["nobody@example.com"]]
    assert "no account" in str(mail.outbox[0].body)


def test_poor_password_leaves_the_letter_good(guest: Api, user: User) -> None:
    letter = ask(guest, user.email)

    poor = guest.post(
        f"{AUTH}/password/reset/confirm", {"token": letter, "password": "short"}
    )
    good = guest.post(
        f"{AUTH}/password/reset/confirm", {"token": letter, "password": NEW}
    )

    assert (poor.status, set(poor.pointers)) == (400, {"#/password"})
    assert good.status == 204


@pytest.mark.parametrize("wrong", ["x", "x-y", "1-", "-", "zzzzzzzzzzzzzz-abc", "1-é"])
def test_wrong_tokens_set_nothing(wrong: str, guest: Api) -> None:
    answer = guest.post(
        f"{AUTH}/password/reset/confirm", {"token": wrong, "password": NEW}
    )

    assert (answer.status, answer.code) == (400, "reset_invalid")


# --- A new password by the old one ----------------------------------------------------


def signed_in(user: User) -> tuple[Api, str]:
    pair = Api().post(f"{AUTH}/token", {"email": user.email, "password": PASSWORD}).body
    api = Api()
    api.headers["Authorization"] = f"Bearer {pair['access']}"
    return api, str(pair["refresh"])


def change(api: Api, current: str = PASSWORD, new: str = NEW) -> tuple[int, list[str]]:
    body = {"current_password": current, "new_password": new}
    answer = api.post(f"{AUTH}/password/change", body)
    return answer.status, answer.pointers if answer.status == 400 else []


def test_change_ends_all_other_sign_ins_at_once(user: User, guest: Api) -> None:
    (phone, refresh), (tablet, other) = signed_in(user), signed_in(user)
    browser = Client()
    browser.force_login(user, "accounts.backends.PasswordBackend")
    browser.get("/account/")

    assert change(phone) == (204, [])

    assert tablet.get("/api/v1/users/me").status == 401
    assert guest.post(f"{AUTH}/token/refresh", {"refresh": other}).status == 401
    assert browser.get("/account/").status_code == 302
    assert guest.post(f"{AUTH}/token/refresh", {"refresh": refresh}).status == 200


def test_browser_that_changes_it_stays_signed_in(user: User) -> None:
    browser = Client()
    browser.force_login(user, "accounts.backends.PasswordBackend")
    body = {"current_password": PASSWORD, "new_password": NEW}

    answer = browser.post(f"{AUTH}/password/change", body, "application/json")

    assert answer.status_code == 204
    assert browser.get("/account/").status_code == 200


def test_wrong_or_poor_passwords_change_nothing(user: User, api: Api) -> None:
    assert change(api, current="wrong") == (400, ["#/current_password"])
    assert change(api, new="short")[0] == 400
    assert [change(api, current="wrong")[0] for _ in range(8)][-1] == 429
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


# --- One's data, and going ------------------------------------------------------------


def test_export_is_the_document_of_the_page(api: Api, user: User) -> None:
    answer = api.get("/api/v1/users/me/export")

    assert answer.header("Cache-Control") == "no-store"
    assert answer.body["account"]["email"] == user.email
    assert answer.body["points"][0]["balance"] == 1_000_000


def test_account_is_deleted_by_password(user: User) -> None:
    api, refresh = signed_in(user)

    wrong = api.delete("/api/v1/users/me", {"password": "wrong"})
    points = api.delete("/api/v1/users/me", {"password": PASSWORD})
    gone = api.delete(
        "/api/v1/users/me", {"password": PASSWORD, "gives_up_points": True}
    )

    assert (wrong.status, wrong.pointers) == (400, ["#/password"])
    assert (points.status, points.code) == (409, "points_left")
    assert gone.status == 204
    user.refresh_from_db()
    assert (user.is_active, user.name) == (False, "")
    assert api.get("/api/v1/users/me").status == 401
    assert Api().post(f"{AUTH}/token/refresh", {"refresh": refresh}).status == 401


def test_fresh_sign_in_stands_for_the_password(user: User) -> None:
    api, _refresh = signed_in(user)
    user.devices.update(created_at=timezone.now() - timedelta(minutes=6))
    old = api.delete("/api/v1/users/me", {"gives_up_points": True})
    user.devices.update(created_at=timezone.now())

    fresh = api.delete("/api/v1/users/me", {"gives_up_points": True})

    assert (old.status, old.pointers) == (400, ["#/password"])
    assert fresh.status == 204


def test_account_with_orders_under_way_stays(
    api: Api, user: User, order: Order
) -> None:
    answer = api.delete(
        "/api/v1/users/me", {"password": PASSWORD, "gives_up_points": True}
    )

    assert (answer.status, answer.code) == (409, "account_still_needed")
    assert Order.objects.get(pk=order.pk).user_id == user.pk
    user.refresh_from_db()
    assert user.is_active


@pytest.mark.parametrize(
    "body", [{"password": 1}, {"password": None}, {"password": "a\0b"}, b"null", b"{"]
)
def test_hostile_bodies_delete_nothing(body: Any, user: User) -> None:
    api, _refresh = signed_in(user)

    assert api.send("DELETE", "/api/v1/users/me", body).status == 400
    user.refresh_from_db()
    assert user.is_active
