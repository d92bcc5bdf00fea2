"""Sessions, read by a statement that PostgreSQL need not parse anew each time.

Each page of somebody signed in begins with it.
"""

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session

from common.db import run

FIELDS = ["session_key", "session_data", "expire_date"]
FIND_SQL = f"""
    SELECT {", ".join(FIELDS)}
      FROM django_session
     WHERE session_key = %(key)s AND expire_date > statement_timestamp()
"""  # noqa: S608 — only column names are formatted in


class SessionStore(db.SessionStore):
    """Django's, but for how it reads."""

    def _get_session_from_db(self) -> Session | None:
        rows = run(FIND_SQL, {"key": self.session_key}).rows()
        if not rows:
            self._session_key = None
            return None
        return Session.from_db("default", FIELDS, rows[0])
