"""What attackers of sign-ins try, each by its name."""

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import jwt
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core import mail
from django.test import Client, override_settings

from accounts.models import User
from api import tokens
from tests.api.client import Answer, Api
from tests.concurrency import run_together
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
AUTH, ME = "/api/v1/auth", "/api/v1/users/me"
NEW = "another horse battery"
TIMES = 20
EVIL = "evil.example"
LONG_KEY = "another key that is as long as it has to be"


def ask(access: str) -> Answer:
    return Api().get(ME, Authorization=f"Bearer {access}")


def renew(refresh: str) -> Answer:
    return Api().post(f"{AUTH}/token/refresh", {"refresh": refresh})


def refused(answer: Answer) -> bool:
    return (answer.status, answer.code) == (401, "authentication_failed")


def read(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def signed(claims: dict[str, Any], **head: Any) -> str:
    """Sign anything with the right key, which only we have."""
    key = tokens._key()
    return jwt.encode(
        claims, key, algorithm="HS256", headers={"kid": tokens._name_of(key)} | head
    )


def headed(**head: Any) -> str:
    """Write the first part of a token."""
    return base64.urlsafe_b64encode(json.dumps(head).encode()).decode().rstrip("=")


# --- Tokens ---------------------------------------------------------------------------


def test_jwt_alg_none_is_refused(user: User) -> None:
    pair = tokens.sign_in(user)
    _head, body, signature = pair.access.split(".")
    for algorithm in ("none", "None", "NONE", "", None):
        head = headed(alg=algorithm, kid=tokens._name_of(tokens._key()))
        for end in ("", signature):
            assert refused(ask(f"{head}.{body}.{end}"))
            assert refused(renew(f"{head}.{body}.{end}"))


@pytest.mark.filterwarnings("ignore:The HMAC key is")
def test_jwt_signed_with_a_public_key_is_refused(user: User) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kid = {"kid": tokens._name_of(tokens._key())}
    claims = read(tokens.sign_in(user).access)
    by_rsa = jwt.encode(claims, key, algorithm="RS256", headers=kid)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # The library that we sign with refuses to do what an attacker does.
    with patch("jwt.algorithms.is_pem_format", return_value=False):
        by_public = jwt.encode(claims, public, algorithm="HS256", headers=kid)
    longer = jwt.encode(claims, tokens._key(), algorithm="HS512", headers=kid)

    for token in (by_rsa, by_public, longer):
        assert refused(ask(token))


@pytest.mark.parametrize("kid", ["unknown", "", "../../dev/null", None, 7, ["x"]])
def test_jwt_of_an_unknown_key_is_refused(kid: object, user: User) -> None:
    token = tokens.sign_in(user).access
    head, body, signature = token.split(".")

    assert refused(ask(f"{headed(alg='HS256', kid=kid)}.{body}.{signature}"))
    assert ask(f"{head}.{body}.{signature}").status == 200


def test_jwt_of_the_key_before_is_good_until_it_is_forgotten(user: User) -> None:
    old = tokens.sign_in(user)
    former = settings.HEADLESS_JWT_PRIVATE_KEY
    tokens._keys.cache_clear()
    try:
        with override_settings(
            HEADLESS_JWT_PRIVATE_KEY=LONG_KEY, JWT_KEY_FALLBACKS=[former]
        ):
            assert ask(old.access).status == 200
            assert ask(renew(old.refresh).body["access"]).status == 200
        tokens._keys.cache_clear()
        with override_settings(HEADLESS_JWT_PRIVATE_KEY=LONG_KEY):
            assert refused(ask(old.access))
    finally:
        tokens._keys.cache_clear()


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"nbf": 2**33},
        {"iat": 2**33},
        {"aud": "elsewhere"},
        {"aud": None},
        {"iss": "elsewhere"},
        {"typ": "refresh"},
        {"typ": None},
        {"sub": "0"},
        {"ver": "x"},
    ],
    ids=str,
)
def test_jwt_with_a_wrong_claim_is_refused(changes: dict[str, Any], user: User) -> None:
    pair = tokens.sign_in(user)
    assert ask(signed(read(pair.access))).status == 200

    assert refused(ask(signed(read(pair.access) | changes)))


@pytest.mark.parametrize("claim", ["exp", "iat", "sub", "sid", "typ", "aud", "iss"])
def test_jwt_without_a_claim_is_refused(claim: str, user: User) -> None:
    claims = read(tokens.sign_in(user).access)
    del claims[claim]

    assert refused(ask(signed(claims)))


def test_refresh_and_access_tokens_do_not_stand_in_for_each_other(user: User) -> None:
    pair = tokens.sign_in(user)

    assert refused(ask(pair.refresh))
    assert refused(renew(pair.access))
    assert ask(pair.access).status == renew(pair.refresh).status == 200


def deactivate(user: User) -> None:
    user.is_active = False
    user.save()


def change_password(user: User) -> None:
    api = Api(user)
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert api.post(f"{AUTH}/password/change", body).status == 204


def sign_out_everywhere(user: User) -> None:
    assert Api(user).post(f"{AUTH}/sessions/revoke-others").status == 204


def reset_password(user: User) -> None:
    body = {"token": letter(user), "password": NEW}
    assert Api().post(f"{AUTH}/password/reset/confirm", body).status == 204


@pytest.mark.parametrize(
    "change", [change_password, reset_password, sign_out_everywhere, deactivate]
)
def test_refresh_and_access_end_with(
    change: Callable[[User], None], user: User
) -> None:
    pair = tokens.sign_in(user)

    change(user)

    assert refused(ask(pair.access))
    assert refused(renew(pair.refresh))


def test_refresh_token_used_again_ends_the_family(user: User) -> None:
    first = tokens.sign_in(user).refresh
    second = renew(first).body["refresh"]
    third = renew(second).body

    assert refused(renew(first))
    assert refused(renew(third["refresh"]))
    assert refused(ask(third["access"]))


# --- Races ----------------------------------------------------------------------------


def letter(user: User) -> str:
    """Have a letter written, and return the token at the end of its link."""
    Api().post(f"{AUTH}/password/reset", {"email": user.email})
    found = re.search(r"reset/key/([^/\s]+)/", str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


def count(call: Callable[[int], Answer]) -> dict[int, int]:
    """Call twenty times at once; count the answers by status."""
    with override_settings(ACCOUNT_RATE_LIMITS=False):
        answers = run_together(call, times=TIMES)
    statuses = [answer.status for answer in answers if isinstance(answer, Answer)]
    return {status: statuses.count(status) for status in sorted(set(statuses))}


@pytest.mark.django_db(transaction=True)
def test_race_of_one_reset_token_sets_one_password() -> None:
    user = UserFactory.create()
    token = letter(user)

    def reset(number: int) -> Answer:
        body = {"token": token, "password": f"{NEW} {number}"}
        return Api().post(f"{AUTH}/password/reset/confirm", body)

    assert count(reset) == {204: 1, 400: TIMES - 1}
    user.refresh_from_db()
    works = [n for n in range(TIMES) if user.check_password(f"{NEW} {n}")]
    assert len(works) == 1


@pytest.mark.django_db(transaction=True)
def test_race_of_one_verification_token_proves_once() -> None:
    Api().post(f"{AUTH}/register", {"email": "a@example.com", "password": PASSWORD})
    found = re.search(r"confirm-email/([^/\s]+)/", str(mail.outbox[-1].body))
    assert found is not None
    body = {"token": found[1]}

    told = count(lambda _: Api().post(f"{AUTH}/verify-email", body))

    assert told == {204: 1, 410: TIMES - 1}
    assert EmailAddress.objects.filter(verified=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_race_of_one_refresh_token_has_one_successor() -> None:
    refresh = tokens.sign_in(UserFactory.create()).refresh
    with patch.object(tokens, "GRACE", timedelta(0)):
        told = count(lambda _: renew(refresh))

    # Whoever comes second is a thief, and the whole sign-in ends.
    assert told == {200: 1, 401: TIMES - 1}


@pytest.mark.django_db(transaction=True)
def test_race_of_one_code_of_the_app_signs_in_once() -> None:
    user = UserFactory.create()
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    counter = next(iter(yield_hotp_counters_from_time()))
    code = format_hotp_value(hotp_value(secret, counter))
    body = {"email": user.email, "password": PASSWORD, "code": code}

    told = count(lambda _: Api().post(f"{AUTH}/token", body))

    assert told[200] == 1
    assert set(told) <= {200, 401, 429}


# --- Which addresses have an account --------------------------------------------------

ENTRANCES: dict[str, Callable[[str], dict[str, str]]] = {
    "token": lambda email: {"email": email, "password": "wrong horse battery"},
    "register": lambda email: {"email": email, "password": NEW},
    "password/reset": lambda email: {"email": email},
    "verify-email/resend": lambda email: {"email": email},
}


def work_of(path: str, email: str) -> tuple[Any, ...]:
    """Return the answer, and the work that took time: hashing, and letters."""
    name = "django.contrib.auth.hashers.MD5PasswordHasher.encode"
    mail.outbox.clear()
    with patch(name, autospec=True, side_effect=lambda *_: "md5$x$y") as hasher:
        answer = Api().post(f"{AUTH}/{path}", ENTRANCES[path](email))
    body = dict(answer.body or {})
    body.pop("instance", None)
    body.pop("email", None)
    headers = {
        name: value
        for name, value in answer.response.headers.items()
        if name not in {"X-Request-Id", "Content-Length", "Content-Security-Policy"}
        and not name.startswith("RateLimit")
    }
    return answer.status, body, headers, hasher.call_count, len(mail.outbox)


@pytest.mark.parametrize("path", ENTRANCES)
def test_known_and_unknown_addresses_are_told_alike_after_the_same_work(
    path: str, user: User
) -> None:
    EmailAddress.objects.create(user=user, email=user.email, verified=True)

    known, unknown = work_of(path, user.email), work_of(path, "nobody@example.com")

    assert known == unknown
    assert (known[0], *known[3:]) == {
        # Two backends look at the password.
        "token": (401, 2, 0),
        "register": (201, 1, 1),
        "password/reset": (202, 0, 1),
        "verify-email/resend": (204, 0, 1),
    }[path]


def test_blocked_people_are_told_what_strangers_are(user: User) -> None:
    deactivate(user)

    assert work_of("token", user.email) == work_of("token", "nobody@example.com")


# --- Links of letters -----------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_HOST": EVIL},
        {"HTTP_HOST": f"{EVIL}:80"},
        {"HTTP_X_FORWARDED_HOST": EVIL},
        {"HTTP_X_FORWARDED_HOST": EVIL, "HTTP_X_FORWARDED_PROTO": "https"},
        {"HTTP_FORWARDED": f"host={EVIL}"},
        {"HTTP_X_ORIGINAL_HOST": EVIL, "SERVER_NAME": EVIL},
    ],
    ids=" ".join,
)
def test_host_of_a_request_gets_into_no_letter(
    headers: dict[str, Any], user: User
) -> None:
    client = Client()
    for path in ("password/reset", "verify-email/resend", "register"):
        body = ENTRANCES[path](user.email if path != "register" else "n@example.com")
        client.post(f"{AUTH}/{path}", body, "application/json", **headers)
    client.post("/accounts/password/reset/", {"email": user.email}, **headers)

    assert len(mail.outbox) == 4
    for message in mail.outbox:
        whole = str(message.message())
        assert EVIL not in whole
        assert settings.SHOP_BASE_URL in whole


def test_absolute_uri_gets_into_no_letter(user: User) -> None:
    # What a proxy that follows RFC 9112 leaves of it: a path that names a host.
    Client().post(
        f"http://{EVIL}{AUTH}/password/reset",
        {"email": user.email},
        "application/json",
    )

    assert mail.outbox
    assert EVIL not in str(mail.outbox[0].message())


@override_settings(ALLOWED_HOSTS=["shop.example"])
def test_foreign_host_is_refused_in_production(user: User) -> None:
    answer = Client().post(
        f"{AUTH}/password/reset",
        {"email": user.email},
        "application/json",
        headers={"Host": EVIL},
    )

    assert answer.status_code == 400
    assert not mail.outbox


# --- Sessions and cookies -------------------------------------------------------------


def test_session_id_is_another_after_signing_in(user: User) -> None:
    browser = Client()
    browser.session.save()
    fixed = browser.session
    fixed["planted"] = True
    fixed.save()
    browser.cookies["sessionid"] = str(fixed.session_key)
    form = {"login": user.email, "password": PASSWORD}

    answer = browser.post("/accounts/login/", form)

    assert answer.status_code == 302
    mine = browser.cookies["sessionid"].value
    assert mine != fixed.session_key
    stranger = Client()
    stranger.cookies["sessionid"] = str(fixed.session_key)
    assert stranger.get("/account/").status_code == 302


def test_session_id_that_somebody_made_up_is_not_taken(user: User) -> None:
    browser = Client()
    browser.cookies["sessionid"] = "a" * 32

    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})

    assert browser.cookies["sessionid"].value != "a" * 32


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(user: User) -> None:
    browser = Client()
    with override_settings(SESSION_COOKIE_SECURE=True, CSRF_COOKIE_SECURE=True):
        browser.get("/accounts/login/", secure=True)
        browser.post(
            "/accounts/login/",
            {"login": user.email, "password": PASSWORD},
            secure=True,
        )

    session = browser.cookies["sessionid"]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")
    assert session["secure"]
    assert browser.cookies["csrftoken"]["samesite"] == "Lax"
    assert browser.cookies["csrftoken"]["secure"]


def test_answers_about_sign_ins_are_kept_by_nobody(user: User, guest: Api) -> None:
    pair = guest.post(f"{AUTH}/token", {"email": user.email, "password": PASSWORD})
    bearer = {"Authorization": f"Bearer {pair.body['access']}"}
    answers = [
        pair,
        guest.get(f"{AUTH}/sessions", **bearer),
        guest.get(f"{AUTH}/social"),
        guest.get(f"{AUTH}/sessions"),
        guest.post(f"{AUTH}/token/refresh", {"refresh": pair.body["refresh"]}),
        guest.post(f"{AUTH}/token/revoke", {"refresh": "x"}),
        guest.post(f"{AUTH}/verify-email", {"token": "x"}),
        guest.post(f"{AUTH}/verify-email/resend", {"email": user.email}),
        guest.post(f"{AUTH}/password/reset", {"email": user.email}),
        guest.post(f"{AUTH}/password/reset/confirm", {"token": "x", "password": NEW}),
        guest.post(f"{AUTH}/register", {"email": "n@example.com", "password": NEW}),
    ]

    for answer in answers:
        assert answer.header("Cache-Control") == "no-store"
        assert not answer.response.cookies
