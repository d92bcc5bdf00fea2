"""The WebSocket of open pages, at ``/ws/``.

Its address may say ``after``, the last notification that was seen, and ``lang``. Apps,
which have no cookie, add a ``ticket`` of the API. What was missed since comes first,
without gaps or repetitions. Then frames come as JSON
``{"id", "type", "at", "data"}``:

- ``ready``: what was missed is sent; ``unread``, ``cursor``
- ``notification``: its id is the next ``after``; ``title``, ``body``, ``url``,
  ``kind``, ``group``, ``unread``, and ``loud`` if it may pop up
- ``order``: ``number``, ``status``, and ``mark``, which changes with all its page shows
- ``stock``: ``product_id``, ``available``, ``version``, ``price`` in minor units
- ``error``: ``code``, and what was wrong

A page says what it shows with ``{"type": "subscribe", "products": [ids], "orders":
[numbers]}``, and gets it as it stands; each time in full. Stock is for everybody, an
order only for whoever placed it, and news need no subscription.
"""

import json
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.utils import await_many_dispatch
from django.conf import settings
from django.http.cookie import parse_cookie

from accounts import tickets
from accounts.errors import TicketsAway
from common.ids import is_public_number
from shop.live_facts import (
    News,
    NewsLine,
    OrderNow,
    StockNow,
    first_cursor,
    news_after,
    news_again,
    own_orders,
    signed_in,
    stock_now,
)
from shop.live_hub import DATABASE_AWAY, Seat, hub, look_up

MAX_PRODUCTS = 50
MAX_ORDERS = 20
MAX_BIGINT = 2**63 - 1
# So many messages in so many seconds, and it is no page of ours.
MAX_MESSAGES = 20
WINDOW = 10.0
MAX_QUIET = 20
# Codes of RFC 6455, and one of our own for a login that is over.
TOO_MUCH = 1008
TRY_AGAIN_LATER = 1013
SIGNED_OUT = 4401

logger = logging.getLogger(__name__)


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One socket. Channels calls its methods one after another, never two at once."""

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        # Not the base class's: its sockets cannot even open while Redis is away.
        self.scope, self.base_send, self.channel_layer = scope, send, None
        self.seat = Seat()
        self.holder: tickets.Holder | None = None
        self.language = settings.LANGUAGE_CODE
        # What was shown in quiet hours, to pop up after them.
        self.kept_quiet: list[int] = []
        self.messages: list[float] = []
        try:
            await await_many_dispatch([receive, self.seat.next], self.dispatch)
        except StopConsumer:
            return
        finally:
            hub.leave(self.seat)

    async def connect(self) -> None:
        """Find out who it is, and bring them up to date."""
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        [language, *_] = query.get("lang", [""])
        if language in dict(settings.LANGUAGES):
            self.language = language
        try:
            self.seat.user_id = await self._user_id(query.get("ticket", []))
            await self.accept()
            if "ticket" in query and self.seat.user_id is None:
                await self.close(SIGNED_OUT)
                raise StopConsumer
            # From here on nothing is missed: first we listen, then we look.
            hub.join(self.seat)
            await self._catch_up(_cursor(query.get("after", [""])[0]))
        except (*DATABASE_AWAY, TicketsAway):
            await self.close(TRY_AGAIN_LATER)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        """Take a page's message; one that makes no sense gets an error frame."""
        del bytes_data  # makes no sense either
        now = time.monotonic()
        self.messages = [*(at for at in self.messages if at > now - WINDOW), now]
        if len(self.messages) > MAX_MESSAGES:
            await self.close(TOO_MUCH)
            return
        try:
            products, orders = _subscription(text_data)
        except ValueError as error:
            await self._error("invalid", detail=str(error))
            return
        try:
            await self._subscribe(products, orders)
        except DATABASE_AWAY:
            await self._error("try_again")

    async def live_look(self, message: dict[str, Any]) -> None:
        """Tell what there is to tell."""
        try:
            for stock in message["stocks"]:
                if self.seat.versions.get(stock.product_id, -1) < stock.version:
                    await self._stock(stock)
            is_personal = message["orders"] or message["has_news"]
            user_id = await self._still_signed_in() if is_personal else None
            if user_id is None:
                return
            for order in message["orders"]:
                await self._order(order)
            if message["has_news"]:
                await self._news(user_id)
        except DATABASE_AWAY as error:
            # What was not told differs from what was, so the hub will come back to it.
            logger.info("the database is away: %s", error)

    async def _user_id(self, tickets_given: list[str]) -> int | None:
        if tickets_given:
            # Whoever shows a ticket is its holder, whatever else they carry.
            self.holder = await look_up(tickets.redeem, tickets_given[0])
            return self.holder.user_id if self.holder else None
        headers = dict(self.scope["headers"])
        cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
        self.session_key = cookies.get(settings.SESSION_COOKIE_NAME, "")
        if not self.session_key:
            return None
        return await look_up(signed_in, self.session_key)

    async def _still_signed_in(self) -> int | None:
        """Look before anything personal leaves; whoever logged out is cut off."""
        if self.seat.user_id is None:
            return None
        if self.holder:
            is_good = await look_up(tickets.is_signed_in, self.holder)
        else:
            user_id = await look_up(signed_in, self.session_key)
            is_good = user_id == self.seat.user_id
        if is_good:
            return self.seat.user_id
        await self.close(SIGNED_OUT)
        raise StopConsumer

    async def _catch_up(self, after: int | None) -> None:
        unread, user_id = 0, self.seat.user_id
        if user_id is not None:
            self.seat.cursor = await look_up(first_cursor, user_id, after)
            unread = await self._news(user_id)
        await self._frame("ready", {"unread": unread, "cursor": self.seat.cursor})

    async def _news(self, user_id: int) -> int:
        """Send all that came after the cursor; return how many are unread."""
        while True:
            news = await look_up(news_after, user_id, self.seat.cursor, self.language)
            await self._send_news(news)
            if not news.has_more:
                break
        if self.kept_quiet and not news.is_quiet:
            ids, self.kept_quiet = self.kept_quiet, []
            await self._send_news(
                await look_up(news_again, user_id, ids, self.language)
            )
        return news.unread

    async def _send_news(self, news: News) -> None:
        for line in news.lines:
            await self._notification(line, news.unread)
            self.seat.cursor = max(self.seat.cursor, line.row.pk)
        if news.is_quiet:
            ids = [line.row.pk for line in news.lines]
            self.kept_quiet = [*self.kept_quiet, *ids][-MAX_QUIET:]
        for order in news.orders:
            await self._order(order)

    async def _subscribe(self, products: set[int], orders: set[str]) -> None:
        user_id = await self._still_signed_in() if orders else None
        own = await look_up(own_orders, user_id, orders) if user_id else []
        for number in sorted(orders - {order.number for order in own}):
            await self._error("not_found", order=number)
        hub.show(self.seat, "product", products)
        hub.show(self.seat, "order", {order.id for order in own})
        for stock in await look_up(stock_now, products):
            await self._stock(stock)
        for order in own:
            await self._order(order)

    async def _notification(self, line: NewsLine, unread: int) -> None:
        row = line.row
        data = {
            "kind": row.kind,
            "group": row.group,
            "title": line.title,
            "body": line.body,
            "url": row.url,
            "unread": unread,
            "loud": line.is_loud,
        }
        await self._frame("notification", data, cursor=row.pk, at=row.created_at)

    async def _stock(self, stock: StockNow) -> None:
        self.seat.versions[stock.product_id] = stock.version
        data = {
            "product_id": stock.product_id,
            "available": stock.available,
            "version": stock.version,
            "price": stock.price,
        }
        await self._frame("stock", data)

    async def _order(self, order: OrderNow) -> None:
        self.seat.marks[order.id] = order.mark
        data = {"number": order.number, "status": order.status, "mark": order.mark}
        await self._frame("order", data)

    async def _error(self, code: str, **about: str) -> None:
        await self._frame("error", {"code": code, **about})

    async def _frame(
        self,
        kind: str,
        data: dict[str, Any],
        *,
        cursor: int | None = None,
        at: datetime | None = None,
    ) -> None:
        moment = (at or datetime.now(UTC)).isoformat()
        frame = {"id": cursor, "type": kind, "at": moment, "data": data}
        await self.send(json.dumps(frame, ensure_ascii=False))


def _cursor(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and int(text[:20]) <= MAX_BIGINT
    return int(text) if is_number and len(text) <= len(str(MAX_BIGINT)) else None


def _subscription(text: str | None) -> tuple[set[int], set[str]]:
    """Return which products and orders a message asks for; raise ``ValueError``."""
    try:
        message = json.loads(text or "")
    except RecursionError:
        raise ValueError("This is too deep.") from None
    if not isinstance(message, dict) or message.get("type") != "subscribe":
        raise ValueError("This is no message of type subscribe.")
    products, orders = message.get("products", []), message.get("orders", [])
    if not _is_list(products, MAX_PRODUCTS) or not all(map(_is_id, products)):
        raise ValueError(f"products are at most {MAX_PRODUCTS} ids.")
    if not _is_list(orders, MAX_ORDERS) or not all(map(_is_number, orders)):
        raise ValueError(f"orders are at most {MAX_ORDERS} numbers.")
    return set(products), set(orders)


def _is_list(given: object, longest: int) -> bool:
    return isinstance(given, list) and len(given) <= longest


def _is_id(given: object) -> bool:
    return type(given) is int and 0 < given <= MAX_BIGINT


def _is_number(given: object) -> bool:
    return isinstance(given, str) and is_public_number(given)
