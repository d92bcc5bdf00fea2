"""How an order is shown: from the database, or from the draft about to be written."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

from api.shapes import AddressJson, MoneyJson, money
from api.v1.cart_shapes import AdjustmentJson, adjustments_json
from api.v1.parcel_shapes import (
    WITH_PARCELS,
    WITH_REFUNDS,
    WITH_RETURNS,
    RefundJson,
    ReturnJson,
    ShipmentJson,
    refunds_json,
    returns_json,
    shipments_json,
)
from checkout.standing import standing_of
from orders.drafts import Draft
from orders.models import OPEN_RETURNS, Order, OrderStatus
from payments.models import Payment, PaymentState

Status = Literal[
    "pending", "paid", "processing", "shipped", "delivered", "cancelled", "expired"
]
# The last four are for staff.
Action = Literal[
    "pay",
    "cancel",
    "change_address",
    "confirm_receipt",
    "return",
    "repeat",
    "pack",
    "ship",
    "deliver",
    "refund",
]


class OrderLineJson(TypedDict):
    """A product as it was bought: name and price never change again."""

    product_id: int
    sku: str
    name: str
    unit_price: MoneyJson
    quantity: int
    line_total: MoneyJson
    discount_share: MoneyJson


class OrderCouponJson(TypedDict):
    """The coupon an order was placed with."""

    id: int
    name: str


class OrderJson(TypedDict):
    """A purchase. ``total`` = ``subtotal`` - ``discount`` + ``delivery_cost``."""

    id: UUID
    number: str
    user_id: int | None
    status: Status
    items: list[OrderLineJson]
    subtotal: MoneyJson
    discount: MoneyJson
    delivery_cost: MoneyJson
    total: MoneyJson
    adjustments: list[AdjustmentJson]
    coupon: OrderCouponJson | None
    address: AddressJson | dict[str, str]
    delivery_method: str
    # The shopper's words to whoever packs it.
    note: str
    # The last day that the shopper was promised.
    deliver_by: date | None
    placed_at: datetime
    expires_at: datetime | None
    paid_at: datetime | None
    closed_at: datetime | None
    allowed_actions: list[Action]


class NextActionJson(TypedDict):
    """What the payer does now: go to ``url``, where the provider waits."""

    type: Literal["redirect"]
    url: str


class PaymentJson(TypedDict):
    """How an order is paid, or points are bought; those have no ``order_id``.

    ``next_action`` is there while the payer has something to do.
    """

    id: UUID
    order_id: UUID | None
    method: Literal[
        "points", "free", "stripe", "paypal", "btcpay", "sandbox", "by_hand"
    ]
    status: Literal[
        "created", "processing", "authorised", "captured", "failed", "voided"
    ]
    amount: MoneyJson
    refunded: MoneyJson
    captured_at: datetime | None
    next_action: NextActionJson | None


class OrderEventJson(TypedDict):
    """An entry of the timeline; the first one comes from no status."""

    from_status: str
    to_status: Status
    reason: str
    happened_at: datetime


class OrderDetailJson(OrderJson):
    """An order with how it was paid, sent, given back, and what happened when."""

    payments: list[PaymentJson]
    shipments: list[ShipmentJson]
    refunds: list[RefundJson]
    returns: list[ReturnJson]
    timeline: list[OrderEventJson]


class ExpandedOrderJson(OrderJson):
    """An order of a list, with what ``expand`` names of the rest."""

    payments: NotRequired[list[PaymentJson]]
    shipments: NotRequired[list[ShipmentJson]]
    refunds: NotRequired[list[RefundJson]]
    returns: NotRequired[list[ReturnJson]]
    timeline: NotRequired[list[OrderEventJson]]


def draft_json(draft: Draft) -> OrderJson:
    """Render an order as it will stand once it is written."""
    quote = draft.quote
    return {
        "id": draft.id,
        "number": draft.number,
        "user_id": draft.user_id,
        "status": draft.status.value,  # type: ignore[typeddict-item]  # an OrderStatus
        "items": [
            {
                "product_id": line.item.product_id,
                "sku": line.item.sku,
                "name": line.item.name,
                "unit_price": money(line.item.unit_price),
                "quantity": line.item.quantity,
                "line_total": money(line.item.total),
                "discount_share": money(line.discount_share),
            }
            for line in quote.lines
        ],
        "subtotal": money(quote.subtotal),
        "discount": money(quote.discount),
        "delivery_cost": money(quote.delivery_cost),
        "total": money(quote.total),
        "adjustments": adjustments_json(quote),
        "coupon": _coupon(draft.coupon_id, draft.coupon_name),
        "address": draft.address,
        "delivery_method": draft.delivery_method,
        "note": "",
        "deliver_by": draft.deliver_by,
        "placed_at": draft.placed_at,
        "expires_at": draft.expires_at,
        "paid_at": draft.paid_at,
        "closed_at": None,
        "allowed_actions": _actions(draft.status, draft.user_id),
    }


def order_json(order: Order) -> OrderJson:
    """Render an order whose lines are read along with it."""
    return {
        "id": order.pk,
        "number": order.number,
        "user_id": order.user_id,
        "status": order.status,  # type: ignore[typeddict-item]  # the column's own choices
        "items": [
            {
                "product_id": line.product_id,
                "sku": line.sku,
                "name": line.name,
                "unit_price": money(line.unit_price),
                "quantity": line.quantity,
                "line_total": money(line.line_total),
                "discount_share": money(line.discount_share),
            }
            for line in sorted(order.lines.all(), key=lambda line: line.pk)
        ],
        "subtotal": money(order.subtotal),
        "discount": money(order.discount),
        "delivery_cost": money(order.delivery_cost),
        "total": money(order.total),
        "adjustments": [_adjustment(step) for step in order.adjustments],
        "coupon": _coupon(order.coupon_id, order.coupon_name),
        "address": order.address,
        "delivery_method": order.delivery_method,
        "note": order.note,
        "deliver_by": order.deliver_by,
        "placed_at": order.placed_at,
        "expires_at": order.expires_at,
        "paid_at": order.paid_at,
        "closed_at": order.closed_at,
        "allowed_actions": _actions(OrderStatus(order.status), order.user_id),
    }


def order_detail_json(order: Order) -> OrderDetailJson:
    """Render everything about an order that was read with ``WITH_DETAILS``."""
    shown = order_facts_json(order)
    if _can_return(order):
        shown["allowed_actions"].insert(-1, "return")
    return shown


def order_facts_json(order: Order) -> OrderDetailJson:
    """Do the same without a statement: whether it can be returned is left out."""
    return {
        **order_json(order),
        "payments": payments_json(order),
        "shipments": shipments_json(order),
        "refunds": refunds_json(order),
        "returns": returns_json(order),
        "timeline": timeline_json(order),
    }


def along(names: Iterable[str]) -> list[str]:
    """Return what has to be read along for ``expanded_json``."""
    return ["lines", *(path for name in names for path in EXPANSIONS[name].along)]


def expanded_json(order: Order, names: Iterable[str]) -> ExpandedOrderJson:
    """Render an order of a list with some of its details."""
    shown: Any = order_json(order)
    shown |= {name: EXPANSIONS[name].render(order) for name in sorted(names)}
    expanded: ExpandedOrderJson = shown
    return expanded


WITH_DETAILS = (
    "lines",
    "payments",
    "events",
    *WITH_PARCELS,
    *WITH_REFUNDS,
    *WITH_RETURNS,
)


def payments_json(order: Order) -> list[PaymentJson]:
    return [payment_json(payment) for payment in order.payments.all()]


def payment_json(payment: Payment) -> PaymentJson:
    return {
        "id": payment.pk,
        "order_id": payment.order_id,
        "method": payment.method,  # type: ignore[typeddict-item]  # the column's own choices
        "status": payment.state,  # type: ignore[typeddict-item]  # the column's own choices
        "amount": money(payment.amount),
        "refunded": money(payment.refunded),
        "captured_at": payment.captured_at,
        "next_action": _next_action(payment),
    }


def _next_action(payment: Payment) -> NextActionJson | None:
    if payment.state != PaymentState.PROCESSING or not payment.provider_url:
        return None
    return {"type": "redirect", "url": payment.provider_url}


def _adjustment(step: dict[str, Any]) -> AdjustmentJson:
    return {
        "kind": step["kind"],
        "label": step["label"],
        "amount": money(step["amount"]),
        # Orders from before promotions know neither.
        "source_id": step.get("source_id"),
        "rule": step.get("rule", ""),
    }


def _coupon(coupon_id: int | None, name: str) -> OrderCouponJson | None:
    return None if coupon_id is None else {"id": coupon_id, "name": name}


def _actions(status: OrderStatus, owner_id: int | None) -> list[Action]:
    actions: list[Action] = []
    if status == OrderStatus.PENDING:
        actions.append("pay")
    if status in {OrderStatus.PENDING, OrderStatus.PAID}:
        actions += ["cancel", "change_address"]
    if status == OrderStatus.SHIPPED:
        actions.append("confirm_receipt")
    if owner_id is not None:
        # It fills the cart of an account.
        actions.append("repeat")
    return actions


def _can_return(order: Order) -> bool:
    if not order.fulfilments.all():
        return False
    is_pending = any(asked.state in OPEN_RETURNS for asked in order.returns.all())
    return not is_pending and bool(standing_of(order.pk).to_return)


def timeline_json(order: Order) -> list[OrderEventJson]:
    return [
        {
            "from_status": event.from_status,
            "to_status": event.to_status,  # type: ignore[typeddict-item]  # checked by the table
            "reason": event.reason,
            "happened_at": event.happened_at,
        }
        for event in order.events.all()
    ]


class Expansion(NamedTuple):
    """A detail of orders in a list: what is read along, however many, and its form."""

    along: tuple[str, ...]
    render: Callable[[Order], Any]


EXPANSIONS = {
    "payments": Expansion(("payments",), payments_json),
    "shipments": Expansion(WITH_PARCELS, shipments_json),
    "refunds": Expansion(WITH_REFUNDS, refunds_json),
    "returns": Expansion(WITH_RETURNS, returns_json),
    "timeline": Expansion(("events",), timeline_json),
}
