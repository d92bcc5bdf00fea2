"""Sending a placed order elsewhere or another way, as long as it is not packed."""

from uuid import UUID

from django.utils import timezone

from checkout.errors import (
    DeliveryCostsMore,
    DeliveryMethodUnavailable,
    DeliveryTooLate,
)
from checkout.parcels import lock_own, publish
from common.db import use_case
from delivery import selectors as deliveries
from delivery.models import DeliveryKind
from delivery.promise import promise
from delivery.terms import DeliveryTerms
from orders import services as orders
from orders.errors import AddressNotChangeable
from orders.models import Order


@use_case
def change_address(
    *, order_id: UUID, user_id: int | None, address: dict[str, str]
) -> Order:
    """Send an order elsewhere by the way it was ordered, at the price it was ordered.

    ``user_id`` ``None`` is the guest of an unclaimed order. Raises ``OrderNotFound``,
    ``AddressNotChangeable``, ``DeliveryMethodUnavailable`` or ``DeliveryCostsMore``.
    """
    order = lock_own(order_id, user_id)
    orders.check_address_changeable(order)
    if address == order.address:
        return order
    if order.delivery_method:
        _check_way(order, address)
    orders.change_address(order, address, actor_id=user_id)
    publish("order.address_changed", order)
    return order


@use_case
def change_delivery(*, order_id: UUID, user_id: int | None, method: str) -> Order:
    """Have an order brought another way, for no more and no later than was ordered.

    ``user_id`` ``None`` is the guest of an unclaimed order. Raises ``OrderNotFound``,
    ``OrderNotChangeable``, ``DeliveryMethodUnavailable``, ``DeliveryCostsMore`` or
    ``DeliveryTooLate``.
    """
    order = lock_own(order_id, user_id)
    orders.check_changeable(order)
    if method == order.delivery_method:
        return order
    way = _way(method, order.address)
    is_pickup = "pickup_point" in order.address
    if way is None or is_pickup or way.kind == DeliveryKind.PICKUP:
        raise DeliveryMethodUnavailable
    _check_cost(order, way)
    latest = promise(way.schedule, now=timezone.now()).latest
    if order.deliver_by is not None and latest > order.deliver_by:
        raise DeliveryTooLate(
            promised=order.deliver_by.isoformat(), latest=latest.isoformat()
        )
    orders.change_delivery(order, method)
    return order


@use_case
def write_note(*, order_id: UUID, user_id: int | None, note: str) -> Order:
    """Keep what an order's shopper says to whoever packs it, until it is packed.

    ``user_id`` ``None`` is the guest of an unclaimed order. Raises ``OrderNotFound``
    or ``OrderNotChangeable``.
    """
    order = lock_own(order_id, user_id)
    orders.check_changeable(order)
    orders.write_note(order, note)
    return order


def _check_way(order: Order, address: dict[str, str]) -> None:
    """Raise unless the order's way of delivery leads there for no more."""
    way = _way(order.delivery_method, address)
    if way is not None and way.kind == DeliveryKind.PICKUP:
        raise AddressNotChangeable(status=order.status)
    if way is None:
        raise DeliveryMethodUnavailable
    _check_cost(order, way)


def _check_cost(order: Order, way: DeliveryTerms) -> None:
    weight = _weight(order)
    cost = way.table_cost(weight, order.subtotal)
    if cost is None:
        raise DeliveryMethodUnavailable
    if cost <= order.delivery_cost:
        return
    before = _way(order.delivery_method, order.address)
    # Delivery may have been free by a promotion: that holds for the new way, too.
    usual = before.table_cost(weight, order.subtotal) if before else None
    if usual is None or cost > usual:
        raise DeliveryCostsMore(paid=order.delivery_cost, cost=cost)


def _way(code: str, address: dict[str, str]) -> DeliveryTerms | None:
    return next((way for way in deliveries.ways(address) if way.code == code), None)


def _weight(order: Order) -> int:
    lines = order.lines.values_list("quantity", "product__weight_grams")
    return sum(quantity * (grams or 0) for quantity, grams in lines)
