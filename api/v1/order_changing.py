"""What is done to one order: changed, moved on, called off."""

from typing import Any

from django.conf import settings
from rest_framework.exceptions import PermissionDenied

from api.subjects import record
from api.typing import AuthenticatedRequest
from api.v1.order_actions import MAY_CHANGE
from api.v1.order_finding import address_of
from checkout import services as checkout
from common import audit
from orders.models import Order, OrderStatus

# What an order's shopper can change of it.
OWNERS_WISHES = {"address", "address_id", "delivery_method", "note"}


def change_own(
    request: AuthenticatedRequest, order: Order, asked: dict[str, Any]
) -> None:
    """Change what its shopper can change of an order, or the guest, also for them."""
    owner = order.user_id
    if asked.keys() & {"address", "address_id"}:
        address = address_of(owner, asked)
        checkout.change_address(order_id=order.pk, user_id=owner, address=address)
    if "delivery_method" in asked:
        method = asked["delivery_method"]
        checkout.change_delivery(order_id=order.pk, user_id=owner, method=method)
    if "note" in asked:
        checkout.write_note(order_id=order.pk, user_id=owner, note=asked["note"])
    changed = ", ".join(sorted(asked.keys() & OWNERS_WISHES))
    _record(request, order, changed)


def _record(request: AuthenticatedRequest, order: Order, changed: str) -> None:
    if order.user_id is not None:
        record(request, order.user_id, f"{changed} of order {order.number}")
    elif request.user.has_perm(MAY_CHANGE):
        action = f"API {request.method} {request.path}"
        audit.write(order, actor_id=request.user.pk, action=action, reason=changed)


def move(request: AuthenticatedRequest, order: Order, asked: dict[str, Any]) -> None:
    """Move an order on as staff, or call it off."""
    status, actor_id = asked["status"], request.user.pk
    if status == OrderStatus.CANCELLED:
        call_off(request, order, asked.get("reason", ""))
        return
    if not request.user.has_perm(MAY_CHANGE):
        raise PermissionDenied
    if status == OrderStatus.PROCESSING:
        checkout.pack(order_id=order.pk, actor_id=actor_id)
    elif status == OrderStatus.SHIPPED:
        checkout.ship(
            order_id=order.pk,
            # Without a carrier it is the shop's own people who bring it.
            carrier=asked.get("carrier", settings.SHOP_NAME),
            tracking_number=asked.get("tracking_number", ""),
            actor_id=actor_id,
        )
    else:
        checkout.deliver(order_id=order.pk, actor_id=actor_id)


def call_off(request: AuthenticatedRequest, order: Order, reason: str) -> None:
    """Cancel an order as its shopper, the guest who has its key, or staff."""
    if order.user_id is None and not request.user.has_perm(MAY_CHANGE):
        checkout.cancel_as_guest(order_id=order.pk, reason=reason)
        return
    is_own = order.user_id == request.user.pk
    checkout.cancel(
        order_id=order.pk,
        user_id=request.user.pk if is_own else None,
        actor_id=request.user.pk,
        reason=reason,
    )
