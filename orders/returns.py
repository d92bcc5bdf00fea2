"""The only code that writes returns. Whoever calls holds the lock of their order."""

from collections.abc import Mapping
from uuid import UUID

from django.db.models.functions import Now

from common.db import requires_transaction
from orders.errors import InvalidReturnStep, ReturnNotFound, ReturnPending
from orders.models import (
    OPEN_RETURNS,
    Order,
    Return,
    ReturnLine,
    ReturnState,
)


@requires_transaction
def open_return(order: Order, quantities: Mapping[int, int], *, reason: str) -> Return:
    """Record the wish to send units of a locked order back, by line id.

    Raises ``ReturnPending`` while another one is open.
    """
    if order.returns.filter(state__in=OPEN_RETURNS).exists():
        raise ReturnPending
    opened = Return.objects.create(order=order, reason=reason[:500])
    ReturnLine.objects.bulk_create(
        ReturnLine(parent=opened, order_line_id=line_id, quantity=quantity)
        for line_id, quantity in sorted(quantities.items())
    )
    return opened


def order_of(return_id: int) -> UUID:
    """Return the id of the order that a return is of; raise ``ReturnNotFound``."""
    found = Return.objects.filter(pk=return_id).values_list("order_id", flat=True)
    order_id = found.first()
    if order_id is None:
        raise ReturnNotFound
    return order_id


@requires_transaction
def find(return_id: int, *, order_id: UUID) -> Return:
    """Return a return of a locked order; raise ``ReturnNotFound``."""
    asked = Return.objects.filter(pk=return_id, order_id=order_id).first()
    if asked is None:
        raise ReturnNotFound
    return asked


@requires_transaction
def become(asked: Return, state: ReturnState, *, answer: str = "") -> None:
    """Move a return of a locked order on; raise ``InvalidReturnStep``."""
    if not asked.can_become(state):
        raise InvalidReturnStep(state=asked.state, wanted=state.value)
    asked.state = state
    asked.answer = answer[:500] or asked.answer
    if state not in OPEN_RETURNS:
        asked.closed_at = Now()
    asked.save(update_fields=["state", "answer", "closed_at"])
    asked.refresh_from_db(fields=["closed_at"])


@requires_transaction
def note_restocked(asked: Return, restocked: Mapping[int, int]) -> None:
    """Keep how many units of each line went back on the shelf."""
    for line in asked.lines.order_by("pk"):
        line.restocked = restocked.get(line.order_line_id, 0)
        line.save(update_fields=["restocked"])
