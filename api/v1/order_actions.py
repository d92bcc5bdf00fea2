"""What whoever asks can do with an order as it stands."""

from collections.abc import Iterator

from rest_framework.request import Request

from api.v1.order_shapes import Action, OrderDetailJson, OrderJson, order_detail_json
from orders.models import SETTLED, Order, OrderStatus
from payments.models import PaymentState

MAY_CHANGE = "orders.change_order"
MAY_REFUND = "payments.add_refund"
# What is read along with an order to tell.
ALONG = ("payments", "fulfilments")
NEXT: dict[str, Action] = {
    OrderStatus.PAID: "pack",
    OrderStatus.PROCESSING: "ship",
    OrderStatus.SHIPPED: "deliver",
}
CANCELLABLE = (OrderStatus.PENDING, OrderStatus.PAID, OrderStatus.PROCESSING)


def shown_to(request: Request, order: Order) -> OrderDetailJson:
    """Render an order that was read with its details, for whoever asks."""
    body = order_detail_json(order)
    offer(request, order, body)
    return body


def offer(request: Request, order: Order, body: OrderJson) -> None:
    """Leave the actions of an order's shopper to that one, and add those of staff."""
    owner_id = order.user_id
    is_own = owner_id == request.user.pk
    # A shopper's permissions are not even looked up.
    if is_own and not getattr(request.user, "is_staff", False):
        return
    actions: list[Action] = body["allowed_actions"] if is_own else []
    body["allowed_actions"] = list(
        dict.fromkeys([*actions, *_of_staff(request, order)])
    )


def _of_staff(request: Request, order: Order) -> Iterator[Action]:
    status = OrderStatus(order.status)
    if request.user.has_perm(MAY_CHANGE):
        if status in NEXT:
            yield NEXT[status]
        if status in CANCELLABLE and not order.fulfilments.all():
            yield "cancel"
    if request.user.has_perm(MAY_REFUND) and _has_money_left(order):
        yield "refund"


def _has_money_left(order: Order) -> bool:
    """Tell whether something is left to give back that need not come back first."""
    is_sent = order.status not in {OrderStatus.PAID, OrderStatus.PROCESSING}
    if order.status not in SETTLED or (is_sent and not order.delivery_cost):
        return False
    return any(
        payment.state == PaymentState.CAPTURED and payment.amount > payment.refunded
        for payment in order.payments.all()
    )
