"""Who may send how much: one table, and the headers that say so (draft-11).

``RATE_LIMITS`` switches all of it off, or multiplies every quota.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from re import sub
from typing import Any, NamedTuple

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from api.errors import RateLimited
from common import limits
from common.addresses import client_address, network_of
from common.limits import Delay, Policy, Verdict

MINUTE, HOUR = 60, 3600  # seconds


class By(Enum):
    """Whose requests are counted together."""

    USER = "whoever is signed in; else the address"
    ADDRESS = "the address, whoever is signed in"
    EMAIL = "the account that the body names"


class Limit(NamedTuple):
    policy: Policy
    by: By
    replaces: bool = False


def _user(name: str, quota: int, window: int, burst: int = 0) -> Limit:
    return Limit(Policy(name, quota, window, burst), By.USER)


def _address(name: str, quota: int, window: int, burst: int = 0) -> Limit:
    return Limit(Policy(name, quota, window, burst), By.ADDRESS)


def _email(name: str, quota: int, window: int, burst: int = 0) -> Limit:
    return Limit(Policy(name, quota, window, burst), By.EMAIL)


# Everything else. Reads stay open while Redis is away, writes do not.
USER = Policy("user", 120, MINUTE)
STAFF = Policy("staff", 600, MINUTE)
ADDRESS = Policy("address", 300, MINUTE)
# Reads that are the same for everybody: counted by each process for itself, because
# asking Redis would cost a fifth of what they take.
CATALOGUE = Policy("catalogue", 600, MINUTE)
# Tokens that are none: whoever guesses them has an address.
REFUSED = Policy("refused", 60, MINUTE)

_PAY = _user("pay", 30, MINUTE, 10)
_POINTS = _user("points", 30, MINUTE, 10)
_REVIEW = _user("review", 30, HOUR, 10)
_QUOTE = _user("quote", 60, MINUTE, 20)
# A provider sends everybody's news from one address.
_WEBHOOK = Limit(Policy("webhook", 3000, MINUTE), By.ADDRESS, replaces=True)
_RESET = (_address("reset", 20, HOUR, 10), _email("reset-account", 5, HOUR, 3))
_VERIFY = _address("verify", 30, HOUR, 10)
_SIGN_IN = _address("sign-in", 60, 10 * MINUTE, 30)

# What a route takes on top of that; what is public is counted by one of them only.
ROUTES: dict[str, Sequence[Limit]] = {
    "POST /auth/token": (
        _SIGN_IN,
        _email("sign-in-account", 20, HOUR, 10),
    ),
    "POST /auth/register": (
        _address("register", 20, HOUR, 10),
        _email("register-account", 5, HOUR, 3),
    ),
    "POST /auth/social/{service}": [_SIGN_IN],
    "POST /auth/verify-email": [_VERIFY],
    # A letter in three minutes.
    "POST /auth/verify-email/resend": (
        _VERIFY,
        _email("resend-account", 20, HOUR, 1),
    ),
    "POST /auth/password/reset": _RESET,
    "POST /auth/password/reset/confirm": _RESET,
    "POST /auth/password/change": [_user("password", 10, HOUR, 5)],
    "GET /users/me/export": [_user("export", 10, HOUR, 3)],
    "DELETE /users/me": [_user("erase", 10, HOUR, 5)],
    "POST /coupons/issue": (
        _user("claim", 20, MINUTE, 10),
        _address("claim-address", 300, MINUTE),
    ),
    "POST /orders": [_user("order", 30, MINUTE, 10)],
    "POST /orders/{order_id}/pay": [_PAY],
    "POST /pay": [_PAY],
    "POST /payments": [_PAY],
    "POST /points/charge": [_POINTS],
    "POST /points/use": [_POINTS],
    "POST /products/{product_id}/reviews": [_REVIEW],
    "PATCH /reviews/{review_id}": [_REVIEW],
    "POST /reviews/{review_id}/photos": [_REVIEW],
    "POST /reviews/{review_id}/report": [_user("report", 20, HOUR, 10)],
    "POST /events": [_user("events", 600, MINUTE, 60)],
    "POST /quotes": [_QUOTE],
    "POST /delivery/quotes": [_QUOTE],
    "GET /search/suggest": [_address("suggest", 300, MINUTE)],
    "POST /payments/webhooks/{provider}": [_WEBHOOK],
    "POST /delivery/webhooks/{carrier}": [_WEBHOOK],
}
# Guests pay for nothing but a row, so an address places few; it may be a whole office.
GUEST_ORDERS = Policy("guest-order", 120, HOUR, 30)
# After five wrong passwords for an account from an address each try costs more time.
WRONG_PASSWORDS = Delay("sign-in-delay", 5, 1, 15 * MINUTE, 24 * HOUR)


def check(request: Request, *, is_public: bool) -> Verdict | None:
    """Count a request; raise ``RateLimited`` for one too many.

    ``is_public`` says that the answer is the same for everybody. ``None`` if limits are
    switched off.
    """
    if not settings.RATE_LIMITS:
        return None
    own = _limits_of(request)
    if is_public and request.method in SAFE_METHODS:
        policy = own[0].policy if own else CATALOGUE
        return _passed(limits.take_alone(policy, _network(request)))
    asks = [(limit.policy, _key(request, limit.by)) for limit in own]
    if not any(limit.replaces for limit in own):
        asks.insert(0, (_default(request), _caller(request)))
    return _passed(limits.take([ask for ask in asks if ask[1]]))


def check_also(request: Request, policy: Policy, key: str = "") -> None:
    """Count what only the view knows to be of a kind; by address, unless told."""
    if settings.RATE_LIMITS:
        _passed(limits.take([(policy, key or _network(request))]))


def refused_token(request: Request) -> None:
    """Count a token, or a session, that was not accepted."""
    if settings.RATE_LIMITS:
        _passed(limits.take_alone(REFUSED, _network(request)))


def check_password_try(request: Request, email: str) -> None:
    """Count a try to sign in; raise ``RateLimited`` while it is too soon for one.

    Counted before the password is looked at: parallel guesses are guesses, too. After
    a success call ``password_was_right``.
    """
    if not settings.RATE_LIMITS:
        return
    wait = limits.try_delayed(WRONG_PASSWORDS, _try(request, email))
    if wait > 0:
        raise RateLimited(wait=wait)


def password_was_right(request: Request, email: str) -> None:
    """Forget the tries that were wrong: this was the owner."""
    if settings.RATE_LIMITS:
        limits.forget(
            (WRONG_PASSWORDS.name, _try(request, email)),
            ("sign-in-account", account_key(email)),
        )


def headers_of(verdict: Verdict) -> dict[str, str]:
    """Return ``RateLimit-Policy`` and ``RateLimit`` as structured fields."""
    stands = verdict.standings
    if not stands:
        return {}
    return {
        "RateLimit-Policy": ", ".join(
            _policy_item(one.policy, settings.RATE_LIMITS) for one in stands
        ),
        "RateLimit": ", ".join(
            f'"{one.policy.name}";r={one.remaining};t={one.reset}' for one in stands
        ),
    }


def account_key(email: str) -> str:
    """Return what an account is counted by: Redis need not know addresses."""
    folded = email.strip().casefold().encode()
    return blake2b(folded, digest_size=12).hexdigest()


def _passed(verdict: Verdict) -> Verdict:
    if not verdict.is_allowed:
        raise RateLimited(wait=verdict.wait, headers=headers_of(verdict))
    return verdict


def _default(request: Request) -> Policy:
    user = request.user
    if not user.is_authenticated:
        return _open_to_reads(ADDRESS, str(request.method))
    return _open_to_reads(STAFF if user.is_staff else USER, str(request.method))


@lru_cache(maxsize=64)
def _open_to_reads(policy: Policy, method: str) -> Policy:
    return replace(policy, is_kept=method not in SAFE_METHODS)


@lru_cache(maxsize=256)
def _policy_item(policy: Policy, factor: float) -> str:
    quota = max(1, int(policy.quota * factor))
    return f'"{policy.name}";q={quota};w={policy.window}'


def _limits_of(request: Request) -> Sequence[Limit]:
    match = request.resolver_match
    return _row(str(request.method), match.route if match else "")


@lru_cache(maxsize=1024)
def _row(method: str, route: str) -> Sequence[Limit]:
    # "api/v1/orders/<uuid:order_id>/" is "/orders/{order_id}" in the table, and so is
    # an older address of the same.
    path = sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route).rstrip("/").removeprefix("api")
    asked = "GET" if method == "HEAD" else method
    name = f"{asked} {path.removeprefix('/v1')}"
    return ROUTES.get(SAME.get(name, name), ())


# What older clients send, and what it is called today.
SAME = {
    "POST /order": "POST /orders",
    "POST /point/charge": "POST /points/charge",
    "PATCH /point/charge": "POST /points/charge",
    "PATCH /points/charge": "POST /points/charge",
}


def _key(request: Request, by: By) -> str:
    if by is By.EMAIL:
        body: Any = request.data
        email = body.get("email") if isinstance(body, Mapping) else None
        return account_key(email) if isinstance(email, str) else ""
    return _caller(request) if by is By.USER else _network(request)


def _caller(request: Request) -> str:
    user_id = request.user.pk
    return _network(request) if user_id is None else f"u{user_id}"


def _network(request: Request) -> str:
    return network_of(client_address(request.META))


def _try(request: Request, email: str) -> str:
    return f"{account_key(email)}:{_network(request)}"
