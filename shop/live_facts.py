"""What open pages are told, as it stands in the database."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.db.models import Exists, F, Max, OuterRef, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare

from accounts.models import User
from catalog.models import Product
from common.db import run
from notifications import selectors as notifications
from notifications.models import Channel, Message, Notification, QuietHours
from notifications.quiet import quiet_until
from orders.models import Order

PAGE = 50
# Whoever was away for longer finds the rest in the list.
MOST_MISSED = 200
# All that the page of an order shows and that can still change.
ORDERS_SQL = """
    SELECT id, number, status, concat_ws('.', status,
           (SELECT count(*) FROM orders_orderevent WHERE order_id = orders.id),
           (SELECT count(*) FROM orders_fulfilment WHERE order_id = orders.id),
           (SELECT count(*) FROM orders_fulfilmentevent AS scan
              JOIN orders_fulfilment AS parcel ON parcel.id = scan.fulfilment_id
             WHERE parcel.order_id = orders.id),
           (SELECT string_agg(state, '.' ORDER BY id) FROM orders_return
             WHERE order_id = orders.id),
           (SELECT count(*) FROM payments_refund WHERE order_id = orders.id))
      FROM orders_order AS orders
     WHERE id = ANY(%(order_ids)s::uuid[])
"""


@dataclass(frozen=True, slots=True)
class StockNow:
    """How many of a product can be bought, and for how much each.

    A higher version is later; it rises with the stock's and with the product's.
    """

    product_id: int
    available: int
    version: int
    price: int


@dataclass(frozen=True, slots=True)
class OrderNow:
    """How far an order has come; ``mark`` changes with what its page shows."""

    id: UUID
    number: str
    status: str
    mark: str


@dataclass(frozen=True, slots=True)
class NewsLine:
    """One notification in words; ``is_loud`` if it may pop up."""

    row: Notification
    title: str
    body: str
    is_loud: bool


@dataclass(frozen=True, slots=True)
class News:
    """What somebody has yet to see, oldest first, and the orders it is about."""

    lines: list[NewsLine]
    orders: list[OrderNow]
    unread: int
    is_quiet: bool

    @property
    def has_more(self) -> bool:
        """Tell whether there may be more after the last line."""
        return len(self.lines) == PAGE


def signed_in(session_key: str) -> int | None:
    """Return the id of whom a session belongs to, if it is still good.

    As ``django.contrib.auth.get_user`` has it, but nothing is written: a new key could
    not be sent to the browser over an open socket.
    """
    store = import_module(settings.SESSION_ENGINE).SessionStore
    session = store(session_key)
    user_id, seal = session.get(SESSION_KEY), session.get(HASH_SESSION_KEY, "")
    user = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
    if user is None:
        return None
    good = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    is_good = any(constant_time_compare(seal, one) for one in good)
    return user.pk if is_good else None


def stock_now(product_ids: Iterable[int]) -> list[StockNow]:
    """Return the stocks of those products that are on sale."""
    rows = (
        Product.objects.on_sale()
        .filter(pk__in=list(product_ids))
        .with_available()
        .values_list(
            "pk",
            Coalesce(F("available"), 0),
            Coalesce(F("stock__version"), 0) + F("version"),
            "price",
        )
    )
    return [StockNow(*row) for row in rows]


def orders_now(order_ids: Iterable[UUID]) -> list[OrderNow]:
    """Return orders as they stand."""
    rows = run(ORDERS_SQL, {"order_ids": list(order_ids)}).rows()
    return [OrderNow(*row) for row in rows]


def own_orders(user_id: int, numbers: Collection[str]) -> list[OrderNow]:
    """Return somebody's orders of these numbers; nobody else's are found."""
    if not numbers:
        return []
    own = Order.objects.placed_by(user_id).filter(number__in=list(numbers))
    return orders_now(own.values_list("pk", flat=True))


def newest_ids(user_ids: Iterable[int]) -> Mapping[int, int]:
    """Return the id of the newest notification by user; who has none is left out."""
    rows = Notification.objects.filter(user__in=list(user_ids)).values_list("user")
    return dict(rows.annotate(newest=Max("pk")).order_by())


def first_cursor(user_id: int, after: int | None) -> int:
    """Return after which notification somebody goes on; ``None`` means after all."""
    ids = Notification.objects.of_user(user_id).newest_first()
    place = 0 if after is None else MOST_MISSED
    found = ids.values_list("pk", flat=True)[place : place + 1].first() or 0
    return max(found, after or 0)


def news_after(user_id: int, cursor: int, language: str) -> News:
    """Return up to ``PAGE`` notifications after a cursor, oldest first."""
    return _news(user_id, Notification.objects.filter(pk__gt=cursor), language)


def news_again(user_id: int, ids: Collection[int], language: str) -> News:
    """Return notifications that were seen before, as they may be shown now."""
    return _news(user_id, Notification.objects.filter(pk__in=list(ids)), language)


def _news(user_id: int, rows: QuerySet[Notification], language: str) -> News:
    # Whoever switched the pop-ups of a group off has no such message.
    pop_up = Message.objects.filter(
        event_id=OuterRef("event_id"),
        user_id=OuterRef("user_id"),
        channel=Channel.BROWSER,
    )
    own = rows.filter(user_id=user_id).annotate(pops_up=Exists(pop_up))
    found = list(own.order_by("pk")[:PAGE])
    is_quiet = _is_quiet(user_id)
    numbers = {row.params["number"] for row in found if row.params.get("number")}
    with translation.override(language):
        lines = [
            NewsLine(row, *notifications.worded(row), row.pops_up and not is_quiet)
            for row in found
        ]
    return News(
        lines=lines,
        orders=own_orders(user_id, numbers),
        unread=notifications.unread_count(user_id),
        is_quiet=is_quiet,
    )


def _is_quiet(user_id: int) -> bool:
    now = timezone.now()
    return quiet_until(QuietHours.objects.filter(pk=user_id).first(), now) > now
