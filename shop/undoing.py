"""What lets somebody take back what they have just done."""

from typing import Any

from django.core import signing
from django.utils.translation import gettext as _

AGE = 3600  # seconds


def token(facts: Any, *, salt: str) -> str:
    """Return facts, signed, that restore what was there; good for an hour."""
    return signing.dumps(facts, salt=salt)


def facts_of(token: str, *, salt: str) -> Any:
    """Return the facts of a token; ``None`` if it is too old or not ours."""
    try:
        return signing.loads(token, salt=salt, max_age=AGE)
    except signing.BadSignature:
        return None


def button(url: str, values: dict[str, object]) -> dict[str, object]:
    """Return the button of a toast, which sends ``values`` to ``url``."""
    return {"url": url, "label": _("Undo"), "values": values}
