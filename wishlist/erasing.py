"""The wishes of somebody who wants to be forgotten."""

from common.db import requires_transaction
from wishlist.models import WishlistItem


@requires_transaction
def forget(*, user_id: int) -> None:
    """Delete all that a shopper wished for."""
    WishlistItem.objects.of_user(user_id).delete()
