"""Orders moved on by staff, step by step."""

from uuid import UUID

from django.http import HttpResponse

from api.idempotency import once
from api.schema import operation
from api.staff import demand, note
from api.typing import AuthenticatedRequest
from api.v1.order_shapes import OrderDetailJson
from api.v1.orders import MAY_CHANGE, detail
from api.views import PersonalView
from checkout import services as checkout
from orders.errors import OrderNotFound
from orders.models import Order


class OrderPackView(PersonalView):
    """Beginning to pack."""

    @operation(
        "orders_pack",
        "Pack an order",
        reply={200: OrderDetailJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Begin to pack a paid order, as staff; its shopper can change it no more."""
        demand(request, MAY_CHANGE)
        order = find(order_id)

        def pack() -> OrderDetailJson:
            checkout.pack(order_id=order_id, actor_id=request.user.pk)
            note(request, order, "packed")
            return detail(request, order_id)

        return once(request, pack)


class OrderDeliverView(PersonalView):
    """Knowing that it has arrived."""

    @operation(
        "orders_deliver",
        "Note that an order has arrived",
        reply={200: OrderDetailJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Note that all parcels of a shipped order have arrived, as staff know."""
        demand(request, MAY_CHANGE)
        order = find(order_id)

        def deliver() -> OrderDetailJson:
            checkout.deliver(order_id=order_id, actor_id=request.user.pk)
            note(request, order, "delivered")
            return detail(request, order_id)

        return once(request, deliver)


def find(order_id: UUID) -> Order:
    """Return any order; raise ``OrderNotFound``."""
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound
    return order
