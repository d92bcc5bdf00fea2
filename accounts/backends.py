"""Signing in by e-mail address and password."""

from django.contrib.auth.backends import ModelBackend

from accounts.models import USER_FIELDS, User
from common.db import run

FIND_SQL = f"""
    SELECT {", ".join(USER_FIELDS)} FROM accounts_user WHERE id = %(user_id)s
"""  # noqa: S608 — only the model's own column names are formatted in


class PasswordBackend(ModelBackend):
    """Django's, but for how it finds who is signed in: each of their pages asks."""

    def get_user(self, user_id: int) -> User | None:
        rows = run(FIND_SQL, {"user_id": user_id}).rows()
        if not rows:
            return None
        user: User = User.from_db("default", USER_FIELDS, rows[0])
        return user if self.user_can_authenticate(user) else None
