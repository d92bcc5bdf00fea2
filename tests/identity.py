"""A local server that plays the services one can sign in with.

It speaks their protocol: authorise, exchange the code, tell who it is, publish keys.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from allauth.socialaccount.providers.google import views as google
from allauth.socialaccount.providers.kakao.views import KakaoOAuth2Adapter
from allauth.socialaccount.providers.yandex.views import YandexOAuth2Adapter
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client, override_settings

from api.v1 import social
from config import sign_in
from tests.servers import Answer, Call, LocalServer, dispatch

CLIENT_ID, SECRET = "our-client", "our-secret"
KAKAO_APP = 4711
KID = "key-1"


@dataclass
class Person:
    """Somebody with an account over there."""

    uid: str = "1001"
    email: str = "min-ji@example.com"
    is_proved: bool = True
    name: str = "Min-ji Kim"


@dataclass(eq=False)
class IdentityServer(LocalServer):
    """Google under ``/google``, Kakao under ``/kakao``, Yandex under ``/yandex``."""

    person: Person = field(default_factory=Person)
    # By code: what was asked for with it.
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    # Access tokens, by the app that they were made for.
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        LocalServer.__init__(self)

    def answer(self, call: Call) -> Answer:
        routes: dict[str, Callable[..., Answer]] = {
            r"GET (\w+)/authorize": lambda name: self._authorize(name, call),
            r"POST (\w+)/token": lambda name: self._token(name, call.form()),
            r"GET google/certs": lambda: Answer(body={KID: certificate()}),
            r"GET kakao/token-info": lambda: self._about_token(call),
            r"GET (\w+)/userinfo": lambda name: self._userinfo(name, call),
        }
        return dispatch(call, routes) or Answer(404)

    def id_token(self, key: Any = None, head: Any = None, **changes: Any) -> str:
        """Make what Google's library gives to an app."""
        now = int(time.time())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": CLIENT_ID,
            "sub": self.person.uid,
            "email": self.person.email,
            "email_verified": self.person.is_proved,
            "given_name": self.person.name,
            "iat": now,
            "exp": now + 3600,
        }
        return jwt.encode(
            claims | changes,
            key or private_key(),
            algorithm="RS256",
            headers={"kid": KID} | (head or {}),
        )

    def access_token(self, app: str = CLIENT_ID) -> str:
        """Make what the library of Kakao or Yandex gives to an app."""
        token = f"access-{len(self.tokens)}"
        self.tokens[token] = app
        return token

    def _authorize(self, name: str, call: Call) -> Answer:
        asked = {key: values[0] for key, values in call.query.items()}
        assert asked["client_id"] == CLIENT_ID
        code = f"{name}-code-{len(self.codes)}"
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return Answer(302, b"", {"Location": f"{asked['redirect_uri']}?{back}"})

    def _token(self, name: str, form: dict[str, str]) -> Answer:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return Answer(400, {"error": "invalid_grant"})
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, SECRET):
            return Answer(401, {"error": "invalid_client"})
        if "code_challenge" in asked:
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            if challenge != asked["code_challenge"]:
                return Answer(400, {"error": "invalid_grant"})
        body = {"access_token": self.access_token(), "token_type": "Bearer"}
        return Answer(
            body=body | ({"id_token": self.id_token()} if name == "google" else {})
        )

    def _about_token(self, call: Call) -> Answer:
        app = self.tokens.get(call.headers["authorization"].split()[1])
        if app is None:
            return Answer(401, {"code": -401})
        is_ours = app == CLIENT_ID
        return Answer(body={"id": 1, "app_id": KAKAO_APP if is_ours else 1})

    def _userinfo(self, name: str, call: Call) -> Answer:
        app = self.tokens.get(call.headers["authorization"].split()[1])
        if app is None:
            return Answer(401, {"code": -401})
        one = self.person
        if name == "kakao":
            account = {
                "email": one.email,
                "is_email_verified": one.is_proved,
                "profile": {"nickname": one.name},
            }
            if not one.email:
                del account["email"]
            return Answer(body={"id": int(one.uid), "kakao_account": account})
        return Answer(
            body={
                "id": one.uid,
                "default_email": one.email,
                "first_name": one.name,
                "client_id": app,
            }
        )


@contextmanager
def services(server: IdentityServer) -> Iterator[None]:
    """Switch all three on, and lead them to the local server."""
    url = server.url
    on = {name: sign_in.provider(name, CLIENT_ID, SECRET) for name in sign_in.PROVIDERS}
    kakao, yandex = KakaoOAuth2Adapter, YandexOAuth2Adapter
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(google, "CERTS_URL", f"{url}/google/certs")
        patch.setattr(social, "KAKAO_TOKEN_URL", f"{url}/kakao/token-info")
        for name, adapter, who in (
            ("google", google.GoogleOAuth2Adapter, "identity_url"),
            ("kakao", kakao, "profile_url"),
            ("yandex", yandex, "profile_url"),
        ):
            patch.setattr(adapter, "authorize_url", f"{url}/{name}/authorize")
            patch.setattr(adapter, "access_token_url", f"{url}/{name}/token")
            patch.setattr(adapter, who, f"{url}/{name}/userinfo")
        with override_settings(SOCIALACCOUNT_PROVIDERS=on, KAKAO_APP_ID=KAKAO_APP):
            yield


def walk_through(client: Client, server: IdentityServer, name: str) -> Any:
    """Do as a browser does that presses the button of a service."""
    leave = client.post(f"/accounts/{name}/login/")
    assert leave.status_code == 302, leave.content
    parts = urlsplit(leave["Location"])
    call = Call("GET", parts.path, parse_qs(parts.query), {}, b"")
    back = urlsplit(server.answer(call).headers["Location"])
    return client.get(f"{back.path}?{back.query}")


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate() -> str:
    """Return the key as Google publishes it."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "local")])
    now = datetime.now(tz=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key().public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(private_key(), hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def claims_of(token: str) -> dict[str, Any]:
    """Read a token without believing it."""
    body = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=="))
    return found
