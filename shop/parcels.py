"""What a shopper sees of an order's parcels, returns and refunds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Prefetch
from django.db.models.functions import JSONObject

from checkout.standing import standing_of
from orders.models import (
    OPEN_RETURNS,
    Fulfilment,
    FulfilmentEvent,
    FulfilmentLine,
    Order,
    OrderStatus,
    ParcelStage,
    Return,
    ReturnLine,
)
from payments.models import RefundLeg

Units = Sequence[tuple[int, str]]


def _units_of(lines: Any) -> ArraySubquery:
    units = JSONObject(line=F("order_line_id"), quantity=F("quantity"))
    return ArraySubquery(lines.order_by("pk").values(unit=units))


# What is read along, in a statement each: ten parcels take as many as one.
PARCELS = Prefetch(
    "fulfilments",
    Fulfilment.objects.annotate(
        units=_units_of(FulfilmentLine.objects.filter(fulfilment=OuterRef("pk"))),
        scans=ArraySubquery(
            FulfilmentEvent.objects.filter(fulfilment=OuterRef("pk"))
            .order_by("-happened_at", "-pk")
            .values(
                scan=JSONObject(
                    text=F("text"),
                    stage=F("stage"),
                    place=F("place"),
                    at=F("happened_at"),
                )
            )
        ),
    ),
)
RETURNS = Prefetch(
    "returns",
    Return.objects.annotate(
        units=_units_of(ReturnLine.objects.filter(parent=OuterRef("pk")))
    ),
)


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
    units: Units
    stops: Sequence[Stop]


@dataclass(frozen=True)
class Asked:
    """A return as its page draws it."""

    row: Return
    units: Units


@dataclass(frozen=True)
class Goods:
    """How the goods of an order stand, and what its shopper can do about it."""

    parcels: Sequence[Parcel]
    returns: Sequence[Asked]
    # Units that still have to be sent, if a part was.
    to_send: Units
    can_confirm: bool
    can_return: bool


def goods_of(order: Order) -> Goods:
    """Return what a page shows.

    The order was read with its lines, ``PARCELS`` and ``RETURNS``.
    """
    names = {line.pk: line.name for line in order.lines.all()}
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
        parcels=[_drawn(parcel, names) for parcel in parcels],
        returns=[Asked(row, _named(row, names)) for row in returns],
        to_send=to_send,
        can_confirm=order.status == OrderStatus.SHIPPED,
        can_return=can_return,
    )


def legs_of(order: Order) -> list[RefundLeg]:
    """Return what goes back, and by which payment, in the order of time."""
    legs = RefundLeg.objects.filter(refund__order=order, amount__gt=0)
    return list(legs.select_related("refund", "payment").order_by("pk"))


def _drawn(parcel: Fulfilment, names: Mapping[int, str]) -> Parcel:
    scans: list[dict[str, str]] = parcel.scans  # type: ignore[attr-defined]  # as annotated
    return Parcel(
        carrier=parcel.carrier,
        number=parcel.tracking_number,
        url=parcel.tracking_url,
        stage=parcel.get_stage_display(),
        is_there=parcel.delivered_at is not None,
        units=_named(parcel, names),
        stops=[
            Stop(
                scan["text"] or str(ParcelStage(scan["stage"]).label),
                scan["place"],
                datetime.fromisoformat(scan["at"]),
            )
            for scan in scans
        ],
    )


def _named(row: Any, names: Mapping[int, str]) -> Units:
    """Return the units that a row was annotated with, under their lines' names."""
    return [(unit["quantity"], names[unit["line"]]) for unit in row.units]
