"""Whose order a page is about: the shopper's own, or one opened by a guest's link.

The key of a link moves into the session at once, so that it stays neither in the
address bar nor in what other sites are told.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.db.models import Prefetch, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from common.ids import is_public_number
from orders import guests
from orders.models import Order, OrderQuerySet
from shop.typing import user_id_of

OPENED = "opened_orders"
MOST_OPENED = 20  # in one session; the oldest are forgotten


def find_order(
    request: HttpRequest, number: str, *details: str | Prefetch[str, Any, str]
) -> Order:
    """Return an order that the request may see and act upon, or raise ``Http404``.

    ``details`` are read along with it. ``order.user_id`` is ``None`` for a guest's.
    """
    if not is_public_number(number):
        raise Http404
    found = visible_orders(request).prefetch_related(*details)
    order = found.filter(number=number).first()
    if order is None:
        raise Http404
    return order


def visible_orders(request: HttpRequest) -> OrderQuerySet:
    """Return the shopper's own orders and the guests' orders this session opened."""
    visible = Q(user=None, pk__in=_opened(request))
    user_id = user_id_of(request)
    if user_id is not None:
        visible |= Q(user=user_id)
    return Order.objects.filter(visible)


def remember(request: HttpRequest, order_id: UUID) -> None:
    """Let this session see a guest's order from now on."""
    others = [known for known in _opened(request) if known != str(order_id)]
    request.session[OPENED] = [*others, str(order_id)][-MOST_OPENED:]


def order_visitor(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Open the order of a link with a key; let others sign in first.

    Somebody who is not signed in learns nothing from the answer: it is the same for
    any order that this session has not opened, whether there is one or not.
    """

    @wraps(view)
    def wrapper(
        request: HttpRequest, number: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if "key" in request.GET and request.method in {"GET", "HEAD"}:
            return _open(request, number)
        if not request.user.is_authenticated and not _is_open(request, number):
            return redirect_to_login(request.get_full_path())
        return view(request, number, *args, **kwargs)

    return wrapper


def _open(request: HttpRequest, number: str) -> HttpResponse:
    order_id = guests.order_of(request.GET["key"])
    if order_id is None or not is_public_number(number):
        raise Http404
    if not Order.objects.filter(pk=order_id, number=number).exists():
        raise Http404
    remember(request, order_id)
    rest = request.GET.copy()
    del rest["key"]
    query = f"?{rest.urlencode()}" if rest else ""
    return HttpResponseRedirect(f"{request.path}{query}", status=303)


def _is_open(request: HttpRequest, number: str) -> bool:
    if not _opened(request) or not is_public_number(number):
        return False
    return visible_orders(request).filter(number=number).exists()


def _opened(request: HttpRequest) -> list[str]:
    opened: list[str] = request.session.get(OPENED, [])
    return opened
