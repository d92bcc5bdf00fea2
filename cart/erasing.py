"""The cart of somebody who wants to be forgotten."""

from cart.models import Cart
from common.db import requires_transaction


@requires_transaction
def forget(*, user_id: int) -> None:
    """Delete a shopper's cart with all that is in it and put aside."""
    Cart.objects.filter(user=user_id).delete()
