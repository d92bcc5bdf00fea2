"""Orders of somebody who wants to be forgotten: the books stay, the person goes."""

from collections.abc import Collection
from uuid import UUID

import pgtrigger

from common.db import requires_transaction
from orders.models import (
    AddressChange,
    Fulfilment,
    FulfilmentEvent,
    Order,
    OrderEvent,
    OrderNote,
    OrderStatus,
    Return,
    ReturnState,
)

# Somebody is still waiting for something: money, a parcel, or an answer.
UNFINISHED = (
    OrderStatus.PENDING,
    OrderStatus.PAID,
    OrderStatus.PROCESSING,
    OrderStatus.SHIPPED,
)
OPEN_RETURNS = (ReturnState.REQUESTED, ReturnState.APPROVED)
# What of an address leads to a person.
NAMING = ("recipient", "phone", "line1")
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
    OrderNote.objects.filter(order__in=orders).update(text="")
    _forget_words(orders)
    return len(orders)


def words_of(order_ids: Collection[UUID]) -> list[str]:
    """Return what leads to whoever placed orders and got them."""
    found = Order.objects.filter(pk__in=order_ids).values_list("email", "address")
    moved = AddressChange.objects.filter(order__in=order_ids)
    homes = [home for _email, home in found]
    homes += moved.values_list("before", flat=True)
    words = [str(home.get(name, "")) for home in homes for name in NAMING]
    return [*(email for email, _home in found), *words]


def _forget_words(own: list[Order]) -> None:
    """Take what people wrote off the history, the returns and the parcels of orders."""
    Return.objects.filter(order__in=own).update(reason="", answer="")
    Fulfilment.objects.filter(order__in=own).update(tracking_url="", label_url="")
    # The one time that a history changes.
    with pgtrigger.ignore(
        "orders.OrderEvent:append_only", "orders.FulfilmentEvent:append_only"
    ):
        OrderEvent.objects.filter(order__in=own).exclude(reason="").update(reason="")
        FulfilmentEvent.objects.filter(fulfilment__order__in=own).update(
            text="", place=""
        )


def _bare(address: dict[str, str]) -> dict[str, str]:
    kept = {
        "country": address.get("country", ""),
        "postal_code": address.get("postal_code", "")[:KEPT_OF_POSTCODE],
    }
    return {name: kept.get(name, "") for name in address}
