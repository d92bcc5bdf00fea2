"""The numbers of invoices: 1, 2, 3 … without a gap, one for each order that was paid.

Numbers are given after the payment, by one transaction at a time. Paying customers
never wait for a counter, and a number that was given is never lost: it exists only
once it is committed.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from common.db import run, use_case
from orders.models import Invoice
from outbox.services import DELIVERED, Outcome, OutgoingEvent

NUMBERING_LOCK = 0x1274019  # any constant that nobody else uses

# Its snapshot is taken after the lock, so it sees every number that was given. The
# transaction's now() would be from before the wait.
_ISSUE_SQL = """
    INSERT INTO orders_invoice (order_id, number, issued_at)
    SELECT paid.id,
           (SELECT coalesce(max(number), 0) FROM orders_invoice)
               + row_number() OVER (ORDER BY paid.paid_at, paid.id),
           statement_timestamp()
      FROM orders_order AS paid
     WHERE paid.paid_at IS NOT NULL {chosen}
       AND NOT EXISTS (SELECT FROM orders_invoice AS known
                        WHERE known.order_id = paid.id)
"""
ISSUE_SQL = _ISSUE_SQL.format(chosen="AND paid.id = ANY(%(order_ids)s::uuid[])")
ISSUE_MISSING_SQL = _ISSUE_SQL.format(chosen="")


def issue(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Give the orders of ``order.paid`` events their numbers; twice is the same."""
    _issue([UUID(event.payload["order_id"]) for event in events])
    return [DELIVERED] * len(events)


def issue_now(order_id: UUID) -> Invoice | None:
    """Return an order's invoice, numbered on the spot if it has not been yet.

    ``None`` for an order that was never paid.
    """
    known = Invoice.objects.filter(order=order_id).first()
    if known is None and _issue([order_id]):
        known = Invoice.objects.get(order=order_id)
    return known


@use_case
def issue_missing() -> int:
    """Give a number to every paid order that has none; return how many there were."""
    _queue_up()
    return run(ISSUE_MISSING_SQL, {}).count()


@use_case
def _issue(order_ids: Sequence[UUID]) -> int:
    _queue_up()
    return run(ISSUE_SQL, {"order_ids": list(order_ids)}).count()


def _queue_up() -> None:
    # Held to the end of the transaction: the next one sees our numbers, or that we
    # gave none.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBERING_LOCK])
