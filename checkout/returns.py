"""Goods that come back: asked for, agreed to, received and paid back.

A shopper can ask until ``RETURN_DAYS`` after the arrival. The money goes back when the
goods are here, in the same transaction, once.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from checkout.errors import NothingToReturn
from checkout.parcels import lock_own, publish
from checkout.refunding import put_back, refund_facts
from checkout.standing import standing_of
from common.db import use_case
from orders import returns
from orders import services as orders
from orders.errors import NotReturnable
from orders.models import Order, Return, ReturnState
from payments import refunds
from payments.errors import NotRefundable

Units = Mapping[int, int]


@use_case
def request(
    *, order_id: UUID, user_id: int | None, quantities: Units, reason: str
) -> Return:
    """Ask to send units back, by line id, as the order's shopper.

    ``user_id`` ``None`` is a guest. Raises ``OrderNotFound``, ``NothingToReturn``,
    ``NotReturnable`` or ``ReturnPending``.
    """
    order = lock_own(order_id, user_id)
    return _open(order, quantities, reason)


@use_case
def open_for_shopper(*, order_id: UUID, quantities: Units, reason: str) -> Return:
    """Note, as staff, that a shopper sends something back; raises as ``request``."""
    return _open(orders.lock(order_id, user_id=None), quantities, reason)


@use_case
def approve(*, return_id: int, answer: str) -> Return:
    """Agree to a return; ``answer`` is for the shopper."""
    return _answer(return_id, ReturnState.APPROVED, answer)


@use_case
def reject(*, return_id: int, answer: str) -> Return:
    """Refuse a return; ``answer`` tells the shopper why."""
    return _answer(return_id, ReturnState.REJECTED, answer)


@use_case
def withdraw(*, return_id: int, order_id: UUID, user_id: int | None) -> Return:
    """Take a return back, as the shopper (``None`` is a guest)."""
    lock_own(order_id, user_id)
    asked = returns.find(return_id, order_id=order_id)
    returns.become(asked, ReturnState.WITHDRAWN)
    return asked


@use_case
def close(*, return_id: int) -> Return:
    """Give a return up, as staff, because nothing has come."""
    _order, asked = _lock(return_id)
    returns.become(asked, ReturnState.WITHDRAWN)
    return asked


@use_case
def receive(
    *,
    return_id: int,
    restocked: Units,
    delivery: int | None = None,
    actor_id: int | None,
) -> Return:
    """Take an approved return in and give its money back, once.

    ``restocked`` says by line id how many go back on the shelf; the rest is written
    off. ``delivery`` is what of the delivery cost goes back, nothing if ``None``.
    Raises ``ReturnNotFound``, ``InvalidReturnStep`` or ``NotRefundable``.
    """
    order, asked = _lock(return_id)
    returns.become(asked, ReturnState.RECEIVED)
    quantities = dict(asked.lines.values_list("order_line_id", "quantity"))
    if unknown := set(restocked) - set(quantities):
        raise NotRefundable(line_id=min(unknown), left=0)
    refund_plan = refunds.plan(order, quantities, delivery=delivery)
    name = f"return/{asked.pk}"
    made = refunds.carry_out(
        order, refund_plan, reason=asked.reason, actor_id=actor_id, key=name
    )
    back = {line_id: restocked.get(line_id, 0) for line_id in quantities}
    put_back(made, back, reference=name)
    returns.note_restocked(asked, back)
    facts = refund_facts(made, refund_plan)
    publish("return.received", order, **{"return": return_facts(asked)})
    publish("order.refunded", order, refund=facts)
    return asked


def return_facts(asked: Return) -> dict[str, Any]:
    """Describe a return for an event."""
    lines = asked.lines.select_related("order_line").order_by("pk")
    return {
        "id": asked.pk,
        "state": asked.state,
        "reason": asked.reason,
        "answer": asked.answer,
        "lines": [
            {
                "line_id": line.order_line_id,
                "name": line.order_line.name,
                "quantity": line.quantity,
                "restocked": line.restocked,
            }
            for line in lines
        ],
    }


def _open(order: Order, quantities: Units, reason: str) -> Return:
    wanted = {line_id: quantity for line_id, quantity in quantities.items() if quantity}
    left = standing_of(order.pk).to_return
    if not wanted:
        raise NothingToReturn
    for line_id, quantity in wanted.items():
        if not 1 <= quantity <= left.get(line_id, 0):
            raise NotReturnable(line_id=line_id, left=left.get(line_id, 0))
    opened = returns.open_return(order, wanted, reason=reason)
    publish("return.requested", order, **{"return": return_facts(opened)})
    return opened


def _answer(return_id: int, state: ReturnState, answer: str) -> Return:
    order, asked = _lock(return_id)
    returns.become(asked, state, answer=answer)
    facts = {"return": return_facts(asked), "reason": asked.answer}
    publish(f"return.{state.value}", order, **facts)
    return asked


def _lock(return_id: int) -> tuple[Order, Return]:
    order = orders.lock(returns.order_of(return_id), user_id=None)
    return order, returns.find(return_id, order_id=order.pk)
