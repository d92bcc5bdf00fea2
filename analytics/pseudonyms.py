"""The names under which behaviour is kept: nobody can tell from them who it was."""

from datetime import datetime
from uuid import UUID

from django.utils.crypto import salted_hmac

from common.days import shop_day

_SALT = "analytics.pseudonyms"
# Of 256 actors so many see plain lists instead of recommendations: 10 %.
PLAIN_OF_256 = 26


def of_user(user_id: int) -> UUID:
    """Return the pseudonym of a shopper, always the same one."""
    return _name(f"user {user_id}")


def of_visitor(visitor_id: str) -> UUID:
    """Return the pseudonym of a visitor whom only a random id is known of."""
    return _name(f"visitor {visitor_id}")


def of_visit(actor: UUID, at: datetime, session: str = "") -> UUID:
    """Return the name of a visit: one a shop day, unless a client tells them apart."""
    return _name(f"visit {actor} {session or shop_day(at)}")


def is_plain(actor: UUID | None) -> bool:
    """Tell whether this actor belongs to those who are shown plain lists.

    Who is not observed takes no part in the test, and gets recommendations.
    """
    return actor is not None and actor.bytes[-1] < PLAIN_OF_256


def _name(text: str) -> UUID:
    # The key stays outside the database: its rows alone lead back to nobody, not even
    # by trying all user ids. A new SECRET_KEY makes everybody somebody else.
    digest = salted_hmac(_SALT, text, algorithm="sha256").digest()
    return UUID(bytes=digest[:16])
