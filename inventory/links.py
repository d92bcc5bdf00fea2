"""The address in the letter that says a product is back."""

from django.core import signing
from django.urls import reverse

_SALT = "inventory.alert"


def alert_url(alert_id: int) -> str:
    """Return the path where an alert's owner finds what is kept for them."""
    return reverse("shop:kept", args=[signing.dumps(alert_id, salt=_SALT)])


def read_token(token: str) -> int | None:
    """Return whose letter a path came from; ``None`` if we did not write it."""
    try:
        return int(signing.loads(token, salt=_SALT))
    except (signing.BadSignature, ValueError, TypeError):
        return None
