"""Links by which somebody without an account comes back to their order.

A key opens one order, for as long as nobody has claimed it: its holder may look at it,
pay it and call it off. It does not expire, because the letter with it does not either.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer

from orders.drafts import Draft
from orders.models import Order

_SALT = "orders.guest"
LONGEST_KEY = 100


def key_of(order_id: UUID) -> str:
    """Return the key of an order, the same each time."""
    return _signer().sign(urlsafe_b64encode(order_id.bytes).decode().rstrip("="))


def order_of(key: str) -> UUID | None:
    """Return the id of the order that a key opens; ``None`` if we never gave it out."""
    if not 1 <= len(key) <= LONGEST_KEY:
        return None
    try:
        return UUID(bytes=urlsafe_b64decode(_signer().unsign(key) + "=="))
    except (BadSignature, binascii.Error, ValueError):
        return None


def link(order: Order | Draft) -> str:
    """Return the address at which the guest finds the order, for a letter."""
    return f"{address(order)}?key={key_of(order.id)}"


def address(order: Order | Draft) -> str:
    """Return the address of an order's page, without a key."""
    return f"{settings.SHOP_BASE_URL}/orders/{order.number}/"


def fold(email: str) -> str:
    """Return the one way in which a guest's address is written down and looked for.

    Only ASCII: beyond it, letters of different addresses fall together.
    """
    return email.strip().encode().lower().decode()


def _signer() -> Signer:
    return Signer(sep=".", salt=_SALT)
