"""Race 29: an app asks what changed while others write, and some commit late."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from django.db import connection, transaction

from accounts import services as accounts
from accounts.models import Address, User
from cart import services as carts
from catalog.models import Product
from checkout import services as checkout
from common.errors import DomainError
from coupons import services as coupons
from notifications import services as notifications
from notifications.models import Notification
from orders.models import Order
from points import services as points
from tests.concurrency import STUCK_AFTER, run_together
from tests.factories import CouponBatchFactory, ProductFactory
from tests.notifications.events import event
from tests.races.stage import purchase, shoppers
from tests.races.sync_mutants import going_on_where_it_looked
from tests.syncing import copy_of, state_now
from wishlist import services as wishlists
from wishlist.models import WishlistItem


@dataclass(frozen=True)
class Outcome:
    """What an app knew, and what there was, after somebody had committed late."""

    addresses: list[str]
    knows_all: bool


def book(line1: str) -> dict[str, str]:
    return {
        "recipient": "Lee",
        "phone": "010",
        "postal_code": "1",
        "line1": line1,
        "city": "Seoul",
    }


def late_commit() -> Outcome:
    """Read between the writing of a row and its commit, and once more after that."""
    [user] = shoppers(1)
    wrote, may_commit = Event(), Event()

    def write_late() -> None:
        try:
            with transaction.atomic():
                accounts.add_address(user_id=user.pk, address=book("late"))
                wrote.set()
                may_commit.wait(STUCK_AFTER)
        finally:
            connection.close()

    app = copy_of(user)
    app.pull()
    writer = Thread(target=write_late)
    writer.start()
    wrote.wait(STUCK_AFTER)
    points.charge(user_id=user.pk, amount=5, idempotency_key="meanwhile")
    app.pull()
    assert app.state["points"]["balance"] == 1_000_005
    assert app.state["addresses"] == {}
    may_commit.set()
    writer.join(STUCK_AFTER)
    app.pull()
    return Outcome(
        addresses=[one["line1"] for one in app.state["addresses"].values()],
        knows_all=app.state == state_now(user),
    )


def test_race_29_what_commits_late_is_told_of() -> None:
    assert late_commit() == Outcome(addresses=["late"], knows_all=True)


def test_race_29_mutant_is_caught() -> None:
    with going_on_where_it_looked():
        assert late_commit() == Outcome(addresses=[], knows_all=False)


def test_race_29_app_that_reads_on_ends_up_with_the_servers_state() -> None:
    [user] = shoppers(1)
    products = ProductFactory.create_batch(4, stock_on_hand=100)
    batches = CouponBatchFactory.create_batch(8)
    app = copy_of(user)
    writes = writes_of(user, products, [batch.pk for batch in batches])

    def act(number: int) -> None:
        # One thread is the app, the others write and hold what they wrote.
        if number % 6 == 0:
            app.pull(limit=3)
            return
        with transaction.atomic():
            writes[number % len(writes)](number)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(%s)", [number % 5 / 200])

    results = run_together(act, times=240, clients=6)

    refused = [one for one in results if isinstance(one, DomainError)]
    assert [one for one in results if isinstance(one, Exception)] == refused
    assert len(refused) < 100
    app.pull(limit=3)
    assert app.state == state_now(user)
    assert len(app.state["orders"]) > 5


def writes_of(
    user: User, products: list[Product], batch_ids: list[int]
) -> list[Callable[[int], Any]]:
    """Return what may happen to a shopper, each told by the number of the call."""
    own = user.pk

    def drop_address(_number: int) -> None:
        newest = Address.objects.of_user(own).order_by("pk").first()
        if newest is not None:
            accounts.remove_address(user_id=own, address_id=newest.pk)

    def wish(number: int) -> None:
        product_id = products[number % 4].pk
        listed = WishlistItem.objects.of_user(own).filter(product=product_id)
        change = wishlists.remove if listed.exists() else wishlists.save
        change(user_id=own, product_id=product_id)

    def cancel(number: int) -> None:
        order = Order.objects.placed_by(own).order_by("pk").first()
        if order is not None:
            checkout.cancel(
                order_id=order.pk, user_id=own, actor_id=own, reason=str(number)
            )

    def read(_number: int) -> None:
        newest = Notification.objects.of_user(own).newest_first().first()
        if newest is not None:
            notifications.read(user_id=own, notification_id=newest.pk)

    return [
        lambda n: accounts.add_address(user_id=own, address=book(str(n))),
        drop_address,
        wish,
        lambda n: points.charge(user_id=own, amount=n, idempotency_key=str(n)),
        lambda n: checkout.place_and_pay(purchase(user, products[n % 4])),
        lambda n: checkout.place_order(purchase(user, products[n % 4])),
        cancel,
        lambda n: coupons.claim(user_id=own, batch_id=batch_ids[n % 8]),
        lambda _: notifications.tell([event("order.paid", user_id=own)]),
        read,
        lambda n: carts.add(
            cart_id=carts.of_user(own).pk, product_id=products[n % 4].pk, quantity=1
        ),
    ]
