"""How parcels, refunds and returns of an order are shown."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypedDict
from uuid import UUID

from api.shapes import MoneyJson, money
from orders.models import Fulfilment, Order, OrderLine, Return
from payments.models import Payment, Refund
from payments.planner import RefundPlan

Stage = Literal["shipped", "in_transit", "out_for_delivery", "delivered"]
ReturnStatus = Literal["requested", "approved", "rejected", "received", "withdrawn"]
Lines = Mapping[int, OrderLine]


class UnitsJson(TypedDict):
    """So many units of a product of the order."""

    product_id: int
    name: str
    quantity: int


class ScanJson(TypedDict):
    """A line of a parcel's way, as its carrier told it."""

    status: Stage
    text: str
    place: str
    happened_at: datetime


class ShipmentJson(TypedDict):
    """A parcel on its way; ``scans`` are in the order of time."""

    id: int
    carrier: str
    tracking_number: str
    tracking_url: str
    status: Stage
    shipped_at: datetime
    delivered_at: datetime | None
    items: list[UnitsJson]
    scans: list[ScanJson]


class TrackingJson(TypedDict):
    """Where an order's parcels are, and what is still to be sent."""

    order_id: UUID
    number: str
    status: str
    shipments: list[ShipmentJson]
    to_send: list[UnitsJson]


class RefundedUnitsJson(UnitsJson):
    """Units of a product, and what goes back for them."""

    amount: MoneyJson


class RefundLegJson(TypedDict):
    """What goes back through one payment; ``pending`` is on its way to the payer."""

    method: str
    amount: MoneyJson
    status: Literal["pending", "done", "refused"]


class RefundJson(TypedDict):
    """Money that went back: ``amount`` is the sum of its parts, and of its legs."""

    id: int
    amount: MoneyJson
    delivery: MoneyJson
    reason: str
    refunded_at: datetime
    items: list[RefundedUnitsJson]
    legs: list[RefundLegJson]


class PlannedLegJson(TypedDict):
    """What would go back through one payment."""

    method: str
    amount: MoneyJson


class RefundPlanJson(TypedDict):
    """What a refund would give back. Nothing has happened yet.

    With ``is_complete`` nothing is left to give back for goods.
    """

    amount: MoneyJson
    delivery: MoneyJson
    items: list[RefundedUnitsJson]
    legs: list[PlannedLegJson]
    is_complete: bool


class ReturnedUnitsJson(UnitsJson):
    """Units that come back, and how many of them can be sold again."""

    restocked: int


class ReturnJson(TypedDict):
    """Goods on their way back; ``answer`` is the shop's."""

    id: int
    order_id: UUID
    status: ReturnStatus
    reason: str
    answer: str
    requested_at: datetime
    closed_at: datetime | None
    items: list[ReturnedUnitsJson]


# What is read along with an order, so that these take no statement of their own.
LINES = ("lines",)
WITH_PARCELS = ("fulfilments__lines", "fulfilments__events")
WITH_REFUNDS = ("refunds__lines", "refunds__legs")
WITH_RETURNS = ("returns__lines",)


def lines_of(order: Order) -> Lines:
    """Return an order's lines by their ids."""
    return {line.pk: line for line in order.lines.all()}


def shipments_json(order: Order) -> list[ShipmentJson]:
    lines = lines_of(order)
    parcels = sorted(order.fulfilments.all(), key=lambda parcel: parcel.pk)
    return [_shipment(parcel, lines) for parcel in parcels]


def refunds_json(order: Order) -> list[RefundJson]:
    lines, methods = lines_of(order), methods_of(order)
    found = sorted(order.refunds.all(), key=lambda refund: refund.pk)
    return [refund_json(refund, lines, methods) for refund in found]


def returns_json(order: Order) -> list[ReturnJson]:
    lines = lines_of(order)
    found = sorted(order.returns.all(), key=lambda asked: asked.pk)
    return [return_json(asked, lines) for asked in found]


def methods_of(order: Order) -> dict[UUID, str]:
    """Return by which method each of an order's payments was made."""
    payments: list[Payment] = list(order.payments.all())
    return {payment.pk: payment.method for payment in payments}


def refund_json(
    refund: Refund, lines: Lines, methods: Mapping[UUID, str]
) -> RefundJson:
    return {
        "id": refund.pk,
        "amount": money(refund.amount),
        "delivery": money(refund.delivery_amount),
        "reason": refund.reason,
        "refunded_at": refund.refunded_at,
        "items": [
            {
                **units(lines[line.order_line_id], line.quantity),
                "amount": money(line.amount),
            }
            for line in sorted(refund.lines.all(), key=lambda line: line.pk)
        ],
        "legs": [
            {
                "method": methods[leg.payment_id],
                "amount": money(leg.amount),
                "status": leg.state,  # type: ignore[typeddict-item]  # the column's own choices
            }
            for leg in sorted(refund.legs.all(), key=lambda leg: leg.pk)
        ],
    }


def plan_json(
    plan: RefundPlan, lines: Lines, methods: Mapping[UUID, str]
) -> RefundPlanJson:
    return {
        "amount": money(plan.amount),
        "delivery": money(plan.delivery),
        "items": [
            {
                **units(lines[line.line_id], line.quantity),
                "amount": money(line.amount),
            }
            for line in plan.lines
        ],
        "legs": [
            {"method": methods[leg.payment_id], "amount": money(leg.amount)}
            for leg in plan.legs
        ],
        "is_complete": plan.is_complete,
    }


def return_json(asked: Return, lines: Lines) -> ReturnJson:
    return {
        "id": asked.pk,
        "order_id": asked.order_id,
        "status": asked.state,  # type: ignore[typeddict-item]  # the column's own choices
        "reason": asked.reason,
        "answer": asked.answer,
        "requested_at": asked.requested_at,
        "closed_at": asked.closed_at,
        "items": [
            {
                **units(lines[line.order_line_id], line.quantity),
                "restocked": line.restocked,
            }
            for line in sorted(asked.lines.all(), key=lambda line: line.pk)
        ],
    }


def units(line: OrderLine, quantity: int) -> UnitsJson:
    return {"product_id": line.product_id, "name": line.name, "quantity": quantity}


def _shipment(parcel: Fulfilment, lines: Lines) -> ShipmentJson:
    scans = sorted(parcel.events.all(), key=lambda scan: (scan.happened_at, scan.pk))
    return {
        "id": parcel.pk,
        "carrier": parcel.carrier,
        "tracking_number": parcel.tracking_number,
        "tracking_url": parcel.tracking_url,
        "status": parcel.stage,  # type: ignore[typeddict-item]  # the column's own choices
        "shipped_at": parcel.shipped_at,
        "delivered_at": parcel.delivered_at,
        "items": [
            units(lines[content.order_line_id], content.quantity)
            for content in sorted(parcel.lines.all(), key=lambda content: content.pk)
        ],
        "scans": [
            {
                "status": scan.stage,  # type: ignore[typeddict-item]  # the column's own choices
                "text": scan.text,
                "place": scan.place,
                "happened_at": scan.happened_at,
            }
            for scan in scans
        ],
    }
