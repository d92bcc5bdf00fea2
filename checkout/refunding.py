"""Money that goes back for goods which are not sent, or which have come back.

Nothing is decided here that ``payments.planner`` does not say; what follows from it is:
goods on the shelf, the coupon, the order's status, and one event.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from checkout.errors import DeliveryKept, OrderNotRefundable, RefundKeyReused
from checkout.parcels import move_on, publish
from checkout.standing import standing_of
from common.db import requires_transaction, use_case
from inventory import services as inventory
from orders import services as orders
from orders.errors import OrderNotFound
from orders.models import SETTLED, Order, OrderStatus
from payments import refunds
from payments.errors import NothingToRefund, NotRefundable
from payments.models import Refund
from payments.planner import RefundPlan
from promotions import services as promotions

Units = Mapping[int, int]


def plan(*, order_id: UUID, quantities: Units, delivery: int | None) -> RefundPlan:
    """Say what a refund of units, by line id, would give back, and by which payments.

    Nothing is locked or written. Raises as ``refund`` does.
    """
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound
    return _plan(order, _wanted(quantities), delivery)


@use_case
def refund(
    *,
    order_id: UUID,
    quantities: Units,
    delivery: int | None = None,
    restock: Units | None = None,
    reason: str,
    actor_id: int | None,
    key: str,
    as_points: bool = False,
) -> Refund:
    """Give back units that were not sent, and of ``delivery`` an amount or by the rule.

    ``restock`` says how many of each line go back on the shelf, all of them if
    ``None``; the others are written off. What was sent comes back by a return. With
    ``as_points`` the shopper gets points for money of providers, too. The same ``key``
    gives the same refund again.

    Raises ``OrderNotRefundable``, ``NotRefundable``, ``NothingToRefund``,
    ``DeliveryKept``, ``NobodyToPay`` or ``RefundKeyReused``.
    """
    order = orders.lock(order_id, user_id=None)
    wanted = _wanted(quantities)
    name = f"order/{order.pk}/{key}"
    found = refunds.find(name)
    if found is not None:
        return _same(found, wanted, delivery, restock, as_points=as_points)
    refund_plan = _plan(order, wanted, delivery)
    made = refunds.carry_out(
        order,
        refund_plan,
        reason=reason,
        actor_id=actor_id,
        key=name,
        as_points=as_points,
    )
    topics = move_on(order, actor_id=actor_id, reason=reason)
    put_back(made, restock, reference=f"refund/{made.pk}")
    if order.status == OrderStatus.CANCELLED:
        promotions.release(order_id=order.pk)
    facts = refund_facts(made, refund_plan)
    if as_points:
        facts["points"] = made.amount
    publish("order.refunded", order, refund=facts)
    for topic in topics:
        publish(topic, order)
    return made


@requires_transaction
def put_back(made: Refund, restock: Units | None, *, reference: str) -> None:
    """Put the goods of a refund back on the shelf, or write them off."""
    good, bad = {}, {}
    for line in made.lines.order_by("product_id"):
        shelved = line.quantity
        if restock is not None:
            shelved = restock.get(line.order_line_id, 0)
        if not 0 <= shelved <= line.quantity:
            raise NotRefundable(line_id=line.order_line_id, left=line.quantity)
        if shelved:
            good[line.product_id] = shelved
        if shelved < line.quantity:
            bad[line.product_id] = line.quantity - shelved
    if made.order_id is not None and (good or bad):
        inventory.sort_out(
            order_id=made.order_id,
            good=good,
            bad=bad,
            reference=reference,
            reason=made.reason,
            actor_id=made.actor_id,
        )


def refund_facts(made: Refund, refund_plan: RefundPlan) -> dict[str, Any]:
    """Describe a refund for an event."""
    lines = made.lines.select_related("order_line").order_by("pk")
    return {
        "id": made.pk,
        "amount": made.amount,
        "points": refund_plan.points,
        "delivery": made.delivery_amount,
        "reason": made.reason,
        "refunded_at": made.refunded_at.isoformat(),
        "lines": [
            {
                "line_id": line.order_line_id,
                "name": line.order_line.name,
                "quantity": line.quantity,
                "amount": line.amount,
            }
            for line in lines
        ],
    }


def _wanted(quantities: Units) -> dict[int, int]:
    return {line_id: quantity for line_id, quantity in quantities.items() if quantity}


def _plan(order: Order, wanted: dict[int, int], delivery: int | None) -> RefundPlan:
    if order.status not in SETTLED:
        raise OrderNotRefundable(status=order.status, wanted="refunded")
    standing = standing_of(order.pk)
    for line_id, quantity in wanted.items():
        left = standing.to_send.get(line_id, 0)
        if not 1 <= quantity <= left:
            raise NotRefundable(line_id=line_id, left=left)
    found = refunds.plan(order, wanted, delivery=delivery)
    if not found.lines and not found.delivery:
        raise NothingToRefund
    if found.is_complete and standing.is_unsent and found.delivery_kept:
        raise DeliveryKept
    return found


def _same(
    found: Refund,
    wanted: dict[int, int],
    delivery: int | None,
    restock: Units | None,
    *,
    as_points: bool,
) -> Refund:
    if as_points != refunds.went_as_points(found):
        raise RefundKeyReused
    lines = dict(found.lines.values_list("order_line_id", "quantity"))
    if lines != wanted or delivery not in {None, found.delivery_amount}:
        raise RefundKeyReused
    products = dict(found.lines.values_list("order_line_id", "product_id"))
    shelved = inventory.put_back_by(f"refund/{found.pk}", order_id=found.order_id)
    back = wanted if restock is None else restock
    if any(shelved.get(products[pk], 0) != back.get(pk, 0) for pk in wanted):
        raise RefundKeyReused
    return found
