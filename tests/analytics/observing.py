"""Orders and visits out of which pairs are made, written straight into the tables."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.utils import timezone

from accounts.models import User
from analytics import behaviour, pseudonyms
from analytics.behaviour import Act
from analytics.models import Behaviour
from catalog.models import Product
from checkout import services as checkout
from tests.races.stage import purchase, shoppers


def visitor(number: int = 0) -> UUID:
    """Return the pseudonym of a visitor who recommendations are shown to."""
    names = (pseudonyms.of_visitor(f"test {number} {n}") for n in range(1_000))
    return next(name for name in names if not pseudonyms.is_plain(name))


def plain_visitor() -> UUID:
    """Return the pseudonym of a visitor who plain lists are shown to."""
    names = (pseudonyms.of_visitor(f"test {n}") for n in range(10_000))
    return next(name for name in names if pseudonyms.is_plain(name))


def look(actor: UUID, *products: Product, ago: timedelta = timedelta(0)) -> None:
    """Let somebody look at products in one visit."""
    at = timezone.now() - ago
    behaviour.record(
        Act(Behaviour.VIEW, actor, at, product.pk, session="one")
        for product in products
    )


def buy(user: User, *products: Product, ago: timedelta = timedelta(minutes=1)) -> UUID:
    """Buy one of each product in one order, some time ago."""
    order_id = checkout.place_and_pay(purchase(user, *products)).id
    move(order_id, timezone.now() - ago)
    return order_id


def move(order_id: UUID, paid_at: datetime) -> None:
    """Let an order have been paid at another time."""
    with connection.cursor() as cursor:
        for table, column in (("orders_order", "id"), ("orders_orderline", "order_id")):
            cursor.execute(
                f"UPDATE {table} SET paid_at = %s WHERE {column} = %s",  # noqa: S608
                [paid_at, order_id],
            )


def crowd(number: int, *products: Product) -> list[User]:
    """Let so many shoppers buy the products together."""
    users = shoppers(number)
    for user in users:
        buy(user, *products)
    return users


def act(kind: str, actor: UUID, product: Product | None = None, **more: str) -> Act:
    """Return something that happened just now."""
    key = product.pk if product else None
    return Act(kind, actor, timezone.now(), key, event_id=uuid4(), **more)


def sent(product: Product, **more: Any) -> dict[str, Any]:
    """Return an event as clients send it."""
    return {
        "id": str(uuid4()),
        "type": "view",
        "at": timezone.now().isoformat(),
        "product_id": product.pk,
        **more,
    }
