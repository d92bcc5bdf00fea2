"""What third parties may do with the tokens that shoppers let them have.

What is not in the table is not for third parties, whatever their scopes.
"""

from dataclasses import dataclass

from allauth.idp.oidc.models import Token
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from accounts.models import User
from common.errors import Forbidden

V1 = "api/v1/"
# By method and address.
NEEDED = {
    "GET users/me": "profile.read",
    "GET users/me/addresses": "profile.read",
    "GET users/me/addresses/<id:address_id>": "profile.read",
    "GET orders": "orders.read",
    "GET orders/<uuid:order_id>": "orders.read",
    "GET orders/<uuid:order_id>/invoice": "orders.read",
    "GET orders/<uuid:order_id>/tracking": "orders.read",
    "GET orders/<uuid:order_id>/returns": "orders.read",
    "GET returns/<id:return_id>": "orders.read",
    "GET payments/<uuid:payment_id>": "orders.read",
    "POST orders": "orders.write",
    "PUT orders/<uuid:order_id>": "orders.write",
    "PATCH orders/<uuid:order_id>": "orders.write",
    "DELETE orders/<uuid:order_id>": "orders.write",
    "POST orders/<uuid:order_id>/cancel": "orders.write",
    "GET cart": "cart.read",
    "POST orders/<uuid:order_id>/repeat": "cart.write",
    "DELETE cart": "cart.write",
    "POST cart/items": "cart.write",
    "PATCH cart/items/<id:product_id>": "cart.write",
    "DELETE cart/items/<id:product_id>": "cart.write",
    "GET wishlist": "wishlist.read",
    "PUT wishlist/<id:product_id>": "wishlist.write",
    "DELETE wishlist/<id:product_id>": "wishlist.write",
    "GET points": "points.read",
    "GET points/history": "points.read",
    "GET coupons": "coupons.read",
    "GET coupons/<id:coupon_id>": "coupons.read",
    "GET notifications": "notifications.read",
}


class InsufficientScope(Forbidden):
    """The shopper has not let this third party do that, or no third party may."""

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(_("This is not among what was allowed."), scope=scope)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a third party was allowed, as ``request.auth``."""

    client_id: str
    scopes: frozenset[str]


def find_user(token: str, request: Request) -> tuple[User, Grant] | None:
    """Return for whom a third party acts; ``None`` if the token is void.

    Raises ``InsufficientScope``. Nobody acts for people with powers of their own.
    """
    known = Token.objects.select_related("user").filter(client__isnull=False)
    found = known.lookup(Token.Type.ACCESS_TOKEN, token)
    if found is None or found.user is None or not found.user.is_active:
        return None
    user: User = found.user
    grant = Grant(str(found.client_id), frozenset(found.get_scopes()))
    scope = needed(request)
    is_powerful = user.is_staff or user.is_superuser or user.get_all_permissions()
    if is_powerful or scope not in grant.scopes:
        raise InsufficientScope(scope)
    return user, grant


def needed(request: Request) -> str:
    """Return the scope that a request takes; empty if none is enough."""
    match = request._request.resolver_match  # noqa: SLF001 — the route is Django's
    route = match.route.rstrip("/") if match else ""
    if not route.startswith(V1):
        return ""
    method = "GET" if request.method == "HEAD" else request.method
    return NEEDED.get(f"{method} {route.removeprefix(V1)}", "")
