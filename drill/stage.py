"""What the races are run with: shoppers, goods, orders, and a hand on the brake."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from catalog.models import Category, Product
from checkout import placing
from checkout import services as checkout
from checkout.services import Purchase
from common.db import pipeline
from coupons.models import CouponBatch, DiscountKind
from drill.crowd import STUCK_AFTER, off_the_clock
from inventory import services as inventory
from inventory.models import MovementKind
from orders.models import Order
from points import services as points
from points.models import EntryKind, PointAccount

PRICE = 10_000


def shoppers(number: int, *, balance: int = 1_000_000) -> list[User]:
    """Create shoppers with points; nobody can sign in as them, so it is quick."""
    users = User.objects.bulk_create(
        User(email=f"{uuid4().hex}@example.com", password="!")  # noqa: S106 — none fits
        for _ in range(number)
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


def product(*, stock: int = 10, price: int = PRICE) -> Product:
    """Put a new product on sale, with so many units on the shelf."""
    shelf, _created = Category.objects.get_or_create(
        slug="drill", defaults={"name": "Drill"}
    )
    name = uuid4().hex[:12]
    made = Product.objects.create(
        sku=f"DRILL-{name}",
        slug=f"drill-{name}",
        name=f"Drill {name}",
        price=price,
        category=shelf,
        published_at=timezone.now() - timedelta(days=1),
    )
    if stock:
        receive(made.pk, stock)
    return made


def products(number: int, *, stock: int) -> list[Product]:
    """Put several on sale, each with so many units."""
    return [product(stock=stock) for _ in range(number)]


def receive(product_id: int, quantity: int) -> None:
    """Put goods on the shelf."""
    inventory.adjust(
        product_id=product_id,
        kind=MovementKind.RECEIVED,
        delta=quantity,
        reason="delivered by the maker",
        actor_id=None,
    )


def coupon_batch(*, quantity: int) -> CouponBatch:
    """Open a drop of so many coupons of 10 %."""
    now = timezone.now()
    return CouponBatch.objects.create(
        name="Drill",
        kind=DiscountKind.PERCENT,
        value=10,
        quantity=quantity,
        opens_at=now - timedelta(hours=1),
        valid_from=now - timedelta(hours=1),
        valid_until=now + timedelta(days=7),
    )


def purchase(user: User, *wanted: Product, **choices: Any) -> Purchase:
    """Return the wish of ``user`` to buy one of each of the products."""
    quantities = {item.pk: 1 for item in wanted}
    return Purchase(
        user_id=user.pk, email=user.email, **{"quantities": quantities, **choices}
    )


def unpaid_order(user: User, wanted: Product, **choices: Any) -> UUID:
    """Place an order that waits for its payment."""
    return checkout.place_order(purchase(user, wanted, **choices)).id


def paid_order(units: int) -> Order:
    """Let a new shopper buy so many of a product of their own, and as many be left."""
    [user], wanted = shoppers(1), product(stock=2 * units)
    wish = purchase(user, quantities={wanted.pk: units})
    return Order.objects.get(pk=checkout.place_and_pay(wish).id)


def packed_order(units: int) -> Order:
    """Return a paid order that is being packed."""
    order = paid_order(units)
    checkout.pack(order_id=order.pk, actor_id=None)
    order.refresh_from_db()
    return order


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

    def wait(_wish: Purchase) -> None:
        with off_the_clock():
            barrier.wait()

    with between_reading_and_writing(wait):
        yield
