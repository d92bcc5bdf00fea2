"""Who can sign in to the demo. Never for a shop that others can reach."""

from typing import NamedTuple

PASSWORD = "hanji-and-seal"  # noqa: S105 — the demo's, printed at every start


class Login(NamedTuple):
    """An account of the demo and how to get into it."""

    role: str
    email: str
    password: str


ADMINISTRATOR = Login("administrator", "admin@dojang.example", PASSWORD)
STAFF = Login("staff", "staff@dojang.example", PASSWORD)
MINJI = Login("shopper with points", "minji@dojang.example", PASSWORD)
DANIEL = Login("another shopper", "daniel@dojang.example", PASSWORD)
LOGINS = (ADMINISTRATOR, STAFF, MINJI, DANIEL)
