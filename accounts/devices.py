"""Where somebody is signed in, and how that ends.

A row stands beside each session that has been used, because the session store cannot
be asked whose a session is. It counts only as long as its session does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from allauth.idp.oidc.models import Token
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from accounts.errors import DeviceNotFound
from accounts.models import Device, User
from common.db import run, use_case
from common.memo import Memo

# How exact "last seen" is: within it, nobody's pages cost a statement more.
SEEN_EVERY = 300.0  # seconds
_seen: Memo[str, bool] = Memo(seconds=SEEN_EVERY, size=20_000)

NOTE_SQL = """
    INSERT INTO accounts_device (user_id, session_key, user_agent, ip, name)
    VALUES (%(user_id)s::bigint, %(session_key)s, %(user_agent)s, %(ip)s::inet,
            %(name)s)
        ON CONFLICT (session_key) DO UPDATE
       SET last_seen_at = now(), user_id = excluded.user_id,
           ip = coalesce(excluded.ip, accounts_device.ip),
           user_agent = coalesce(nullif(excluded.user_agent, ''),
                                 accounts_device.user_agent),
           name = coalesce(nullif(excluded.name, ''), accounts_device.name)
"""
OPEN_SQL = """
    SELECT device.id, device.public_id, device.session_key, device.name,
           device.user_agent, host(device.ip), device.created_at, device.last_seen_at
      FROM accounts_device AS device
      JOIN django_session AS session USING (session_key)
     WHERE device.user_id = %(user_id)s::bigint AND session.expire_date > now()
     ORDER BY device.last_seen_at DESC, device.id DESC
"""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A device as its owner sees it; the session's key never leaves."""

    id: int
    public_id: UUID
    session_key: str
    name: str
    user_agent: str
    ip: str
    created_at: datetime
    last_seen_at: datetime


def note(
    *, user_id: int, session_key: str, user_agent: str, ip: str | None, name: str = ""
) -> None:
    """Remember that somebody was here just now; at most every five minutes.

    ``name`` is what an app calls the device it runs on.
    """
    if not session_key or _seen.get(session_key):
        return
    params = {
        "user_id": user_id,
        "session_key": session_key,
        # PostgreSQL keeps no zero bytes.
        "user_agent": user_agent.replace("\x00", "")[:200],
        "ip": ip,
        "name": name[:80],
    }
    run(NOTE_SQL, params)
    _seen.put(session_key, value=True)


def open_of(user_id: int) -> list[SignIn]:
    """Return where somebody is signed in right now, the last seen first."""
    return [SignIn(*row) for row in run(OPEN_SQL, {"user_id": user_id}).rows()]


def is_fresh(*, user_id: int, session_key: str, within: timedelta) -> bool:
    """Tell whether somebody signed in with this session only a moment ago."""
    since = Now() - within
    own = Device.objects.filter(user_id=user_id, session_key=session_key)
    return own.filter(created_at__gte=since).exists()


@use_case
def end(*, user_id: int, device_id: int | UUID) -> str:
    """Sign one device out at once; return its session's key.

    Pages know it by its row, apps by its public id. Raises ``DeviceNotFound``.
    """
    by = "public_id" if isinstance(device_id, UUID) else "pk"
    own = Device.objects.filter(user_id=user_id, **{by: device_id})
    found = own.select_for_update(no_key=True).first()
    if found is None:
        raise DeviceNotFound
    Session.objects.filter(session_key=found.session_key).delete()
    found.delete()
    return found.session_key


@use_case
def end_others(*, user_id: int, keep: str) -> int:
    """Sign out everywhere but in the session ``keep``; return from how many devices.

    The shopper's version goes up, which ends tokens of apps that left no trace here.
    What third parties were allowed ends, too.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    others = Device.objects.filter(user_id=user_id).exclude(session_key=keep)
    keys = list(others.values_list("session_key", flat=True))
    ended, _tables = Session.objects.filter(session_key__in=keys).delete()
    others.delete()
    Token.objects.filter(user=user).delete()
    user.token_version += 1
    user.save(update_fields=["token_version"])
    return ended
