"""Who can sign in to the demo. Never for a shop that others can reach."""

from typing import NamedTuple

PASSWORD = "hanji-and-seal"  # noqa: S105 — the demo's, printed at every start


class Login(NamedTuple):
    """An account of the demo and how to get into it."""

    role: str
    email: str
    password: str


ADMINISTRATOR = Login("administrator", "admin@dojang.example", PASSWORD)
MINJI = Login("shopper with points", "minji@dojang.example", PASSWORD)
DANIEL = Login("another shopper", "daniel@dojang.example", PASSWORD)
LOGINS = (ADMINISTRATOR, MINJI, DANIEL)
# One for each role of staff: who they are, by the name of the role.
STAFF = {
    "owner": "Seo Ha-eun",
    "manager": "Han Ga-eul",
    "warehouse": "Kang Do-yun",
    "support": "Lim Na-ri",
    "marketing": "Yoon Chae-won",
    "analyst": "Shin Jae-min",
    "auditor": "Kwon Sung-ho",
}


def staff(role: str) -> Login:
    """Return the login of the member of staff who has a role."""
    return Login(role, f"{role}@dojang.example", PASSWORD)


def sentences() -> list[str]:
    """Say who can sign in, a line for each; those of the staff share one."""
    lines = [f"{role}: {email} / {password}" for role, email, password in LOGINS]
    emails = ", ".join(staff(role).email for role in STAFF)
    return [*lines, f"staff by role: {emails} / {PASSWORD}"]
