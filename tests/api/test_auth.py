"""Registering, tokens, and everything that must end a sign-in."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from api import tokens
from cart import services as carts
from cart.models import CartItem
from tests.api.client import Answer, Api
from tests.concurrency import run_together
from tests.factories import PASSWORD, ProductFactory, UserFactory

pytestmark = pytest.mark.django_db
TOKEN, REFRESH = "/api/v1/auth/token", "/api/v1/auth/token/refresh"
REVOKE, ME = "/api/v1/auth/token/revoke", "/api/v1/users/me"


def sign_in(guest: Api, user: User) -> dict[str, Any]:
    answer = guest.post(TOKEN, {"email": user.email.upper(), "password": PASSWORD})
    assert answer.status == 200
    found: dict[str, Any] = answer.body
    return found


def ask(access: str) -> Answer:
    return Api().get(ME, Authorization=f"Bearer {access}")


def forged(access: str, key: Any = b"", **changes: Any) -> str:
    claims = jwt.decode(access, options={"verify_signature": False}) | changes
    head = {"kid": jwt.get_unverified_header(access)["kid"]}
    return jwt.encode(claims, key or tokens._key(), algorithm="HS256", headers=head)


def test_password_is_exchanged_for_tokens(guest: Api, user: User) -> None:
    pair = sign_in(guest, user)

    assert (pair["expires_in"], pair["token_type"]) == (900, "Bearer")
    assert ask(pair["access"]).body["email"] == user.email


def test_wrong_password_and_unknown_address_are_told_alike(
    guest: Api, user: User
) -> None:
    bodies = [
        {"email": user.email, "password": "wrong"},
        {"email": "nobody@example.com", "password": "wrong"},
    ]

    answers = [guest.post(TOKEN, body) for body in bodies]

    assert [(answer.status, answer.code) for answer in answers] == [
        (401, "authentication_failed")
    ] * 2
    assert answers[0].body["detail"] == answers[1].body["detail"]
    assert not Session.objects.exists()


def test_inactive_users_cannot_sign_in(guest: Api) -> None:
    user = UserFactory.create(is_active=False)

    answer = guest.post(TOKEN, {"email": user.email, "password": PASSWORD})

    assert answer.status == 401


def test_guessing_is_slowed_down(guest: Api, user: User) -> None:
    wrong = {"email": user.email, "password": "wrong"}
    answers = [guest.post(TOKEN, wrong) for _ in range(12)]

    assert (answers[-1].status, answers[-1].code) == (429, "rate_limited")
    assert answers[-1].header("Retry-After") == "60"


def test_refresh_gives_a_new_pair(guest: Api, user: User) -> None:
    first = sign_in(guest, user)

    second = guest.post(REFRESH, {"refresh": first["refresh"]}).body

    assert second["refresh"] != first["refresh"]
    assert ask(second["access"]).status == 200


def test_lost_reply_to_a_refresh_can_be_asked_for_again(guest: Api, user: User) -> None:
    first = sign_in(guest, user)
    lost = guest.post(REFRESH, {"refresh": first["refresh"]}).body

    again = guest.post(REFRESH, {"refresh": first["refresh"]})

    assert again.status == 200
    for pair in (lost, again.body):
        assert guest.post(REFRESH, {"refresh": pair["refresh"]}).status == 200


def test_stolen_refresh_token_ends_the_whole_sign_in(guest: Api, user: User) -> None:
    stolen = sign_in(guest, user)
    owner = guest.post(REFRESH, {"refresh": stolen["refresh"]}).body
    owner = guest.post(REFRESH, {"refresh": owner["refresh"]}).body

    thief = guest.post(REFRESH, {"refresh": stolen["refresh"]})

    assert (thief.status, thief.code) == (401, "authentication_failed")
    assert guest.post(REFRESH, {"refresh": owner["refresh"]}).status == 401
    assert ask(owner["access"]).status == 401
    assert not Session.objects.exists()


def test_refresh_after_the_grace_is_theft(guest: Api, user: User) -> None:
    first = sign_in(guest, user)
    guest.post(REFRESH, {"refresh": first["refresh"]})
    session = Session.objects.get()
    state = session.get_decoded()
    session.session_data = Session.objects.encode(state | {"rotated": 0})
    session.save()

    assert guest.post(REFRESH, {"refresh": first["refresh"]}).status == 401
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_refresh_token_used_at_once_gives_one_successor() -> None:
    pair = tokens.sign_in(UserFactory.create())

    results = run_together(lambda _: tokens.refresh(pair.refresh), times=10)

    numbers = {
        jwt.decode(result.refresh, options={"verify_signature": False})["num"]
        for result in results
        if isinstance(result, tokens.TokenPair)
    }
    assert numbers == {1}


def test_signing_out_ends_access_at_once(guest: Api, user: User) -> None:
    pair = sign_in(guest, user)

    assert guest.post(REVOKE, {"refresh": pair["refresh"]}).status == 204
    assert guest.post(REVOKE, {"refresh": pair["refresh"]}).status == 204
    assert guest.post(REVOKE, {"refresh": "nonsense"}).status == 204

    assert ask(pair["access"]).status == 401
    assert guest.post(REFRESH, {"refresh": pair["refresh"]}).status == 401


def test_signing_out_one_device_leaves_the_other(guest: Api, user: User) -> None:
    phone, tablet = sign_in(guest, user), sign_in(guest, user)

    guest.post(REVOKE, {"refresh": phone["refresh"]})

    assert ask(tablet["access"]).status == 200


@pytest.mark.parametrize("change", ["password", "token_version", "is_active", "expiry"])
def test_access_ends_with(change: str, guest: Api, user: User) -> None:
    pair = sign_in(guest, user)
    if change == "password":
        user.set_password("another horse battery")
    elif change == "token_version":
        user.token_version += 1
    elif change == "is_active":
        user.is_active = False
    else:
        Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    user.save()

    answer = ask(pair["access"])

    assert (answer.status, answer.code) == (401, "authentication_failed")
    assert guest.post(REFRESH, {"refresh": pair["refresh"]}).status == 401


def test_forged_tokens_are_refused(guest: Api, user: User) -> None:
    pair = sign_in(guest, user)
    access = pair["access"]
    other = UserFactory.create()
    head, body, signature = access.split(".")
    past = timezone.now() - timedelta(seconds=1)
    bad = [
        "",
        "x",
        "a.b.c",
        "é",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[::-1]}",
        jwt.encode(jwt.decode(access, options={"verify_signature": False}), "", "none"),
        forged(access, b"another key that is long enough"),
        forged(access, exp=past),
        forged(access, aud="elsewhere"),
        forged(access, iss="elsewhere"),
        forged(access, sub=str(other.pk)),
        forged(access, sub="1e3"),
        forged(access, sub=str(10**30)),
        forged(access, sid="x"),
        forged(access, sid=7),
        forged(access, ver="x"),
        forged(access, typ="refresh"),
        pair["refresh"],
    ]

    for token in bad:
        answer = ask(token)
        assert (answer.status, answer.code) == (401, "authentication_failed"), token
        assert answer.header("WWW-Authenticate") == 'Bearer realm="api"'
    assert guest.post(REFRESH, {"refresh": access}).status == 401


def test_session_of_the_browser_works_with_csrf_only(user: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user, "accounts.backends.PasswordBackend")

    seen = browser.get(ME)
    refused = browser.patch(ME, {"name": "x"}, "application/json")
    page = browser.get("/api/docs").cookies["csrftoken"].value
    done = browser.patch(
        ME, {"name": "x"}, "application/json", headers={"X-CSRFToken": page}
    )

    assert seen.json()["email"] == user.email
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert refused["Content-Type"] == "application/problem+json"
    assert (done.status_code, done.json()["name"]) == (200, "x")


def test_bad_token_is_not_made_good_by_a_session(user: User) -> None:
    browser = Client()
    browser.force_login(user, "accounts.backends.PasswordBackend")

    answer = browser.get(ME, headers={"Authorization": "Bearer x"})

    assert answer.status_code == 401


def test_refresh_token_cannot_be_used_as_a_session_cookie(user: User) -> None:
    pair = tokens.sign_in(user)
    claims = jwt.decode(pair.refresh, options={"verify_signature": False})
    browser = Client()
    browser.cookies["sessionid"] = claims["sid"]

    assert browser.get(ME).status_code == 401


def test_guest_brings_the_cart_along(guest: Api, user: User) -> None:
    product = ProductFactory.create()
    item = {"product_id": product.pk, "quantity": 2}
    token = guest.post("/api/v1/cart/items", item).header("X-Cart-Token")

    answer = guest.post(
        TOKEN, {"email": user.email, "password": PASSWORD}, X_Cart_Token=token
    )

    assert answer.status == 200
    assert CartItem.objects.get().cart_id == carts.of_user(user.pk).pk


def test_registering_makes_a_shopper_who_gets_a_letter(guest: Api) -> None:
    body = {"email": "Min-Ji@Example.com", "password": PASSWORD, "name": "Min-ji"}

    answer = guest.post("/api/v1/auth/register", body)

    assert answer.status == 201
    assert answer.body == {"email": "min-ji@example.com", "name": "Min-ji"}
    user = User.objects.get()
    assert (user.email, user.name, user.is_staff) == (
        "min-ji@example.com",
        "Min-ji",
        False,
    )
    assert [letter.to for letter in mail.outbox] == [["min-ji@example.com"]]
    assert sign_in(guest, user)["access"]


def test_registering_needs_no_mail_server(guest: Api, settings: Settings) -> None:
    body = {"email": "newcomer@example.com", "password": "paper and seal 7"}
    usual = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens

    answer = guest.post("/api/v1/auth/register", body)

    assert answer.status == 201, answer.body
    assert User.objects.filter(email=body["email"]).exists()
    settings.EMAIL_BACKEND = usual
    guest.post("/api/v1/auth/verify-email/resend", {"email": body["email"]})
    assert [letter.to for letter in mail.outbox] == [[body["email"]]]


def test_known_address_gets_the_same_answer_and_another_letter(
    guest: Api, user: User
) -> None:
    new = guest.post(
        "/api/v1/auth/register", {"email": "new@example.com", "password": PASSWORD}
    )
    known = guest.post(
        "/api/v1/auth/register", {"email": user.email, "password": PASSWORD}
    )

    assert (known.status, set(known.body)) == (new.status, set(new.body))
    assert User.objects.count() == 2
    assert user.check_password(PASSWORD)
    first, second = mail.outbox
    assert "already" in str(second.body)
    assert first.subject != second.subject


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "x", "password": PASSWORD}, "#/email"),
        ({"email": "x@example.com", "password": "short"}, "#/password"),
        ({"email": "x@example.com", "password": "password1234"}, "#/password"),
        ({"email": "x@example.com"}, "#/password"),
        ({"email": ["x@example.com"], "password": PASSWORD}, "#/email"),
        ({"email": "x@example.com", "password": 1}, "#/password"),
    ],
)
def test_poor_registrations_are_refused(
    guest: Api, body: dict[str, Any], pointer: str
) -> None:
    answer = guest.post("/api/v1/auth/register", body)

    assert (answer.status, set(answer.pointers)) == (400, {pointer})
    assert not User.objects.exists()
    assert not mail.outbox


def test_nobody_registers_as_staff(guest: Api) -> None:
    guest.post(
        "/api/v1/auth/register",
        {
            "email": "x@example.com",
            "password": PASSWORD,
            "is_staff": True,
            "is_superuser": True,
            "role": "admin",
        },
    )

    user = User.objects.get()
    assert not user.is_staff
    assert not user.is_superuser


def test_tokens_of_the_headless_flows_open_the_api_until_signed_out(
    user: User, client: Client
) -> None:
    headless = "/_allauth/app/v1/auth"
    answer = client.post(
        f"{headless}/login",
        {"email": user.email, "password": PASSWORD},
        content_type="application/json",
    )
    meta = answer.json()["meta"]
    assert ask(meta["access_token"]).body["email"] == user.email

    client.delete(
        f"{headless}/session", headers={"X-Session-Token": meta["session_token"]}
    )

    assert ask(meta["access_token"]).status == 401
