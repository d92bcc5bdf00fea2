"""What the races are run with: many shoppers at once, and a hand on the brake."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

from django.db import transaction

from accounts.models import User
from cart import services as carts
from cart.models import Cart
from catalog.models import Product
from checkout import placing
from checkout import services as checkout
from checkout.services import Purchase
from common.db import pipeline
from orders.models import Order
from points import services as points
from points.models import EntryKind, PointAccount
from tests.concurrency import STUCK_AFTER


def shoppers(number: int, *, balance: int = 1_000_000) -> list[User]:
    """Create shoppers with points; nobody can sign in as them, so it is quick."""
    users = User.objects.bulk_create(
        User(email=f"{uuid4().hex}@example.com", password="!") for _ in range(number)
    )
    PointAccount.objects.bulk_create(PointAccount(user=user) for user in users)
    with transaction.atomic(), pipeline() as pipe:
        for user in users:
            points._queue(
                pipe,
                user_id=user.pk,
                kind=EntryKind.ADJUST,
                amount=balance,
                reference="",
                idempotency_key="opening balance",
            )
    return users


def purchase(user: User, *products: Product, **choices: Any) -> Purchase:
    """Return the wish of ``user`` to buy one of each of ``products``."""
    quantities = {product.pk: 1 for product in products}
    return Purchase(
        user_id=user.pk, email=user.email, **{"quantities": quantities, **choices}
    )


def unpaid_order(user: User, product: Product, **choices: Any) -> UUID:
    """Place an order that waits for its payment."""
    return checkout.place_order(purchase(user, product, **choices)).id


def overdue(order_id: UUID) -> UUID:
    """Let the time to pay an order be up."""
    order = Order.objects.get(pk=order_id)
    Order.objects.filter(pk=order_id).update(expires_at=order.placed_at)
    return order_id


@contextmanager
def between_reading_and_writing(step: Callable[[Purchase], object]) -> Iterator[None]:
    """Let ``step`` happen in each purchase after its read and before its writes."""
    write = placing._write

    def write_after_step(wish: Purchase, *rest: Any) -> None:
        step(wish)
        write(wish, *rest)

    with patch.object(placing, "_write", write_after_step):
        yield


@contextmanager
def everybody_reads_first(buyers: int) -> Iterator[None]:
    """Let nobody write before all buyers have read; each may buy once."""
    barrier = Barrier(buyers, timeout=STUCK_AFTER)
    with between_reading_and_writing(lambda _wish: barrier.wait()):
        yield


def fill_cart(user: User, *products: Product) -> Cart:
    """Put one of each product into the shopper's cart."""
    cart = carts.of_user(user.pk)
    for product in products:
        carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)
    cart.refresh_from_db()
    return cart
