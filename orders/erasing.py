"""Orders of somebody who wants to be forgotten: the books stay, the person goes."""

import pgtrigger

from common.db import requires_transaction
from orders.models import AddressChange, Order, OrderStatus, Return, ReturnState

# Somebody is still waiting for something: money, a parcel, or an answer.
UNFINISHED = (
    OrderStatus.PENDING,
    OrderStatus.PAID,
    OrderStatus.PROCESSING,
    OrderStatus.SHIPPED,
)
OPEN_RETURNS = (ReturnState.REQUESTED, ReturnState.APPROVED)
# Enough for statistics by region, too little for a door.
KEPT_OF_POSTCODE = 2


def unfinished(user_id: int) -> list[str]:
    """Return the numbers of orders that are not over yet, the oldest first."""
    own = Order.objects.placed_by(user_id).order_by("pk")
    waiting = own.filter(status__in=UNFINISHED) | own.filter(
        pk__in=Return.objects.filter(state__in=OPEN_RETURNS).values("order_id")
    )
    return list(waiting.distinct().values_list("number", flat=True))


@requires_transaction
def anonymise(*, user_id: int, email: str) -> int:
    """Take name, address and e-mail off a shopper's orders; return of how many.

    Country and the beginning of the postal code stay, and all that was bought.
    ``email`` is the one that stands there from now on, which reaches nobody.
    """
    own = Order.objects.placed_by(user_id).order_by("pk")
    orders = list(own.select_for_update(no_key=True))
    for order in orders:
        order.email = email
        order.address = _bare(order.address)
        order.note = ""
    # The one time that an order's address of a person changes.
    with pgtrigger.ignore("orders.Order:frozen"):
        Order.objects.bulk_update(orders, ["email", "address", "note"], batch_size=500)
    moved = list(AddressChange.objects.filter(order__in=orders))
    for change in moved:
        change.before = _bare(change.before)
    AddressChange.objects.bulk_update(moved, ["before"], batch_size=500)
    return len(orders)


def _bare(address: dict[str, str]) -> dict[str, str]:
    kept = {
        "country": address.get("country", ""),
        "postal_code": address.get("postal_code", "")[:KEPT_OF_POSTCODE],
    }
    return {name: kept.get(name, "") for name in address}
