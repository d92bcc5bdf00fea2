"""The steps of an order as its page draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.models import DEAD, Order, OrderEvent, OrderStatus

STEPS: tuple[tuple[OrderStatus, str, Promise], ...] = (
    (OrderStatus.PENDING, "check", _("Placed")),
    (OrderStatus.PAID, "coin", _("Paid")),
    (OrderStatus.PROCESSING, "box", _("Packed")),
    (OrderStatus.SHIPPED, "truck", _("Shipped")),
    (OrderStatus.DELIVERED, "home", _("Delivered")),
)
ENDS = {
    OrderStatus.CANCELLED: _("Cancelled"),
    OrderStatus.EXPIRED: _("Expired: not paid in time"),
}


@dataclass(frozen=True)
class Step:
    """One step: done, the current one, or still to come."""

    status: str
    icon: str
    label: str | Promise
    at: datetime | None
    is_current: bool

    @property
    def is_done(self) -> bool:
        return self.at is not None


def steps_of(order: Order, events: Sequence[OrderEvent]) -> list[Step]:
    """Return the five steps, or those taken and the end of a dead order."""
    times = {event.to_status: event.happened_at for event in events}
    times[OrderStatus.PENDING] = order.placed_at
    if order.status in DEAD:
        return _ended(order, times)
    return [
        Step(status, icon, label, times.get(status), is_current=status == order.status)
        for status, icon, label in STEPS
    ]


def _ended(order: Order, times: dict[str, datetime]) -> list[Step]:
    taken = [
        Step(status, icon, label, times[status], is_current=False)
        for status, icon, label in STEPS
        if status in times
    ]
    status = OrderStatus(order.status)
    return [
        *taken,
        Step(status, "cross", ENDS[status], order.closed_at, is_current=True),
    ]
