"""Deleting an account: one transaction for the books, an event for the rest."""

from accounts import erasing as accounts
from cart import erasing as carts
from checkout.errors import AccountStillNeeded, PointsLeft
from common.db import use_case
from inventory import services as inventory
from inventory.models import RestockAlert
from orders import erasing as orders
from outbox import services as outbox
from points import services as points
from wishlist import erasing as wishes


@use_case
def erase_account(*, user_id: int, gives_up_points: bool) -> None:
    """Delete what is known of a shopper; orders and ledger stay without a name.

    Raises ``AccountStillNeeded`` while an order or return is not over, and for staff;
    ``PointsLeft`` if there are points and nobody said that they may go. What was told
    and observed is deleted by those who hear of ``customer.erased``.
    """
    user = accounts.lock(user_id)
    waiting = orders.unfinished(user_id)
    if waiting or user.is_staff:
        raise AccountStillNeeded(orders=waiting)
    balance = points.balance_of(user_id)
    if balance and not gives_up_points:
        raise PointsLeft(balance=balance)
    orders.anonymise(user_id=user_id, email=accounts.NOBODY.format(pk=user_id))
    carts.forget(user_id=user_id)
    if balance:
        points.forfeit(user_id=user_id, idempotency_key="account-deleted")
    wishes.forget(user_id=user_id)
    for alert in RestockAlert.objects.filter(user=user_id).open().order_by("product"):
        inventory.cancel_alert(alert_id=alert.pk)
    accounts.erase(user)
    outbox.publish(
        topic="customer.erased",
        aggregate=f"user/{user_id}",
        payload={"user_id": user_id},
    )
