"""Deleting an account: one transaction for the books, an event for the rest."""

from collections.abc import Collection
from uuid import UUID

from accounts import erasing as accounts
from accounts.models import User
from accounts.selectors import proved_emails
from cart import erasing as carts
from checkout import services as checkout
from checkout.errors import AccountStillNeeded, PointsLeft
from common import idempotency
from common.db import requires_transaction, use_case
from common.traces import Traces
from inventory import erasing as stock
from orders import erasing as orders
from orders.models import Order
from outbox import erasing as events
from outbox import services as outbox
from payments import erasing as payments
from points import erasing as ledger
from points import services as points
from reviews import erasing as reviews
from wishlist import erasing as wishes


@use_case
def erase_account(*, user_id: int, gives_up_points: bool) -> None:
    """Delete what is known of a shopper; orders and ledger stay without a name.

    What they ordered as a guest by an address that is proved to be theirs is theirs,
    too. Raises ``AccountStillNeeded`` while an order or return is not over, and for
    staff; ``PointsLeft`` if there are points and nobody said that they may go. What
    was told and observed is deleted by those who hear of ``customer.erased``.
    """
    user = accounts.lock(user_id)
    checkout.claim_orders(user_id=user_id)
    waiting = orders.unfinished(user_id)
    if waiting or user.is_staff:
        raise AccountStillNeeded(orders=waiting)
    balance = points.balance_of(user_id)
    if balance and not gives_up_points:
        raise PointsLeft(balance=balance)
    own, traces = orders_of(user_id), traces_of(user)
    # As everybody locks: orders, cart, payments, points, and stock as the last.
    orders.anonymise(user_id=user_id, email=accounts.NOBODY.format(pk=user_id))
    carts.forget(user_id=user_id)
    paid = payments.forget_words(order_ids=own, user_id=user_id, traces=traces)
    if balance:
        points.forfeit(user_id=user_id, idempotency_key="account-deleted")
    ledger.forget_words(user_id=user_id)
    _forget_words(user, own, paid, traces)
    wishes.forget(user_id=user_id)
    idempotency.forget_subject(f"u:{user_id}")
    accounts.erase(user)
    outbox.publish(
        topic="customer.erased",
        aggregate=f"user/{user_id}",
        payload={"user_id": user_id},
    )


def orders_of(user_id: int) -> list[UUID]:
    """Return the orders of a shopper, the oldest first."""
    own = Order.objects.placed_by(user_id).order_by("pk")
    return list(own.values_list("pk", flat=True))


def traces_of(user: User) -> Traces:
    """Return the words by which a shopper can be recognised, while they are known."""
    words = [*accounts.words_of(user), *orders.words_of(orders_of(user.pk))]
    nobody = accounts.NOBODY.format(pk=user.pk)
    return Traces.of(word for word in words if word != nobody)


@requires_transaction
def _forget_words(
    user: User, own: Collection[UUID], paid: Collection[UUID], traces: Traces
) -> None:
    """Take what was written by and about somebody out of what cannot be deleted."""
    nobody = accounts.NOBODY.format(pk=user.pk)
    alerts = stock.forget(
        user_id=user.pk,
        emails=proved_emails(user.pk),
        order_ids=own,
        nobody=nobody,
        traces=traces,
    )
    written = reviews.forget(user_id=user.pk)
    events.forget(
        aggregates=[
            *(f"order/{pk}" for pk in own),
            *(f"payment/{pk}" for pk in paid),
            *(f"review/{pk}" for pk in written),
            *(f"alert/{pk}" for pk in alerts),
        ],
        user_id=user.pk,
        email=nobody,
    )
    accounts.forget_in_log(traces)
