"""Sign-ins of mobile clients: a short access token and a rotating refresh token.

A sign-in is a row of the session store, so it expires, is cleaned up and can be ended
like a browser's. Both tokens are signed, by a key they name, and name that row. The
access token is good for minutes and is checked against the row and the user by one
statement, which makes every revocation immediate. The refresh token carries a number
that goes up with each use: one that comes back after its successor was used is a stolen
one, and ends the sign-in.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts import devices
from accounts.models import USER_FIELDS, User
from common.db import run, use_case

ALGORITHM = "HS256"
ISSUER = "dojang"
ACCESS = "access"
REFRESH = "refresh"
ACCESS_SECONDS = settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN
REFRESH_SECONDS = settings.HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN
# What PostgreSQL can compare with a user's id.
LARGEST_ID = 2**63 - 1
# A client whose reply got lost asks again with the token before.
GRACE = timedelta(seconds=10)

FIND_USER_SQL = f"""
    SELECT {", ".join(f'"user"."{name}"' for name in USER_FIELDS)}
      FROM accounts_user AS "user"
      JOIN django_session AS sign_in ON sign_in.session_key = %(session_key)s
     WHERE "user".id = %(user_id)s AND "user".is_active AND sign_in.expire_date > now()
"""  # noqa: S608 — only the model's own column names are formatted in


class TokenRefused(Exception):
    """The token is forged, expired, revoked or used twice."""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client gets at sign-in and at each refresh. ``expires_in`` is seconds."""

    access: str
    refresh: str
    expires_in: int = ACCESS_SECONDS


def sign_in(
    user: User, *, user_agent: str = "", ip: str | None = None, device: str = ""
) -> TokenPair:
    """Open a sign-in for somebody who has proved who they are, from a device.

    ``device`` is what its owner calls it.
    """
    key = SessionStore()._get_new_session_key()  # type: ignore[attr-defined]  # noqa: SLF001 — the store's own random keys
    session = Session(session_key=key)
    _save(session, {"api_user": user.pk, "stamp": _stamp(user), "number": 0})
    devices.note(
        user_id=user.pk, session_key=key, user_agent=user_agent, ip=ip, name=device
    )
    return _pair(user, key, 0)


def refresh(token: str) -> TokenPair:
    """Exchange a refresh token for a new pair; raise ``TokenRefused``.

    The token just used is taken once more for ten seconds and gives the same successor.
    """
    pair = _rotate(_decode(token, REFRESH))
    if pair is None:
        raise TokenRefused
    return pair


def revoke(token: str) -> None:
    """End the sign-in of a refresh token; a token that is void already is fine."""
    try:
        claims = _decode(token, REFRESH)
    except TokenRefused:
        return
    Session.objects.filter(session_key=claims["sid"]).delete()


@use_case
def carry_over(user: User, session_key: str) -> None:
    """Keep a sign-in over a change that ends all others; its access token ends, too.

    The refresh token gets a new pair as before.
    """
    session = _lock(session_key)
    state = session.get_decoded() if session else {}
    if session is not None and state.get("api_user") == user.pk:
        _save(session, state | {"stamp": _stamp(user)})


def find_user(token: str) -> tuple[User, str]:
    """Return whose access token this is, and the key of the sign-in.

    Takes one statement. Raises ``TokenRefused``.
    """
    claims = _decode(token, ACCESS)
    params = {"session_key": claims["sid"], "user_id": claims["sub"]}
    rows = run(FIND_USER_SQL, params).rows()
    if not rows:
        raise TokenRefused
    user: User = User.from_db("default", USER_FIELDS, rows[0])
    if not constant_time_compare(str(claims["ver"]), _stamp(user)):
        raise TokenRefused
    return user, claims["sid"]


@use_case
def _rotate(claims: dict[str, Any]) -> TokenPair | None:
    session = _lock(claims["sid"])
    state = session.get_decoded() if session else {}
    user = User.objects.filter(pk=state.get("api_user", 0), is_active=True).first()
    if session is None or user is None or state.get("stamp") != _stamp(user):
        return None
    current, used = state["number"], claims["num"]
    if used == current:
        moment = timezone.now().timestamp()
        _save(session, state | {"number": current + 1, "rotated": moment})
        devices.note(
            user_id=user.pk, session_key=session.session_key, user_agent="", ip=None
        )
        return _pair(user, session.session_key, current + 1)
    if used == current - 1 and _is_recent(state["rotated"]):
        return _pair(user, session.session_key, current)
    # Returned, not raised: the end of the sign-in must be committed.
    session.delete()
    return None


def _stamp(user: User) -> str:
    """Return what changes with the password and with "sign out everywhere"."""
    secret = f"{user.password}:{user.token_version}"
    return salted_hmac("api.tokens", secret, algorithm="sha256").hexdigest()[:16]


def _pair(user: User, session_key: str, number: int) -> TokenPair:
    now = timezone.now()
    common = {"iss": ISSUER, "aud": ISSUER, "sub": str(user.pk), "iat": now}
    common |= {"sid": session_key}
    access = common | {
        "typ": ACCESS,
        "ver": _stamp(user),
        "exp": now + timedelta(seconds=ACCESS_SECONDS),
    }
    refresh_ = common | {
        "typ": REFRESH,
        "num": number,
        "exp": now + timedelta(seconds=REFRESH_SECONDS),
    }
    return TokenPair(_encode(access), _encode(refresh_))


def _encode(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, _key(), ALGORITHM, headers={"kid": _name_of(_key())})


def _decode(token: str, kind: str) -> dict[str, Any]:
    try:
        key = _keys()[jwt.get_unverified_header(token)["kid"]]
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=ISSUER,
            issuer=ISSUER,
            options={"require": ["exp", "iat", "sub", "sid", "typ"]},
        )
        user_id, session_key = int(claims["sub"]), str(claims["sid"])
    except (jwt.InvalidTokenError, KeyError, ValueError) as error:
        raise TokenRefused from error
    if claims["typ"] != kind or not 0 < user_id <= LARGEST_ID:
        raise TokenRefused
    return claims | {"sub": user_id, "sid": session_key}


def _key() -> bytes:
    """Return the key that signs; it is the first that is known."""
    return next(iter(_keys().values()))


@cache
def _keys() -> dict[str, bytes]:
    # Of their own, so that no other token made with the secrets passes here.
    secrets = [settings.HEADLESS_JWT_PRIVATE_KEY, *settings.JWT_KEY_FALLBACKS]
    keys = [hashlib.sha256(f"api:{secret}".encode()).digest() for secret in secrets]
    return {_name_of(key): key for key in keys}


def _name_of(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:16]


def _lock(session_key: str) -> Session | None:
    return (
        Session.objects.select_for_update(no_key=True)
        .filter(session_key=session_key, expire_date__gt=timezone.now())
        .first()
    )


def _save(session: Session, state: dict[str, Any]) -> None:
    session.session_data = Session.objects.encode(state)
    session.expire_date = timezone.now() + timedelta(seconds=REFRESH_SECONDS)
    session.save()


def _is_recent(moment: float) -> bool:
    return timezone.now() - datetime.fromtimestamp(moment, tz=UTC) < GRACE
