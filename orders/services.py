"""The only code that writes orders."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest, Least, Now

from common.db import Pipeline, Statement, pipeline, requires_transaction
from orders.drafts import Draft
from orders.errors import (
    AddressNotChangeable,
    InvalidTransition,
    OrderNotCancellable,
    OrderNotChangeable,
    OrderNotFound,
    OrderNotPayable,
)
from orders.guests import fold
from orders.models import (
    DEAD,
    READDRESSABLE,
    SETTLED,
    AddressChange,
    Order,
    OrderNote,
    OrderStatus,
)
from promotions.pricing import Quote

# However often somebody starts to pay, the goods are not held for longer.
LONGEST_WAIT = timedelta(hours=2)

CREATE_SQL = """
    WITH placed AS (
        INSERT INTO orders_order (id, number, user_id, email, status, subtotal,
            discount, delivery_cost, total, currency, address, delivery_method,
            coupon_id, coupon_name, adjustments, deliver_by, placed_at, expires_at,
            paid_at)
        VALUES (%(id)s, %(number)s, %(user_id)s, %(email)s, %(status)s, %(subtotal)s,
            %(discount)s, %(delivery_cost)s, %(total)s, %(currency)s,
            %(address)s::jsonb, %(delivery_method)s, %(coupon_id)s, %(coupon_name)s,
            %(adjustments)s::jsonb, %(deliver_by)s::date, %(placed_at)s,
            %(expires_at)s, %(paid_at)s)
     RETURNING id, paid_at
    ), timeline AS (
        INSERT INTO orders_orderevent (order_id, from_status, to_status, reason,
            actor_id, happened_at)
        SELECT id, step.from_status, step.to_status, '', %(user_id)s, now()
          FROM placed, unnest(%(from_statuses)s::text[], %(to_statuses)s::text[])
               AS step (from_status, to_status)
    )
    INSERT INTO orders_orderline (order_id, product_id, sku, name, unit_price, quantity,
        discount_share, paid_at)
    SELECT placed.id, line.*, placed.paid_at
      FROM placed, unnest(%(product_ids)s::bigint[], %(skus)s::text[],
           %(names)s::text[], %(unit_prices)s::bigint[], %(quantities)s::int[],
           %(shares)s::bigint[]) AS line
"""

# The lines' time of payment is the order's to the microsecond, or the two could be of
# different days.
BECOME_SQL = """
    WITH changed AS (
        UPDATE orders_order
           SET status = %(status)s::text,
               paid_at = CASE WHEN %(is_paid)s::bool THEN now() ELSE paid_at END,
               expires_at = CASE WHEN %(is_paid)s::bool THEN NULL ELSE expires_at END,
               closed_at = CASE WHEN %(is_dead)s::bool THEN now()
                                WHEN NOT %(is_paid)s::bool THEN closed_at END
         WHERE id = %(id)s
     RETURNING id
    ), lines AS (
        UPDATE orders_orderline SET paid_at = now()
         WHERE order_id = %(id)s AND %(is_paid)s::bool
    )
    INSERT INTO orders_orderevent (order_id, from_status, to_status, reason, actor_id,
        happened_at)
    SELECT id, %(before)s::text, %(status)s::text, %(reason)s::text,
           %(actor_id)s::bigint, now()
      FROM changed
 RETURNING happened_at
"""

ERRORS: dict[OrderStatus, type[InvalidTransition]] = {
    OrderStatus.PAID: OrderNotPayable,
    OrderStatus.CANCELLED: OrderNotCancellable,
}


def queue_create(pipe: Pipeline, draft: Draft) -> Statement:
    """Queue the order, its lines and the beginning of its timeline."""
    return pipe.run(CREATE_SQL, _create_params(draft))


@requires_transaction
def lock(order_id: UUID, *, user_id: int | None) -> Order:
    """Lock an order; every later decision about it is made under this lock.

    ``user_id`` limits it to its owner, ``None`` is the shop itself. Raises
    ``OrderNotFound``, also for somebody else's.
    """
    orders = (
        Order.objects.all() if user_id is None else Order.objects.placed_by(user_id)
    )
    order = orders.select_for_update(no_key=True).filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound
    return order


@requires_transaction
def lock_of_guest(order_id: UUID) -> Order:
    """Lock an order that nobody has claimed; raise ``OrderNotFound`` for others."""
    order = lock(order_id, user_id=None)
    if order.user_id is not None:
        raise OrderNotFound
    return order


@requires_transaction
def lock_for(status: OrderStatus, *, order_id: UUID, user_id: int | None) -> Order:
    """Lock an order, as ``lock`` does, that may become ``status``.

    Raises ``OrderNotFound`` or ``InvalidTransition``.
    """
    order = lock(order_id, user_id=user_id)
    check(order, status)
    return order


@requires_transaction
def lock_unpaid(order_id: UUID, *, user_id: int | None) -> Order:
    """Lock an order that waits for its payment, as ``lock`` does.

    Raises ``OrderNotFound`` or ``OrderNotPayable``: an expired one is not waiting, only
    money that comes late can revive it.
    """
    order = lock(order_id, user_id=user_id)
    if order.status != OrderStatus.PENDING:
        raise OrderNotPayable(status=order.status, wanted=OrderStatus.PAID.value)
    return order


def check(order: Order, status: OrderStatus) -> None:
    """Raise ``InvalidTransition`` unless a locked order may become ``status``."""
    if not order.can_become(status):
        error = ERRORS.get(status, InvalidTransition)
        raise error(status=order.status, wanted=status.value)


def check_cancellable(order: Order, *, by: str) -> None:
    """Raise ``OrderNotCancellable`` if it is too late to call a locked order off.

    For its "shopper" once it is being packed; for "staff" once a parcel is under way:
    what was sent comes back as a return, the rest can be refunded.
    """
    too_late = by == "shopper" and order.status == OrderStatus.PROCESSING
    if too_late or order.fulfilments.exists():
        raise OrderNotCancellable(
            status=order.status, wanted=OrderStatus.CANCELLED.value
        )


@requires_transaction
def become(
    order: Order, status: OrderStatus, *, actor_id: int | None, reason: str = ""
) -> None:
    """Move a locked order on, with the times and the timeline that go with it."""
    with pipeline() as pipe:
        moved = queue_become(pipe, order, status, actor_id=actor_id, reason=reason)
    moment = moved.rows()[0][0]
    order.status = status
    if status == OrderStatus.PAID:
        order.paid_at, order.expires_at, order.closed_at = moment, None, None
    if status in DEAD:
        order.closed_at = moment


def queue_become(
    pipe: Pipeline,
    order: Order,
    status: OrderStatus,
    *,
    actor_id: int | None,
    reason: str = "",
) -> Statement:
    """Queue what ``become`` does to the tables; it gives the moment."""
    params = {
        "id": order.pk,
        "before": order.status,
        "status": status.value,
        "is_paid": status == OrderStatus.PAID,
        "is_dead": status in DEAD,
        "reason": reason,
        "actor_id": actor_id,
    }
    return pipe.run(BECOME_SQL, params)


@requires_transaction
def wait_for_provider(order: Order) -> None:
    """Keep a locked unpaid order alive while its shopper is at a provider's page.

    Each attempt to pay gives it ``PROVIDER_WINDOW_MINUTES`` from now, but never more
    than ``LONGEST_WAIT`` after it was placed.
    """
    window = timedelta(minutes=settings.PROVIDER_WINDOW_MINUTES)
    Order.objects.filter(pk=order.pk).update(
        expires_at=Greatest(
            F("expires_at"), Least(Now() + window, F("placed_at") + LONGEST_WAIT)
        )
    )


@requires_transaction
def claim(*, user_id: int, email: str) -> int:
    """Make a guest's orders those of a user who has proved the address; count them."""
    return Order.objects.of_guest(fold(email)).update(user_id=user_id)


def check_address_changeable(order: Order) -> None:
    """Raise ``AddressNotChangeable`` once a locked order is packed or closed."""
    if order.status not in READDRESSABLE:
        raise AddressNotChangeable(status=order.status)


@requires_transaction
def change_address(
    order: Order, address: dict[str, str], *, actor_id: int | None
) -> None:
    """Send a locked order elsewhere; allowed until it is packed.

    What it was before is kept. The same address again changes nothing.
    """
    check_address_changeable(order)
    if address == order.address:
        return
    AddressChange.objects.create(order=order, before=order.address, actor_id=actor_id)
    order.address = address
    order.save(update_fields=["address"])


def check_changeable(order: Order) -> None:
    """Raise ``OrderNotChangeable`` once a locked order is packed or closed."""
    if order.status not in READDRESSABLE:
        raise OrderNotChangeable(status=order.status)


@requires_transaction
def change_delivery(order: Order, method: str) -> None:
    """Have a locked order brought another way; its cost and promise stay."""
    order.delivery_method = method
    order.save(update_fields=["delivery_method"])


@requires_transaction
def write_note(order: Order, note: str) -> None:
    """Keep what the shopper says to whoever packs a locked order."""
    order.note = note
    order.save(update_fields=["note"])


@requires_transaction
def note_down(order: Order, text: str, *, author_id: int) -> OrderNote:
    """Keep what a member of staff writes about an order, for other staff."""
    return OrderNote.objects.create(order=order, text=text, author_id=author_id)


def quantities(order: Order) -> dict[int, int]:
    """Return what was ordered, by product id."""
    return dict(order.lines.values_list("product_id", "quantity"))


def is_overdue(order_id: UUID) -> bool:
    """Tell whether an order's time to pay is over, by the database's clock."""
    return Order.objects.overdue().filter(pk=order_id).exists()


def was_paid(order: Order) -> bool:
    """Tell whether the order stands paid."""
    return order.status in SETTLED


def _create_params(draft: Draft) -> dict[str, Any]:
    lines = draft.quote.lines
    is_paid = draft.status == OrderStatus.PAID
    return {
        "id": draft.id,
        "number": draft.number,
        "user_id": draft.user_id,
        "email": draft.email,
        "status": draft.status.value,
        "subtotal": draft.quote.subtotal,
        "discount": draft.quote.discount,
        "delivery_cost": draft.quote.delivery_cost,
        "total": draft.quote.total,
        "currency": settings.SHOP_CURRENCY,
        "address": json.dumps(draft.address),
        "delivery_method": draft.delivery_method,
        "coupon_id": draft.coupon_id,
        "coupon_name": draft.coupon_name,
        "adjustments": json.dumps(adjustments_of(draft.quote)),
        "deliver_by": draft.deliver_by,
        "placed_at": draft.placed_at,
        "expires_at": draft.expires_at,
        "paid_at": draft.paid_at,
        "from_statuses": ["", "pending"] if is_paid else [""],
        "to_statuses": ["pending", "paid"] if is_paid else ["pending"],
        "product_ids": [line.item.product_id for line in lines],
        "skus": [line.item.sku for line in lines],
        "names": [line.item.name for line in lines],
        "unit_prices": [line.item.unit_price for line in lines],
        "quantities": [line.item.quantity for line in lines],
        "shares": [line.discount_share for line in lines],
    }


def adjustments_of(quote: Quote) -> list[dict[str, Any]]:
    """Return what the order keeps of the quote's explanation."""
    return [
        {
            "kind": step.kind,
            "label": step.label,
            "amount": step.amount,
            "source_id": step.source_id,
            "rule": step.rule,
        }
        for step in quote.adjustments
    ]
