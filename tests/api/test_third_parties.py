"""Third parties act for shoppers: with a code, PKCE, and within what was allowed."""

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.idp.oidc.models import Client as ThirdParty
from allauth.idp.oidc.models import Token
from django.conf import settings
from django.contrib.auth.models import Permission
from django.test import Client, override_settings

from accounts import devices
from accounts.models import User
from accounts.scopes import SCOPES
from api.scopes import NEEDED
from api.v1.urls import urlpatterns
from tests.api.client import Answer, Api
from tests.concurrency import run_together
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db
BACK = "https://app.example/back"
VERIFIER = "a-verifier-that-is-long-enough-for-everybody-who-asks"
SECRET = "a secret"
BACKEND = "accounts.backends.PasswordBackend"


def challenge(verifier: str = VERIFIER) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@pytest.fixture
def party() -> ThirdParty:
    made = ThirdParty(name="Budget", type=ThirdParty.Type.PUBLIC)
    made.set_scopes(list(SCOPES))
    made.set_redirect_uris([BACK])
    made.set_grant_types(["authorization_code", "refresh_token"])
    made.save()
    return made


def asking(party: ThirdParty, **changes: str) -> dict[str, str]:
    return {
        "client_id": party.id,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "openid orders.read",
        "state": "st",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
    } | changes


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user, BACKEND)
    return client


def allow(user: User, party: ThirdParty, scope: str = "openid orders.read") -> str:
    """Go through the page as a shopper does; return the code."""
    client = browser(user)
    page = client.get("/identity/o/authorize", asking(party, scope=scope))
    found = re.search(r'name="request" value="([^"]+)"', page.content.decode())
    assert found is not None, page.content
    form = {"request": found[1], "scopes": scope.split(), "action": "grant"}
    answer = client.post("/identity/o/authorize", form)
    assert answer.status_code == 302, answer.content
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query["state"] == ["st"]
    return query["code"][0]


def exchange(party: ThirdParty, code: str, verifier: str = VERIFIER) -> Any:
    form = {
        "grant_type": "authorization_code",
        "client_id": party.id,
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": verifier,
    }
    return Client().post("/identity/o/api/token", form)


def renew(party: ThirdParty, refresh: str) -> Any:
    form = {
        "grant_type": "refresh_token",
        "client_id": party.id,
        "refresh_token": refresh,
    }
    return Client().post("/identity/o/api/token", form)


def pair(user: User, party: ThirdParty, scope: str) -> dict[str, str]:
    answer = exchange(party, allow(user, party, scope))
    assert answer.status_code == 200, answer.content
    found: dict[str, str] = answer.json()
    return found


def ask(access: str, path: str, method: str = "GET", body: Any = None) -> Answer:
    return Api().send(method, path, body, Authorization=f"Bearer {access}")


# --- The description ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openid-configuration", "oauth-authorization-server"])
def test_description_names_the_shop_whoever_asks(name: str) -> None:
    told = Client().get(f"/.well-known/{name}", headers={"Host": "evil.example"}).json()

    home = settings.SHOP_BASE_URL
    assert told["issuer"] == home
    assert told["authorization_endpoint"] == f"{home}/identity/o/authorize"
    assert told["token_endpoint"] == f"{home}/identity/o/api/token"
    assert told["revocation_endpoint"] == f"{home}/identity/o/api/revoke"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["response_types_supported"] == ["code"]
    assert told["scopes_supported"] == list(SCOPES)
    assert "evil" not in str(told)


def test_each_scope_is_one_that_is_described_and_each_address_exists() -> None:
    assert set(NEEDED.values()) <= set(SCOPES)
    routes = {str(pattern.pattern) for pattern in urlpatterns}
    assert {name.split()[1] for name in NEEDED} <= routes


# --- Asking ---------------------------------------------------------------------------


def test_shopper_is_asked_in_words(user: User, party: ThirdParty) -> None:
    page = browser(user).get("/identity/o/authorize", asking(party))

    text = page.content.decode()
    assert page.status_code == 200
    assert "Budget" in text
    assert "See your orders, parcels and payments" in text
    assert "https://app.example" in page["Content-Security-Policy"]


def test_nobody_is_asked_before_signing_in(party: ThirdParty) -> None:
    answer = Client().get("/identity/o/authorize", asking(party))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": ""},
        {"response_type": "token"},
        {"response_type": "code id_token"},
        {"redirect_uri": "https://evil.example/back"},
        {"redirect_uri": BACK + "/more"},
        {"client_id": "unknown"},
        {"prompt": "none"},
    ],
    ids=str,
)
def test_what_is_not_offered_is_refused_on_the_spot(
    changes: dict[str, str], user: User, party: ThirdParty
) -> None:
    answer = browser(user).get("/identity/o/authorize", asking(party, **changes))

    assert answer.status_code == 400
    assert "evil.example" not in answer["Content-Security-Policy"]
    assert not Token.objects.exists()


def test_scope_beyond_the_party_goes_back_as_an_error(
    user: User, party: ThirdParty
) -> None:
    asked = asking(party, scope="openid everything")
    answer = browser(user).get("/identity/o/authorize", asked)

    assert answer["Location"].startswith(f"{BACK}?error=invalid_scope")


def test_shopper_may_say_no(user: User, party: ThirdParty) -> None:
    client = browser(user)
    page = client.get("/identity/o/authorize", asking(party)).content.decode()
    found = re.search(r'name="request" value="([^"]+)"', page)
    assert found is not None

    form = {"request": found[1], "action": "cancel"}
    answer = client.post("/identity/o/authorize", form)

    assert answer["Location"] == f"{BACK}?error=access_denied&state=st"


# --- Tokens ---------------------------------------------------------------------------


def test_code_is_exchanged_once_and_with_its_verifier(
    user: User, party: ThirdParty
) -> None:
    code, other = allow(user, party), allow(user, party)

    wrong = exchange(
        party, other, verifier="another-verifier-that-is-just-as-long-as-it"
    )
    spoiled = exchange(party, other)
    first, second = exchange(party, code), exchange(party, code)

    for answer in (wrong, spoiled, second):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    body = first.json()
    assert "no-store" in first["Cache-Control"]
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    claims = jwt.decode(body["id_token"], options={"verify_signature": False})
    assert (claims["iss"], claims["aud"]) == (settings.SHOP_BASE_URL, party.id)
    assert claims["sub"] == str(user.pk)


@pytest.mark.django_db(transaction=True)
def test_race_of_one_code_gives_one_pair(party: ThirdParty) -> None:
    code = allow(UserFactory.create(), party)

    answers = run_together(lambda _: exchange(party, code).status_code, times=10)

    assert sorted(map(str, answers)) == ["200"] + ["400"] * 9


@pytest.mark.django_db(transaction=True)
def test_race_of_one_refresh_token_gives_one_pair(party: ThirdParty) -> None:
    refresh = pair(UserFactory.create(), party, "orders.read")["refresh_token"]

    answers = run_together(lambda _: renew(party, refresh).status_code, times=10)

    assert sorted(map(str, answers)) == ["200"] + ["400"] * 9


def test_refresh_token_works_once(user: User, party: ThirdParty) -> None:
    first = pair(user, party, "orders.read")

    second = renew(party, first["refresh_token"])

    assert ask(second.json()["access_token"], "/api/v1/orders").status == 200
    assert renew(party, first["refresh_token"]).status_code == 400


def test_party_gives_tokens_back(user: User, party: ThirdParty) -> None:
    access = pair(user, party, "orders.read")["access_token"]
    assert ask(access, "/api/v1/orders").status == 200

    form = {"token": access, "client_id": party.id}
    assert Client().post("/identity/o/api/revoke", form).status_code == 200

    assert ask(access, "/api/v1/orders").status == 401


@pytest.mark.parametrize("end", ["sign out", "deactivate", "expire"])
def test_access_ends_with_that_of_the_shopper(
    end: str, user: User, party: ThirdParty
) -> None:
    tokens = pair(user, party, "orders.read")
    if end == "sign out":
        devices.end_others(user_id=user.pk, keep="")
    elif end == "deactivate":
        user.is_active = False
        user.save()
    else:
        Token.objects.update(expires_at="2020-01-01T00:00:00Z")

    assert ask(tokens["access_token"], "/api/v1/orders").status == 401
    assert renew(party, tokens["refresh_token"]).status_code == 400


# --- Scopes ---------------------------------------------------------------------------


def test_token_works_within_its_scopes_only(user: User, party: ThirdParty) -> None:
    access = pair(user, party, "orders.read")["access_token"]

    assert ask(access, "/api/v1/orders").status == 200
    for method, path in (
        ("GET", "/api/v1/points"),
        ("GET", "/api/v1/cart"),
        ("GET", "/api/v1/users/me"),
        ("POST", "/api/v1/orders"),
        ("POST", "/api/v1/pay"),
        ("GET", "/api/v1/auth/sessions"),
        ("POST", "/api/v1/auth/password/change"),
        ("GET", "/api/v1/users/me/export"),
        ("DELETE", "/api/v1/users/me"),
        ("GET", f"/api/v1/users/{user.pk}/orders"),
        ("GET", "/api/orders"),
    ):
        answer = ask(access, path, method, {} if method != "GET" else None)
        assert (answer.status, answer.code) == (403, "insufficient_scope"), path


def test_everything_else_is_denied_even_with_every_scope(
    user: User, party: ThirdParty
) -> None:
    access = pair(user, party, " ".join(SCOPES))["access_token"]

    assert ask(access, "/api/v1/users/me").body["email"] == user.email
    for method, path in (
        ("POST", "/api/v1/points/charge"),
        ("POST", "/api/v1/points/use"),
        ("GET", "/api/v1/auth/sessions"),
        ("PATCH", "/api/v1/users/me"),
        ("DELETE", "/api/v1/users/me"),
        ("POST", "/api/v1/auth/sessions/revoke-others"),
    ):
        answer = ask(access, path, method, {} if method != "GET" else None)
        assert answer.code == "insufficient_scope", path


def test_nobody_acts_for_people_with_powers(party: ThirdParty) -> None:
    robot = UserFactory.create()
    robot.user_permissions.add(Permission.objects.get(codename="act_for_any"))

    for user in (StaffFactory.create(), robot):
        access = pair(user, party, "orders.read")["access_token"]
        assert ask(access, "/api/v1/orders").code == "insufficient_scope"


def test_token_of_a_party_is_no_sign_in(user: User, party: ThirdParty) -> None:
    tokens = pair(user, party, "openid orders.read")

    refresh = {"refresh": tokens["refresh_token"]}
    assert Api().post("/api/v1/auth/token/refresh", refresh).status == 401
    assert ask(tokens["id_token"], "/api/v1/orders").status == 401
    assert ask(tokens["refresh_token"], "/api/v1/orders").status == 401


# --- Off ------------------------------------------------------------------------------


def test_what_the_shop_does_not_offer_is_not_there() -> None:
    for path in (
        "identity/o/device",
        "identity/o/logout",
        "identity/o/api/device/code",
    ):
        assert Client().post(f"/{path}").status_code == 404
    form = {"grant_type": "client_credentials"}
    answer = Client().post("/identity/o/api/token", form)
    assert answer.json() == {"error": "unsupported_grant_type"}


def test_production_without_a_key_has_no_third_parties(
    user: User, party: ThirdParty
) -> None:
    with override_settings(PRODUCTION=True, OIDC_PRIVATE_KEY=""):
        asked = browser(user).get("/identity/o/authorize", asking(party))

    assert asked.status_code == 404
