"""How long staff stay signed in: a day's work, and not while they are away.

Shoppers keep their session for weeks. Whoever signs in as staff has it noted in the
session; the admin asks each time, and lets nobody in whose time is over.
"""

import time
from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from accounts.models import User
from common import audit

LONGEST = 8 * 3600  # seconds after signing in
IDLE = 30 * 60  # seconds after the last page
# How exactly the last page is known; each note is a write.
NOTED_EVERY = 60
SINCE, SEEN = "staff_since", "staff_seen"


def begin(session: SessionBase, user: Any) -> None:
    """Note that somebody has just signed in, if they are staff, and log it."""
    if user.is_staff:
        session[SINCE] = session[SEEN] = time.time()
        audit.write(user, actor_id=user.pk, action="Sign in")


def refuse(email: str) -> None:
    """Log that somebody gave a wrong password for an address, if it is staff's."""
    staff = User.objects.filter(email=email.strip().lower(), is_staff=True).first()
    if staff is not None:
        audit.write(staff, actor_id=staff.pk, action="Sign in refused")


def is_over(session: SessionBase) -> bool:
    """Tell whether it is time to sign in again; if not, note that somebody is here."""
    if SINCE not in session:
        return False
    now = time.time()
    if now - session[SINCE] > LONGEST or now - session[SEEN] > IDLE:
        return True
    if now - session[SEEN] > NOTED_EVERY:
        session[SEEN] = now
    return False
