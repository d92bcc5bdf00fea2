"""The whole past of the shop, from its first delivery to a minute ago."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction

from accounts.models import User
from analytics import services as analytics
from catalog import wordlists
from catalog.models import Category, Product
from common.days import shop_day
from common.progress import Progress
from coupons.models import CouponBatch
from demo.logins import LOGINS
from demo.photos import ensure
from demo.seed import behaviour, personal, reports, reviews, tables, wishes
from demo.seed.coupons import Wallets
from demo.seed.delivery import offer_ways
from demo.seed.goods import looks_of, stock_shop
from demo.seed.moments import DAY, HOUR, MINUTE, aware, moment
from demo.seed.orders import Books, OrderBook
from demo.seed.outbox import Outbox
from demo.seed.people import move_in
from demo.seed.plan import DANIEL, MINJI, Planner
from demo.seed.points import Ledger
from demo.seed.promotions import Promotions
from demo.seed.stock import Warehouse
from demo.seed.tables import Writer
from orders import invoicing
from orders.models import Order

DAYS = 21
FEWEST_SHOPPERS = 60
ORDERS_PER_SHOPPER = 25
# Orders in memory before they are written.
CHUNK = 4_000
# What the shoppers of the demo still have to spend.
GIFTS = ((MINJI, 300_000, 50 * MINUTE), (DANIEL, 50_000, 40 * MINUTE))


class AlreadyFilled(Exception):
    """The shop has data that the demo would mix with."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How large a past; ``products`` ``None`` is the catalogue."""

    products: int | None
    orders: int
    shoppers: int | None
    seed: int
    now: datetime

    @property
    def crowd(self) -> int:
        fitting = max(FEWEST_SHOPPERS, self.orders // ORDERS_PER_SHOPPER)
        return fitting if self.shoppers is None else max(2, self.shoppers)


def fill(wish: Wish, progress: Progress) -> None:
    """Fill an empty shop in one transaction; raise ``AlreadyFilled`` otherwise."""
    with transaction.atomic():
        _check_empty()
        tables.check_at_once()
        _write(wish, progress)
        tables.catch_up_sequences()
        personal.give()
    # Cached cards are known by product and version, and both begin anew.
    cache.clear()
    wordlists.refresh_vocabulary()
    progress.say("making the tables quick to read …")
    _tidy_up()


def take_photos(wish: Wish, progress: Progress) -> None:
    """Make the photos that are not there yet."""
    looks = looks_of(wish.products)
    for _look in progress.over("photos", ensure(looks), len(looks)):
        pass
    reviews.make_photos()


def empty_shop() -> None:
    """Delete everything that the shop's own tables hold, and what refers to it."""
    quote = connection.ops.quote_name
    names = ", ".join(
        quote(model._meta.db_table)  # noqa: SLF001
        for config in apps.get_app_configs()
        if Path(config.path).parent == settings.BASE_DIR
        for model in config.get_models()
    )
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")


def _check_empty() -> None:
    for model in (Category, Product, CouponBatch, Order):
        if model._default_manager.exists():  # noqa: SLF001
            raise AlreadyFilled
    if User.objects.filter(email__in=[login.email for login in LOGINS]).exists():
        raise AlreadyFilled


def _write(wish: Wish, progress: Progress) -> None:
    now = moment(wish.now)
    start = now - now % HOUR - DAYS * DAY
    writer = Writer()
    ledger = Ledger(writer)
    people = move_in(
        writer, ledger, wish.crowd, _rng(wish, "people"), start=start, end=now
    )
    progress.say("stocking the shop …")
    goods = stock_shop(writer, wish.products, _rng(wish, "goods"), opening=start)
    planner = Planner(goods, people, wish.orders, wish.seed, start, now)
    warehouse = Warehouse(writer, goods.first_id, len(goods))
    warehouse.receive(planner.demand(), actor_id=people.staff_id, at=start - DAY)
    wallets = Wallets(people, _rng(wish, "coupons"), now)
    wallets.write_batches(writer)
    writer.flush()
    outbox = Outbox(writer, _rng(wish, "outbox"))
    ways = offer_ways()
    deals = Promotions(writer, goods, wish.orders, now)
    books = Books(
        writer, people, goods, ledger, warehouse, wallets, outbox, ways, deals
    )
    _write_orders(OrderBook(books, _rng(wish, "orders"), now), planner, books, progress)
    _settle(books, now)
    reviews.write(people, _rng(wish, "reviews"), wish.now)
    wishes.fill(people.id_of(MINJI), goods)
    _roll_up(start, now, progress)
    progress.say("looking at what goes together …")
    behaviour.observe(writer, people, _rng(wish, "behaviour"), now)
    reports.know(_days(start, now), now)


def _write_orders(
    book: OrderBook, planner: Planner, books: Books, progress: Progress
) -> None:
    plans = progress.over("orders", planner.plans(), planner.orders)
    for number, plan in enumerate(plans, 1):
        book.place(plan)
        if number % CHUNK == 0:
            books.writer.flush()
    book.finish()


def _settle(books: Books, now: int) -> None:
    """Write what the books have come to."""
    for place, amount, ago in GIFTS:
        books.ledger.charge(books.people.id_of(place), amount, at=now - ago)
    books.warehouse.settle()
    books.wallets.settle(books.writer)
    books.promotions.settle()
    books.writer.flush()
    books.ledger.settle()
    invoicing.issue_missing()


def _roll_up(start: int, now: int, progress: Progress) -> None:
    days = _days(start, now)
    for day in progress.over("days", days, len(days)):
        analytics.roll_up_day(day)


def _days(start: int, now: int) -> list[date]:
    first, last = shop_day(aware(start)), shop_day(aware(now))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _tidy_up() -> None:
    """Let the planner know the tables, and index-only scans the pages."""
    command = "ANALYZE" if connection.in_atomic_block else "VACUUM (ANALYZE)"
    with connection.cursor() as cursor:
        cursor.execute(command)


def _rng(wish: Wish, what: str) -> Random:
    # One for each purpose: more orders do not give other people.
    return Random(f"{what} {wish.seed}")
