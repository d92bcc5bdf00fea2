"""Which order a request is about, and where it is to go."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from accounts.errors import AddressNotFound
from accounts.models import Address
from accounts.selectors import usual_address
from api.fields import full_address
from api.guests import is_opened
from api.typing import AuthenticatedRequest
from api.v1.order_actions import shown_to
from api.v1.order_shapes import WITH_DETAILS, OrderDetailJson
from orders.errors import OrderNotFound
from orders.models import Order


def find_order(
    request: AuthenticatedRequest,
    order_id: UUID,
    permission: str,
    *,
    along: Sequence[str] = (),
) -> Order:
    """Return one's own order, or any with the permission; else it is not there.

    ``along`` is what is read with it.
    """
    orders = Order.objects.prefetch_related(*along).filter(pk=order_id)
    user_id = request.user.pk
    # No id would be that of every guest.
    order = orders.placed_by(user_id).first() if user_id else None
    if order is None and (
        request.user.has_perm(permission) or is_opened(request, order_id)
    ):
        order = orders.first()
    if order is None:
        raise OrderNotFound
    return order


def detail(request: AuthenticatedRequest, order_id: UUID) -> OrderDetailJson:
    """Render an order as it stands now, for whoever asks."""
    found = Order.objects.prefetch_related(*WITH_DETAILS).get(pk=order_id)
    return shown_to(request, found)


def address_of(user_id: int | None, asked: dict[str, Any]) -> dict[str, str]:
    """Return the address asked for: written out, from the book, or the usual one."""
    if "address" in asked:
        return full_address(asked["address"])
    if "address_id" not in asked:
        return usual_address(user_id or 0)
    book = Address.objects.of_user(user_id or 0)
    chosen = book.filter(pk=asked["address_id"]).first()
    if chosen is None:
        raise AddressNotFound
    return chosen.snapshot()
