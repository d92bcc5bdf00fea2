"""Who of this process listens to what, and the one look at the database for them all.

A hint by Redis brings a look forward; without any, what the open pages show is looked
at every second, and the lists of shoppers every few: with one statement each, whatever
the number of pages. So Redis may be away, and a lost hint needs no repair.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

from common.live import GROUP
from shop.live_facts import OrderNow, StockNow, newest_ids, orders_now, stock_now

SHOWN_EVERY = 1.0  # seconds
LISTS_EVERY = 5.0
# Until Redis is asked again whether it is there.
PAUSE = 2.0
DATABASE_AWAY = (OperationalError, InterfaceError)

logger = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

# Few, because each keeps a connection; more than one, because one may have to wait.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="live")


async def look_up(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call what reads the database, beside the event loop."""
    call = database_sync_to_async(function, thread_sensitive=False, executor=_threads)
    found: R = await call(*args, **kwargs)
    return found


class Seat:
    """One socket: what it listens to, what it has been told, what there is to tell."""

    def __init__(self) -> None:
        self.user_id: int | None = None
        # The last notification it has been sent.
        self.cursor = 0
        self.shown: dict[str, set[Any]] = {}
        self.versions: dict[int, int] = {}
        self.marks: dict[UUID, str] = {}
        self._has_news = False
        self._stocks: dict[int, StockNow] = {}
        self._orders: dict[UUID, OrderNow] = {}
        self._wake = asyncio.Event()

    def tell_news(self) -> None:
        """Have it look at the list of its shopper."""
        self._has_news = True
        self._wake.set()

    def tell_stock(self, stock: StockNow) -> None:
        """Give it a stock; a later one takes the place of one it has not sent yet."""
        self._stocks[stock.product_id] = stock
        self._wake.set()

    def tell_order(self, order: OrderNow) -> None:
        """Give it an order as it stands."""
        self._orders[order.id] = order
        self._wake.set()

    async def next(self) -> dict[str, Any]:
        """Wait for something to tell; return it as a message of Channels."""
        await self._wake.wait()
        self._wake.clear()
        message = {
            "type": "live.look",
            "has_news": self._has_news,
            "stocks": list(self._stocks.values()),
            "orders": list(self._orders.values()),
        }
        self._has_news, self._stocks, self._orders = False, {}, {}
        return message


class Hub:
    """All the seats of this process."""

    def __init__(self) -> None:
        # By what they listen to: ("user", id), ("product", id), ("order", id).
        self._seats: dict[tuple[str, Any], set[Seat]] = defaultdict(set)
        self._tasks: list[asyncio.Task[None]] = []
        self._look_now = asyncio.Event()
        self._is_complaining = False

    def join(self, seat: Seat) -> None:
        """Let a socket hear of its shopper's news; the first one sets us going."""
        if seat.user_id is not None:
            self._seats["user", seat.user_id].add(seat)
        if not self._tasks:
            jobs = (self._hear(), self._watch_shown(), self._watch_lists())
            self._tasks = [asyncio.create_task(job) for job in jobs]

    def show(self, seat: Seat, kind: str, ids: set[Any]) -> None:
        """Let a socket hear of these products or orders, and of no others."""
        before = seat.shown.get(kind, set())
        seat.shown[kind] = ids
        for gone in before - ids:
            self._leave((kind, gone), seat)
        for one in ids - before:
            self._seats[kind, one].add(seat)

    def leave(self, seat: Seat) -> None:
        """Forget a socket that is closed."""
        self.show(seat, "product", set())
        self.show(seat, "order", set())
        self._leave(("user", seat.user_id), seat)

    def _leave(self, topic: tuple[str, Any], seat: Seat) -> None:
        seats = self._seats.get(topic, set())
        seats.discard(seat)
        if not seats:
            self._seats.pop(topic, None)

    def _watched(self, kind: str) -> list[Any]:
        return [one for what, one in list(self._seats) if what == kind]

    async def _hear(self) -> None:
        """Take hints for as long as we live."""
        layer = get_channel_layer()
        while True:
            try:
                channel = await layer.new_channel()
                await layer.group_add(GROUP, channel)
                while True:
                    self._take(await layer.receive(channel))
            except (RedisError, OSError) as error:
                logger.warning("no hints for open pages: %s", error)
                await asyncio.sleep(PAUSE)

    def _take(self, hint: dict[str, Any]) -> None:
        for user_id in hint["user_ids"]:
            for seat in self._seats.get(("user", user_id), ()):
                seat.tell_news()
        if any(("product", one) in self._seats for one in hint["product_ids"]):
            self._look_now.set()

    async def _watch_shown(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), SHOWN_EVERY)
            self._look_now.clear()
            await self._robustly(self._look_at_stocks)
            await self._robustly(self._look_at_orders)

    async def _watch_lists(self) -> None:
        while True:
            await asyncio.sleep(LISTS_EVERY)
            await self._robustly(self._look_at_lists)

    async def _look_at_stocks(self) -> None:
        if ids := self._watched("product"):
            for stock in await look_up(stock_now, ids):
                for seat in self._seats.get(("product", stock.product_id), ()):
                    if seat.versions.get(stock.product_id, -1) < stock.version:
                        seat.tell_stock(stock)

    async def _look_at_orders(self) -> None:
        if ids := self._watched("order"):
            for order in await look_up(orders_now, ids):
                for seat in self._seats.get(("order", order.id), ()):
                    if seat.marks.get(order.id) != order.mark:
                        seat.tell_order(order)

    async def _look_at_lists(self) -> None:
        if ids := self._watched("user"):
            for user_id, newest in (await look_up(newest_ids, ids)).items():
                for seat in self._seats.get(("user", user_id), ()):
                    if seat.cursor < newest:
                        seat.tell_news()

    async def _robustly(self, look: Callable[[], Any]) -> None:
        try:
            await look()
        except DATABASE_AWAY as error:
            # Once: the next look is a second away, and says the same.
            if not self._is_complaining:
                logger.warning("no look for open pages: %s", error)
            self._is_complaining = True
        else:
            self._is_complaining = False


hub = Hub()
