"""Where somebody is signed in, and how that ends.

A row stands beside each session that has been used, because the session store cannot
be asked whose a session is. It counts only as long as its session does.
"""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.sessions.models import Session

from accounts.errors import DeviceNotFound
from accounts.models import Device, User
from common.db import run, use_case
from common.memo import Memo

# How exact "last seen" is: within it, nobody's pages cost a statement more.
SEEN_EVERY = 300.0  # seconds
_seen: Memo[str, bool] = Memo(seconds=SEEN_EVERY, size=20_000)

NOTE_SQL = """
    INSERT INTO accounts_device (user_id, session_key, user_agent, ip)
    VALUES (%(user_id)s::bigint, %(session_key)s, %(user_agent)s, %(ip)s::inet)
        ON CONFLICT (session_key) DO UPDATE
       SET last_seen_at = now(), user_id = excluded.user_id,
           ip = coalesce(excluded.ip, accounts_device.ip),
           user_agent = coalesce(nullif(excluded.user_agent, ''),
                                 accounts_device.user_agent)
"""
OPEN_SQL = """
    SELECT device.id, device.session_key, device.user_agent, host(device.ip),
           device.created_at, device.last_seen_at
      FROM accounts_device AS device
      JOIN django_session AS session USING (session_key)
     WHERE device.user_id = %(user_id)s::bigint AND session.expire_date > now()
     ORDER BY device.last_seen_at DESC, device.id DESC
"""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A device as its owner sees it; the session's key never leaves."""

    id: int
    session_key: str
    user_agent: str
    ip: str
    created_at: datetime
    last_seen_at: datetime


def note(*, user_id: int, session_key: str, user_agent: str, ip: str | None) -> None:
    """Remember that somebody was here just now; at most every five minutes."""
    if not session_key or _seen.get(session_key):
        return
    params = {
        "user_id": user_id,
        "session_key": session_key,
        # PostgreSQL keeps no zero bytes.
        "user_agent": user_agent.replace("\x00", "")[:200],
        "ip": ip,
    }
    run(NOTE_SQL, params)
    _seen.put(session_key, value=True)


def open_of(user_id: int) -> list[SignIn]:
    """Return where somebody is signed in right now, the last seen first."""
    return [SignIn(*row) for row in run(OPEN_SQL, {"user_id": user_id}).rows()]


@use_case
def end(*, user_id: int, device_id: int) -> str:
    """Sign one device out at once; return its session's key.

    Raises ``DeviceNotFound``.
    """
    own = Device.objects.filter(user_id=user_id, pk=device_id)
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
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    others = Device.objects.filter(user_id=user_id).exclude(session_key=keep)
    keys = list(others.values_list("session_key", flat=True))
    ended, _tables = Session.objects.filter(session_key__in=keys).delete()
    others.delete()
    user.token_version += 1
    user.save(update_fields=["token_version"])
    return ended
