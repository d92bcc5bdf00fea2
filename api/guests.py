"""Orders of people without an account: the key says which one a request may touch."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from api.views import PersonalView
from orders import guests
from orders.errors import OrderNotFound
from orders.models import Order

HEADER = "X-Order-Key"
ORDER_KEY = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="A guest's key to the order; `?key=` does the same.",
)


class SignedInOrWithKey(BasePermission):
    """Keeps those out who neither sign in nor show a key, whatever it opens."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 — DRF's signature
        return request.user.is_authenticated or bool(key_of(request))


class SignedInToRead(BasePermission):
    """Lets everybody place orders, and the signed in look at theirs."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 — DRF's signature
        return request.user.is_authenticated or request.method == "POST"


class KeyView(PersonalView):
    """For users with their own orders, and for guests with the key of one."""

    permission_classes = [SignedInOrWithKey]


def key_of(request: Request) -> str:
    """Return the key that a request shows, whether it opens anything or not."""
    given = request.headers.get(HEADER) or request.GET.get("key", "")
    return str(given)[: guests.LONGEST_KEY + 1]


def is_stranger(request: Request) -> bool:
    """Tell whether nobody is signed in."""
    return not request.user.is_authenticated


def is_opened(request: Request, order_id: UUID) -> bool:
    """Tell whether a request has the key of this order, and nobody has claimed it."""
    if guests.order_of(key_of(request)) != order_id:
        return False
    return Order.objects.filter(pk=order_id, user=None).exists()


def is_guests(request: Request, order_id: UUID) -> bool:
    """Tell whether a request acts as the guest of an order, or as a user.

    Raises ``OrderNotFound`` for somebody who is neither.
    """
    if is_opened(request, order_id):
        return True
    if not request.user.is_authenticated:
        raise OrderNotFound
    return False
