"""Signing in with the account of another service, on pages and in apps."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core import mail
from django.core.cache import cache
from django.test import Client, override_settings

from accounts.models import User
from tests.api.client import Answer, Api
from tests.factories import PASSWORD, UserFactory
from tests.identity import KID, IdentityServer, Person, services, walk_through

pytestmark = pytest.mark.django_db
SERVICES = ["google", "kakao", "yandex"]
# Yandex says nothing about proofs; only addresses of its own count.
EMAILS = {"google": "min-ji@example.com", "kakao": "min-ji@example.com"}


@pytest.fixture
def server() -> Iterator[IdentityServer]:
    with IdentityServer() as server, services(server):
        yield server


def person(name: str, *, is_proved: bool = True) -> Person:
    email = EMAILS.get(name, "min-ji@yandex.ru" if is_proved else "min-ji@example.com")
    return Person(email=email, is_proved=is_proved)


def show(server: IdentityServer, name: str, api: Api, **more: str) -> Answer:
    """Sign in with the token that the service's library gives to an app."""
    token = (
        {"id_token": server.id_token()}
        if name == "google"
        else {"access_token": server.access_token()}
    )
    return api.post(f"/api/v1/auth/social/{name}", token | more)


def proved(user: User) -> User:
    EmailAddress.objects.create(
        user=user, email=user.email, verified=True, primary=True
    )
    return user


def me(answer: Answer) -> dict[str, Any]:
    bearer = f"Bearer {answer.body['access']}"
    found: dict[str, Any] = Api().get("/api/v1/users/me", Authorization=bearer).body
    return found


def reheaded(token: str, algorithm: str) -> str:
    """Say that a token is signed by another algorithm."""
    head = json.dumps({"alg": algorithm, "kid": KID}).encode()
    first = base64.urlsafe_b64encode(head).decode().rstrip("=")
    return ".".join([first, *token.split(".")[1:]])


# --- Off ------------------------------------------------------------------------------


def test_nothing_is_shown_of_services_that_are_off(client: Client, guest: Api) -> None:
    assert b"Continue with" not in client.get("/accounts/login/").content
    assert guest.get("/api/v1/auth/social").body == {"items": []}
    for name in SERVICES:
        assert client.post(f"/accounts/{name}/login/").status_code == 404
        answer = guest.post(f"/api/v1/auth/social/{name}", {"id_token": "x"})
        assert (answer.status, answer.code) == (404, "service_not_offered")


def test_kakao_is_not_for_apps_without_its_number(
    server: IdentityServer, guest: Api
) -> None:
    with override_settings(KAKAO_APP_ID=0):
        listed = guest.get("/api/v1/auth/social").body["items"]

        assert show(server, "kakao", guest).code == "service_not_offered"
    assert [item["service"] for item in listed] == ["google", "yandex"]


# --- Pages ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["login", "signup"])
def test_pages_show_a_button_for_each_service(
    path: str, server: IdentityServer, client: Client
) -> None:
    page = client.get(f"/accounts/{path}/").content.decode()

    for title in ("Google", "Kakao", "Yandex"):
        assert f"Continue with {title}" in page


@pytest.mark.parametrize("name", SERVICES)
def test_newcomer_is_signed_up_and_in(
    name: str, server: IdentityServer, client: Client
) -> None:
    server.person = person(name)

    answer = walk_through(client, server, name)

    user = User.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert (user.email, user.name) == (server.person.email, "Min-ji Kim")
    assert not user.has_usable_password()
    assert client.get("/account/").status_code == 200
    assert EmailAddress.objects.get().verified
    assert not mail.outbox


@pytest.mark.parametrize("name", SERVICES)
def test_proved_address_opens_the_account_that_has_it(
    name: str, server: IdentityServer, client: Client
) -> None:
    server.person = person(name)
    user = proved(UserFactory.create(email=server.person.email))

    walk_through(client, server, name)

    assert SocialAccount.objects.get().user == user
    assert client.get("/account/").status_code == 200
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize("name", SERVICES)
def test_address_that_is_not_proved_opens_nothing(
    name: str, server: IdentityServer, client: Client
) -> None:
    server.person = person(name, is_proved=False)
    user = proved(UserFactory.create(email=server.person.email))

    walk_through(client, server, name)

    assert not SocialAccount.objects.exists()
    assert client.get("/account/").status_code == 302
    assert [letter.to for letter in mail.outbox] == [[user.email]]
    assert "already" in mail.outbox[0].subject


def test_who_took_an_address_before_its_owner_came_is_out(
    server: IdentityServer, client: Client
) -> None:
    thief = UserFactory.create(email=server.person.email)
    EmailAddress.objects.create(user=thief, email=thief.email, primary=True)
    stolen = Client()
    stolen.force_login(thief, "accounts.backends.PasswordBackend")
    assert stolen.get("/account/").status_code == 200

    walk_through(client, server, "google")

    assert client.get("/account/").status_code == 200
    assert stolen.get("/account/").status_code == 302
    thief.refresh_from_db()
    assert not thief.has_usable_password()


def test_without_an_address_it_is_asked_for(
    server: IdentityServer, client: Client
) -> None:
    server.person = Person(email="")

    page = client.get(walk_through(client, server, "kakao")["Location"])

    assert "Where may we write to" in page.content.decode()
    assert not User.objects.exists()


@pytest.mark.parametrize("fault", ["code", "state", "secret"])
def test_broken_way_back_signs_nobody_in(
    fault: str, server: IdentityServer, client: Client
) -> None:
    if fault == "state":
        answer = client.get("/accounts/google/login/callback/?code=x&state=y")
    else:
        server.fail_next(status=401 if fault == "secret" else 400, path="/token")
        answer = walk_through(client, server, "google")

    assert answer.status_code == 401
    assert "did not tell us who you are" in answer.content.decode()
    assert not User.objects.exists()


# --- Apps -----------------------------------------------------------------------------


def test_apps_learn_what_each_service_takes(server: IdentityServer, guest: Api) -> None:
    items = guest.get("/api/v1/auth/social").body["items"]

    assert [(item["service"], item["takes"]) for item in items] == [
        ("google", "id_token"),
        ("kakao", "access_token"),
        ("yandex", "access_token"),
    ]


@pytest.mark.parametrize("name", SERVICES)
def test_token_of_a_service_is_exchanged_for_ours(
    name: str, server: IdentityServer, guest: Api
) -> None:
    server.person = person(name)

    first, second = show(server, name, guest), show(server, name, guest)

    assert (first.status, second.status) == (200, 200)
    assert me(first)["email"] == me(second)["email"] == server.person.email
    assert User.objects.count() == SocialAccount.objects.count() == 1


@pytest.mark.parametrize("name", SERVICES)
def test_app_opens_no_account_by_an_address_that_is_not_proved(
    name: str, server: IdentityServer, guest: Api
) -> None:
    server.person = person(name, is_proved=False)
    user = proved(UserFactory.create(email=server.person.email))

    known = show(server, name, guest)
    cache.clear()
    server.person = Person(uid="2", email="new@example.com", is_proved=False)
    new = show(server, name, guest)

    for answer in (known, new):
        assert (answer.status, answer.code) == (403, "email_not_verified")
    assert known.body["detail"] == new.body["detail"]
    assert not SocialAccount.objects.filter(user=user).exists()
    assert [letter.to for letter in mail.outbox] == [[user.email], ["new@example.com"]]


def test_proved_address_opens_the_account_in_an_app(
    server: IdentityServer, guest: Api
) -> None:
    user = proved(UserFactory.create(email=server.person.email))

    assert me(show(server, "google", guest))["id"] == user.pk


def test_blocked_people_stay_out(server: IdentityServer, guest: Api) -> None:
    user = proved(UserFactory.create(email=server.person.email))
    show(server, "google", guest)
    user.is_active = False
    user.save()

    assert show(server, "google", guest).status == 401


@pytest.mark.parametrize("name", ["kakao", "yandex"])
def test_token_made_for_another_app_opens_nothing(
    name: str, server: IdentityServer, guest: Api
) -> None:
    server.person = person(name)
    body = {"access_token": server.access_token(app="somebody else's")}

    answer = guest.post(f"/api/v1/auth/social/{name}", body)

    assert (answer.status, answer.code) == (400, "service_token_invalid")
    assert not User.objects.exists()


def test_forged_id_tokens_open_nothing(server: IdentityServer, guest: Api) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    head, body, _signature = server.id_token().split(".")
    bad = [
        "x",
        f"{head}.{body}.",
        server.id_token(key=other),
        server.id_token(aud="somebody-else"),
        server.id_token(iss="https://evil.example"),
        server.id_token(exp=1),
        server.id_token(head={"kid": "unknown"}),
        *(reheaded(server.id_token(), alg) for alg in ("HS256", "none", "RS512")),
    ]

    for token in bad:
        answer = guest.post("/api/v1/auth/social/google", {"id_token": token})
        assert (answer.status, answer.code) == (400, "service_token_invalid"), token
    assert not User.objects.exists()


@pytest.mark.parametrize("name", SERVICES)
def test_service_that_is_away_is_told_as_such(
    name: str, server: IdentityServer, guest: Api
) -> None:
    server.fail_next(status=503, times=2)

    answer = show(server, name, guest)

    assert (answer.status, answer.code) == (503, "service_away")


def test_second_step_is_asked_for_here_too(server: IdentityServer, guest: Api) -> None:
    user = proved(UserFactory.create(email=server.person.email))
    TOTP.activate(user, generate_totp_secret())

    answer = show(server, "google", guest)

    assert (answer.status, answer.code) == (403, "second_step_needed")


def test_token_that_is_missing_is_named(server: IdentityServer, guest: Api) -> None:
    answer = guest.post("/api/v1/auth/social/google", {"access_token": "x"})

    assert (answer.status, answer.pointers) == (400, ["#/id_token"])
