"""The steps of an order as its page draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.money import money
from orders.models import DEAD, Order, OrderEvent, OrderStatus
from payments.models import RefundLeg

STEPS: tuple[tuple[OrderStatus, str, Promise], ...] = (
    (OrderStatus.PENDING, "check", gettext_lazy("Placed")),
    (OrderStatus.PAID, "coin", gettext_lazy("Paid")),
    (OrderStatus.PROCESSING, "box", gettext_lazy("Packed")),
    (OrderStatus.SHIPPED, "truck", gettext_lazy("Shipped")),
    (OrderStatus.DELIVERED, "home", gettext_lazy("Delivered")),
)
ENDS: dict[OrderStatus, Promise] = {
    OrderStatus.CANCELLED: gettext_lazy("Cancelled"),
    OrderStatus.EXPIRED: gettext_lazy("Expired: not paid in time"),
}


@dataclass(frozen=True)
class Step:
    """One step: done, the current one, or still to come."""

    status: str
    icon: str
    label: str | Promise
    at: datetime | None
    is_current: bool
    # When it is expected, while it is still to come.
    expected: date | None = None

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
        Step(
            status,
            icon,
            label,
            times.get(status),
            is_current=status == order.status,
            expected=order.deliver_by if status == OrderStatus.DELIVERED else None,
        )
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


@dataclass(frozen=True)
class Past:
    """Something that happened to an order, in words."""

    at: datetime
    text: str


def history_of(
    order: Order,
    events: Sequence[OrderEvent],
    moved_at: Sequence[datetime],
    refunds: Sequence[RefundLeg],
) -> list[Past]:
    """Return all that happened to an order, the newest first.

    ``moved_at`` is when it was sent elsewhere. Its returns were read with it.
    """
    found = [Past(event.happened_at, _word(event)) for event in events]
    found += [Past(at, _("Sent to another address")) for at in moved_at]
    for asked in order.returns.all():
        found.append(Past(asked.requested_at, _("Return asked for")))
        if asked.closed_at:
            state = asked.get_state_display()
            found.append(
                Past(asked.closed_at, _("Return: %(state)s") % {"state": state})
            )
    for leg in refunds:
        text = _("Refund of %(amount)s") % {"amount": money(leg.amount)}
        found.append(Past(leg.refund.refunded_at, text))
    return sorted(found, key=lambda past: past.at, reverse=True)


def _word(event: OrderEvent) -> str:
    words = {status: label for status, _icon, label in STEPS} | ENDS
    return str(words[OrderStatus(event.to_status)])
