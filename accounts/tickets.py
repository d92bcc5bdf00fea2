"""Tickets by which an app opens a WebSocket: good once, and for half a minute.

A socket cannot send the header that carries an access token, and what stands in an
address ends up in logs. A ticket that was used, or is half a minute old, is worthless.
"""

import secrets
from dataclasses import asdict, dataclass
from hashlib import sha256

import orjson
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from redis.exceptions import RedisError

from accounts.errors import TicketsAway
from accounts.models import User
from common.cache import redis_client

SECONDS = 30


@dataclass(frozen=True, slots=True)
class Holder:
    """Who opened a socket by a ticket, and the sign-in that the ticket came from."""

    user_id: int
    session_key: str
    # Changes with the password and with "sign out everywhere".
    seal: str


def issue(user: User, *, session_key: str) -> str:
    """Return a new ticket of a sign-in; raise ``TicketsAway``."""
    ticket = secrets.token_urlsafe(24)
    holder = Holder(user.pk, session_key, _seal(user))
    try:
        redis_client(settings.REDIS_URL).set(
            _key(ticket), orjson.dumps(asdict(holder)), ex=SECONDS
        )
    except RedisError:
        raise TicketsAway from None
    return ticket


def redeem(ticket: str) -> Holder | None:
    """Return whose ticket it is and make it void, at once; raise ``TicketsAway``."""
    try:
        kept = redis_client(settings.REDIS_URL).getdel(_key(ticket))
    except RedisError:
        raise TicketsAway from None
    holder = Holder(**orjson.loads(str(kept))) if kept else None
    return holder if holder and is_signed_in(holder) else None


def is_signed_in(holder: Holder) -> bool:
    """Tell whether the sign-in of a ticket has not ended meanwhile."""
    user = User.objects.filter(pk=holder.user_id, is_active=True).first()
    if user is None or not constant_time_compare(_seal(user), holder.seal):
        return False
    sign_in = Session.objects.filter(session_key=holder.session_key)
    return sign_in.filter(expire_date__gt=timezone.now()).exists()


def _key(ticket: str) -> str:
    # Who reads Redis cannot use what is in there.
    return f"ticket:{sha256(ticket.encode()).hexdigest()}"


def _seal(user: User) -> str:
    secret = f"{user.password}:{user.token_version}"
    return salted_hmac("accounts.tickets", secret, algorithm="sha256").hexdigest()
