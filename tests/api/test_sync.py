"""What changed, for apps that keep a copy."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from api import changes
from api.changes import Now
from api.v1 import sync
from cart import services as carts
from checkout import returns
from common import tombstones
from common.models import Tombstone
from coupons.models import CouponBatch
from notifications import services as notifications
from notifications.models import Notification
from orders.models import Order, OrderLine, ReturnLine
from points import services as points
from reviews import services as reviews
from tests.api.client import Api
from tests.factories import (
    AddressFactory,
    CouponFactory,
    ProductFactory,
    UserFactory,
)
from tests.notifications.events import event
from tests.reviewing import TEXT, delivered, ordered
from tests.syncing import Copy, copy_of, state_now
from wishlist import services as wishlists

SYNC = "/api/v1/sync"
ADDRESS = {
    "recipient": "Lee",
    "phone": "010",
    "postal_code": "1",
    "line1": "x",
    "city": "Seoul",
}


def app_of(api: Api) -> Copy:
    """Return an app that asks over HTTP."""

    def read(cursor: str | None, limit: int) -> dict[str, Any]:
        where = f"&cursor={cursor}" if cursor else ""
        answer = api.get(f"{SYNC}?limit={limit}{where}")
        assert answer.status == 200, answer.body
        body: dict[str, Any] = answer.body
        return body

    return Copy(read)


@pytest.mark.django_db
def test_without_a_cursor_everything_is_told_in_pages(api: Api, user: User) -> None:
    addresses = [AddressFactory.create(user=user).pk for _ in range(3)]
    product = ProductFactory.create(price=1_000)
    order = ordered(user, product)
    coupon = CouponFactory.create(user=user)
    wishlists.save(user_id=user.pk, product_id=product.pk)
    carts.add(cart_id=carts.of_user(user.pk).pk, product_id=product.pk, quantity=2)
    app = app_of(api)

    pages = app.pull(limit=2)

    assert [page["starts_anew"] for page in pages] == [True] + [False] * 3
    told = [sum(len(page[name]) for name in app.rows) for page in pages]
    assert told == [2, 2, 2, 2]
    state = app.state
    assert list(state["addresses"]) == addresses
    [shown] = state["orders"].values()
    assert (shown["id"], shown["status"]) == (str(order.pk), "paid")
    assert shown["payments"][0]["amount"]["amount"] == 1_000
    assert [one["amount"] for one in state["entries"].values()] == [1_000_000, -1_000]
    assert list(state["coupons"]) == [coupon.pk]
    assert list(state["wishlist"]) == [product.pk]
    assert state["points"]["balance"] == 999_000
    assert state["profile"]["email"] == user.email
    assert [(one["product_id"], one["quantity"]) for one in state["cart"]["items"]] == [
        (product.pk, 2)
    ]


@pytest.mark.django_db
def test_things_of_others_are_not_told(api: Api, user: User) -> None:
    other = UserFactory.create(points=5)
    AddressFactory.create(user=other)
    CouponFactory.create(user=other)
    ordered(UserFactory.create(points=1_000_000), ProductFactory.create())

    state = copy_of(user)
    state.pull()

    assert {name: len(rows) for name, rows in state.rows.items() if rows} == {
        "entries": 1
    }
    assert state.whole["profile"]["id"] == user.pk


@pytest.mark.django_db(transaction=True)
def test_every_kind_of_change_reaches_the_copy(user: User) -> None:
    first, second = ProductFactory.create_batch(2, price=1_000)
    batch: CouponBatch = CouponFactory.create(user=user).batch
    app = copy_of(user)
    app.pull()
    steps: list[Any] = [
        lambda: accounts.add_address(user_id=user.pk, address=ADDRESS),
        lambda: accounts.add_address(user_id=user.pk, address=ADDRESS | {"line1": "y"}),
        lambda: accounts.make_default(
            user_id=user.pk, address_id=max(app.state["addresses"])
        ),
        lambda: accounts.change_profile(
            user_id=user.pk, name="Lee", phone="", marketing="no"
        ),
        lambda: points.charge(user_id=user.pk, amount=5, idempotency_key="x"),
        lambda: wishlists.save(user_id=user.pk, product_id=first.pk),
        lambda: carts.add(
            cart_id=carts.of_user(user.pk).pk, product_id=first.pk, quantity=1
        ),
        lambda: CouponBatch.objects.filter(pk=batch.pk).update(is_active=False),
        lambda: notifications.tell([event("order.paid", user_id=user.pk)]),
        lambda: notifications.read_all(user_id=user.pk),
        lambda: delivered(user, first, second),
        lambda: reviews.write(
            user_id=user.pk, product_id=first.pk, rating=5, text=TEXT
        ),
        lambda: returns_of(user),
        lambda: accounts.remove_address(
            user_id=user.pk, address_id=max(app.state["addresses"])
        ),
        lambda: wishlists.remove(user_id=user.pk, product_id=first.pk),
        lambda: reviews.withdraw(user_id=user.pk, review_id=max(app.state["reviews"])),
    ]

    for step in steps:
        before = app.state
        step()
        app.pull()
        assert app.state == state_now(user)
        assert app.state != before
    assert len(app.state["addresses"]) == 1
    assert app.state["wishlist"] == app.state["reviews"] == {}
    assert Notification.objects.count() == len(app.state["notifications"])


def returns_of(user: User) -> None:
    order = Order.objects.placed_by(user.pk).get()
    line = OrderLine.objects.filter(order=order).order_by("pk")[0]
    returns.request(
        order_id=order.pk, user_id=user.pk, quantities={line.pk: 1}, reason="x"
    )
    assert ReturnLine.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_product_that_is_deleted_leaves_the_wishlist(user: User) -> None:
    product = ProductFactory.create(stock_on_hand=0)
    wishlists.save(user_id=user.pk, product_id=product.pk)
    app = copy_of(user)
    app.pull()

    gone = {"kind": "wish", "id": product.pk}
    product.delete()
    [page] = app.pull()

    assert page["deleted"] == [gone]
    assert app.state == state_now(user)


@pytest.mark.django_db
def test_what_came_back_is_not_told_as_deleted(user: User) -> None:
    product = ProductFactory.create()
    app = copy_of(user)
    app.pull()
    wishlists.save(user_id=user.pk, product_id=product.pk)
    wishlists.remove(user_id=user.pk, product_id=product.pk)
    wishlists.save(user_id=user.pk, product_id=product.pk)

    [page] = app.pull()

    assert page["deleted"] == []
    assert list(app.state["wishlist"]) == [product.pk]


@pytest.mark.django_db
def test_what_is_whole_is_told_when_it_changed(user: User) -> None:
    app = copy_of(user)
    app.pull()

    [same] = app.pull()
    points.charge(user_id=user.pk, amount=5, idempotency_key="x")
    [other] = app.pull()

    assert [same[name] for name in ("profile", "points", "cart")] == [None] * 3
    assert other["points"]["balance"] == 1_000_005
    assert (other["profile"], other["cart"]) == (None, None)


# --- Cursors -------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("cursor", ["x", "a.b", "W10:x", "0" * 900])
def test_cursor_of_nobody_is_refused(api: Api, cursor: str) -> None:
    answer = api.get(f"{SYNC}?cursor={cursor}")

    assert (answer.status, answer.code) == (400, "cursor_invalid")


@pytest.mark.django_db
def test_cursor_of_somebody_else_is_refused(api: Api, other: Api) -> None:
    cursor = other.get(SYNC).body["cursor"]

    answer = api.get(f"{SYNC}?cursor={cursor}")

    assert (answer.status, answer.code) == (400, "cursor_invalid")


def moved(moment: Now, **by: Any) -> Now:
    values = {name: getattr(moment, name) for name in Now.__dataclass_fields__}
    return Now(**{**values, **by})


@pytest.mark.django_db
def test_cursor_is_good_for_90_days(api: Api) -> None:
    cursor = api.get(SYNC).body["cursor"]
    moment = changes.now()
    days = int(timedelta(days=90).total_seconds())

    def ask(at: int) -> int:
        with patch.object(changes, "now", lambda: moved(moment, at=at)):
            return int(api.get(f"{SYNC}?cursor={cursor}").status)

    assert ask(moment.at + days - 60) == 200
    assert ask(moment.at + days + 60) == 410


@pytest.mark.django_db
@pytest.mark.parametrize(
    "other", [{"where": "another"}, {"next": 1, "oldest": 1}, {"next": 2**40}]
)
def test_cursor_of_another_time_or_database_starts_anew(
    api: Api, other: dict[str, Any]
) -> None:
    cursor = api.get(SYNC).body["cursor"]
    moment = changes.now()

    with patch.object(changes, "now", lambda: moved(moment, **other)):
        answer = api.get(f"{SYNC}?cursor={cursor}")

    assert (answer.status, answer.code) == (410, "cursor_expired")
    assert api.get(SYNC).body["starts_anew"] is True


@pytest.mark.django_db
def test_numbers_of_transactions_may_begin_anew() -> None:
    fresh = changes.FRESH.format(row="one")
    sql = f"SELECT {fresh} FROM (VALUES (%(x)s)) AS one(xmin)"  # noqa: S608 — our own

    def is_fresh(xmin: int, *, since: int, span: int) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(sql, {"x": xmin, "since": since % 2**32, "span": span})
            return bool(cursor.fetchone()[0])

    last = 2**32 - 1
    told = [is_fresh(n, since=last - 1, span=4) for n in (last - 2, last - 1, 3, 4)]
    assert told == [False, True, False, False]
    assert is_fresh(1, since=last - 1, span=4)
    assert is_fresh(700, since=5 * 2**32 + 700, span=1)
    assert not is_fresh(699, since=5 * 2**32 + 700, span=2**31)


@pytest.mark.django_db
def test_tombstones_are_kept_longer_than_cursors() -> None:
    now = timezone.now()
    for days in (0, 90, 92):
        Tombstone.objects.create(
            user_id=1,
            kind="wish",
            object_id=days,
            deleted_at=now - timedelta(days=days),
        )

    assert tombstones.forget_old() == 1
    kept = Tombstone.objects.order_by("object_id").values_list("object_id", flat=True)
    assert list(kept) == [0, 90]


def test_all_sources_can_be_read() -> None:
    assert [one.name for one in changes.SOURCES] == list(sync.READERS)


@pytest.mark.django_db
def test_order_is_read_without_a_statement_for_each(
    user: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(4):
        delivered(user, ProductFactory.create())

    with django_assert_max_num_queries(40):
        copy_of(user).pull()
