"""What a shopper sees of an order's parcels, returns and refunds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from checkout.standing import standing_of
from orders.models import OPEN_RETURNS, Fulfilment, Order, OrderStatus, Return
from payments.models import RefundLeg

# What is read along: ten parcels take as many statements as one.
PARCELS = ("fulfilments__lines__order_line", "fulfilments__events")
RETURNS = ("returns__lines__order_line",)


@dataclass(frozen=True)
class Stop:
    """A place where a parcel was seen, or what was said of it."""

    text: str
    place: str
    at: datetime


@dataclass(frozen=True)
class Parcel:
    """A parcel as its page draws it: the newest stop first."""

    carrier: str
    number: str
    url: str
    stage: str
    is_there: bool
    units: Sequence[tuple[int, str]]
    stops: Sequence[Stop]


@dataclass(frozen=True)
class Goods:
    """How the goods of an order stand, and what its shopper can do about it."""

    parcels: Sequence[Parcel]
    returns: Sequence[Return]
    # Units that still have to be sent, if a part was.
    to_send: Sequence[tuple[int, str]]
    can_confirm: bool
    can_return: bool


def goods_of(order: Order) -> Goods:
    """Return what a page shows; the order was read with ``PARCELS`` and ``RETURNS``."""
    parcels = sorted(order.fulfilments.all(), key=lambda parcel: parcel.pk)
    returns = sorted(order.returns.all(), key=lambda asked: -asked.pk)
    to_send: list[tuple[int, str]] = []
    can_return = False
    if parcels:
        standing = standing_of(order.pk)
        is_open = any(asked.state in OPEN_RETURNS for asked in returns)
        can_return = bool(standing.to_return) and not is_open
        to_send = [
            (line.left_to_send, line.name)
            for line in standing.lines
            if line.left_to_send
        ]
    return Goods(
        parcels=[_drawn(parcel) for parcel in parcels],
        returns=returns,
        to_send=to_send,
        can_confirm=order.status == OrderStatus.SHIPPED,
        can_return=can_return,
    )


def legs_of(order: Order) -> list[RefundLeg]:
    """Return what goes back, and by which payment, in the order of time."""
    legs = RefundLeg.objects.filter(refund__order=order, amount__gt=0)
    return list(legs.select_related("refund", "payment").order_by("pk"))


def _drawn(parcel: Fulfilment) -> Parcel:
    events = sorted(parcel.events.all(), key=lambda event: event.happened_at)
    return Parcel(
        carrier=parcel.carrier,
        number=parcel.tracking_number,
        url=parcel.tracking_url,
        stage=parcel.get_stage_display(),
        is_there=parcel.delivered_at is not None,
        units=[
            (line.quantity, line.order_line.name)
            for line in sorted(parcel.lines.all(), key=lambda line: line.pk)
        ],
        stops=[
            Stop(
                event.text or event.get_stage_display(), event.place, event.happened_at
            )
            for event in reversed(events)
        ],
    )
