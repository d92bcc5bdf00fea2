"""Addresses that letters carry."""

from django.conf import settings
from django.core import signing
from django.urls import reverse

# Without an end: a letter may be years old when somebody has had enough.
UNSUBSCRIBE_SALT = "notifications.unsubscribe"


def absolute(url: str) -> str:
    """Return an address that works outside of the shop."""
    return f"{settings.SHOP_BASE_URL}{url}" if url.startswith("/") else url


def unsubscribe_url(user_id: int, channel: str) -> str:
    """Return the address where one press ends offers by a channel, without a login."""
    token = signing.dumps([user_id, channel], salt=UNSUBSCRIBE_SALT)
    return absolute(reverse("shop:unsubscribe", args=[token]))


def read_unsubscribe_token(token: str) -> tuple[int, str] | None:
    """Return whose offers by which channel a token ends; ``None`` if it is not ours."""
    try:
        user_id, channel = signing.loads(token, salt=UNSUBSCRIBE_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return int(user_id), str(channel)
