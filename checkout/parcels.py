"""Goods on their way: packed, handed over in one parcel or several, and followed.

An order is shipped once nothing of it is left to send, and delivered once all of its
parcels are. Until then it stays in processing, however many parcels are under way.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from checkout.standing import Standing, standing_of
from common.db import requires_transaction, use_case
from coupons import services as coupons
from delivery.carriers.base import Tracking
from orders import events, parcels
from orders import services as orders
from orders.errors import NotShippable
from orders.models import Fulfilment, Order, OrderStatus, ParcelStage
from orders.parcels import Shipment
from outbox import services as outbox

logger = logging.getLogger(__name__)


@use_case
def pack(*, order_id: UUID, actor_id: int | None) -> Order:
    """Begin to pack a paid order."""
    order = orders.lock_for(OrderStatus.PROCESSING, order_id=order_id, user_id=None)
    orders.become(order, OrderStatus.PROCESSING, actor_id=actor_id)
    return order


@use_case
def ship(
    *,
    order_id: UUID,
    carrier: str,
    tracking_number: str = "",
    tracking_url: str = "",
    lines: Mapping[int, int] | None = None,
    shipment: Shipment | None = None,
    actor_id: int | None,
) -> Order:
    """Hand units of a packed order, by line id, to a carrier; all that is left if None.

    ``shipment`` is for a parcel that a carrier's adapter has made a label for: the same
    label twice is one parcel. Raises ``InvalidTransition`` or ``NotShippable``.
    """
    order = orders.lock_for(OrderStatus.SHIPPED, order_id=order_id, user_id=None)
    standing = standing_of(order.pk)
    wanted = check_shippable(standing, lines)
    if shipment is None:
        shipment = Shipment(
            carrier, tracking_number=tracking_number, tracking_url=tracking_url
        )
    if parcels.is_sent(order, shipment):
        return order
    parcel = parcels.send(order, replace(shipment, carrier=carrier), wanted)
    is_last = wanted == dict(standing.to_send)
    if is_last:
        orders.become(order, OrderStatus.SHIPPED, actor_id=actor_id)
    publish("order.shipped", order, parcel=parcel_facts(parcel, is_last=is_last))
    return order


def check_shippable(
    standing: Standing, lines: Mapping[int, int] | None
) -> dict[int, int]:
    """Return what is to be sent, by line id; raise ``NotShippable``."""
    left = dict(standing.to_send)
    wanted = left if lines is None else {pk: n for pk, n in lines.items() if n}
    if not wanted:
        raise NotShippable(line_id=None, left=0)
    for line_id, quantity in wanted.items():
        if not 1 <= quantity <= left.get(line_id, 0):
            raise NotShippable(line_id=line_id, left=left.get(line_id, 0))
    return wanted


@use_case
def deliver(*, order_id: UUID, actor_id: int | None) -> Order:
    """Note that all parcels of a shipped order have arrived, as staff know."""
    order = orders.lock(order_id, user_id=None)
    return _arrive(order, actor_id=actor_id, said_by="staff")


@use_case
def confirm_receipt(*, order_id: UUID, user_id: int | None) -> Order:
    """Note that the shopper (``None`` is a guest) has all of a shipped order."""
    order = lock_own(order_id, user_id)
    return _arrive(order, actor_id=user_id, said_by="shopper")


@requires_transaction
def lock_own(order_id: UUID, user_id: int | None) -> Order:
    """Lock an order as its shopper; ``None`` is the guest of an unclaimed one."""
    if user_id is None:
        return orders.lock_of_guest(order_id)
    return orders.lock(order_id, user_id=user_id)


def _arrive(order: Order, *, actor_id: int | None, said_by: str) -> Order:
    orders.check(order, OrderStatus.DELIVERED)
    parcels.arrive(order, said_by=said_by)
    for topic in move_on(order, actor_id=actor_id):
        publish(topic, order)
    return order


def record_tracking(carrier_code: str, tracking: Tracking) -> int:
    """Take down what a carrier says; return how many parcels it concerned.

    Known, late and disordered scans change nothing, and a number that is not ours
    concerns no parcel.
    """
    found = parcels.find(carrier_code, tracking.tracking_number)
    for parcel_id, _order_id in found:
        _take_down(parcel_id, tracking)
    if not found:
        logger.warning("%s: unknown parcel %s", carrier_code, tracking.tracking_number)
    return len(found)


@use_case
def _take_down(parcel_id: int, tracking: Tracking) -> None:
    order_id = Fulfilment.objects.values_list("order_id", flat=True).get(pk=parcel_id)
    order = orders.lock(order_id, user_id=None)
    parcel = Fulfilment.objects.get(pk=parcel_id)
    stage = parcels.take_down(parcel, tracking.scans)
    if stage == ParcelStage.OUT_FOR_DELIVERY:
        publish("order.out_for_delivery", order, parcel=parcel_facts(parcel))
    if stage == ParcelStage.DELIVERED:
        for topic in move_on(order, actor_id=None):
            publish(topic, order)


@requires_transaction
def move_on(order: Order, *, actor_id: int | None, reason: str = "") -> list[str]:
    """Move a locked order to where its goods are; return what there is to tell.

    Nothing left to send: it is shipped, or cancelled if nothing was ever sent and all
    its money is back. All parcels there: it is delivered. Stock and promotions of a
    cancelled one are the caller's to give back: they come last in the lock order.
    """
    topics = []
    if order.status in {OrderStatus.PAID, OrderStatus.PROCESSING}:
        standing = standing_of(order.pk)
        if not standing.to_send and standing.is_unsent:
            orders.become(
                order, OrderStatus.CANCELLED, actor_id=actor_id, reason=reason
            )
            coupons.release(order_id=order.pk)
            topics.append("order.cancelled")
        elif not standing.to_send:
            orders.become(order, OrderStatus.SHIPPED, actor_id=actor_id, reason=reason)
    if order.status == OrderStatus.SHIPPED and parcels.all_arrived(order):
        orders.become(order, OrderStatus.DELIVERED, actor_id=actor_id)
        topics.append("order.delivered")
    return topics


@requires_transaction
def publish(topic: str, order: Order, **more: Any) -> None:
    """Tell others of a locked order, with more than its payload if need be."""
    outbox.publish(
        topic=topic,
        aggregate=f"order/{order.pk}",
        payload=events.payload(order) | more,
    )


def parcel_facts(parcel: Fulfilment, *, is_last: bool | None = None) -> dict[str, Any]:
    """Describe a parcel for an event; ``is_last`` says that nothing is left to send."""
    lines = parcel.lines.select_related("order_line").order_by("pk")
    facts: dict[str, Any] = {
        "id": parcel.pk,
        "carrier": parcel.carrier,
        "tracking_number": parcel.tracking_number,
        "tracking_url": parcel.tracking_url,
        "lines": [
            {
                "line_id": line.order_line_id,
                "name": line.order_line.name,
                "quantity": line.quantity,
            }
            for line in lines
        ],
    }
    return facts if is_last is None else facts | {"is_last": is_last}
