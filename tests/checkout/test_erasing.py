"""Deleting an account: the person goes, the books stay."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Address, Device, User
from analytics import privacy
from analytics.models import Privacy
from cart.models import Cart
from checkout import erasing
from checkout import services as checkout
from checkout.errors import AccountStillNeeded, PointsLeft
from checkout.services import Purchase
from inventory import services as inventory
from notifications.models import Notification
from orders.models import Order, OrderStatus
from outbox import services as outbox
from outbox.models import Dispatch, Event
from points.models import EntryKind, LedgerEntry, PointAccount
from tests.books import assert_books_balance
from tests.factories import (
    AddressFactory,
    ProductFactory,
    StaffFactory,
    UserFactory,
)
from wishlist import services as wishlists
from wishlist.models import WishlistItem

pytestmark = pytest.mark.django_db

HOME = {
    "recipient": "Kim Min-ji",
    "phone": "+82 10-1234-5678",
    "postal_code": "04524",
    "line1": "110 Sejong-daero",
    "line2": "",
    "city": "Seoul",
    "country": "KR",
}


@pytest.fixture
def leaver() -> User:
    """Return somebody with an address, a device, a wish and a delivered order."""
    user: User = UserFactory.create(points=50_000)
    AddressFactory.create(user=user, is_default=True)
    EmailAddress.objects.create(user=user, email=user.email, verified=True)
    cup = ProductFactory.create(price=9_000)
    wishlists.save(user_id=user.pk, product_id=cup.pk)
    wish = Purchase(
        user_id=user.pk, email=user.email, quantities={cup.pk: 1}, address=HOME
    )
    placed = checkout.place_and_pay(wish)
    checkout.pack(order_id=placed.id, actor_id=None)
    checkout.ship(order_id=placed.id, carrier="CJ", tracking_number="1", actor_id=None)
    checkout.deliver(order_id=placed.id, actor_id=None)
    return user


@pytest.mark.django_db(transaction=True)
def test_person_is_gone_and_the_books_stay(leaver: User, client: Client) -> None:
    client.force_login(leaver)
    client.get("/account/")
    email, total = leaver.email, Order.objects.get().total
    outbox.deliver_due()

    privacy.choose(user_id=leaver.pk, wants_recommendations=False)

    erasing.erase_account(user_id=leaver.pk, gives_up_points=True)
    outbox.deliver_due()

    leaver.refresh_from_db()
    assert leaver.email == f"deleted-{leaver.pk}@deleted.invalid"
    assert (leaver.name, leaver.phone, leaver.is_active) == ("", "", False)
    assert not leaver.has_usable_password()
    order = Order.objects.get()
    assert (order.total, order.status) == (total, OrderStatus.DELIVERED)
    assert order.email == leaver.email
    assert order.address == dict.fromkeys(HOME, "") | {
        "country": "KR",
        "postal_code": "04",
    }
    own: list[type[Model]] = [
        Address,
        Device,
        EmailAddress,
        Cart,
        WishlistItem,
        Notification,
        Privacy,
    ]
    for model in own:
        assert not model._default_manager.filter(user=leaver).exists(), model
    assert not Dispatch.objects.filter(
        event__topic="customer.erased", delivered_at=None
    ).exists()
    assert client.get("/account/").status_code == 302
    UserFactory.create(email=email)
    assert_books_balance()


def test_points_are_given_up_on_purpose_only(leaver: User) -> None:
    with pytest.raises(PointsLeft) as refused:
        erasing.erase_account(user_id=leaver.pk, gives_up_points=False)

    balance = PointAccount.objects.get(user=leaver).balance
    assert refused.value.extra == {"balance": balance}
    leaver.refresh_from_db()
    assert leaver.is_active
    assert Address.objects.filter(user=leaver).exists()
    assert not Event.objects.filter(topic="customer.erased").exists()

    erasing.erase_account(user_id=leaver.pk, gives_up_points=True)

    last = LedgerEntry.objects.of_user(leaver.pk).latest("sequence")
    assert (last.kind, last.amount) == (EntryKind.EXPIRE, -balance)
    assert last.balance_after == 0


def test_locks_are_taken_in_the_one_order(leaver: User) -> None:
    gone = ProductFactory.create(stock_on_hand=0)
    inventory.alert(product_id=gone.pk, user_id=leaver.pk, email="", language="en")

    with CaptureQueriesContext(connection) as statements:
        erasing.erase_account(user_id=leaver.pk, gives_up_points=True)

    locks = [one["sql"] for one in statements if "FOR NO KEY UPDATE" in one["sql"]]
    tables = [re.findall(r"FROM \W?([a-z_]+)", sql)[0] for sql in locks]
    hot = ("orders_order", "points_pointaccount", "inventory_stock")
    assert list(dict.fromkeys(name for name in tables if name in hot)) == list(hot)


@pytest.mark.parametrize("until", ["placed", "paid", "packed", "shipped"])
def test_account_stays_while_an_order_is_not_over(until: str) -> None:
    user = UserFactory.create(points=50_000)
    cup = ProductFactory.create(price=9_000)
    wish = Purchase(user_id=user.pk, email=user.email, quantities={cup.pk: 1})
    place = checkout.place_order if until == "placed" else checkout.place_and_pay
    placed = place(wish)
    if until in {"packed", "shipped"}:
        checkout.pack(order_id=placed.id, actor_id=None)
    if until == "shipped":
        checkout.ship(
            order_id=placed.id, carrier="CJ", tracking_number="1", actor_id=None
        )

    with pytest.raises(AccountStillNeeded) as refused:
        erasing.erase_account(user_id=user.pk, gives_up_points=True)

    assert refused.value.extra == {"orders": [placed.number]}
    user.refresh_from_db()
    assert user.is_active
    assert PointAccount.objects.get(user=user).balance > 0


def test_account_of_staff_cannot_delete_itself() -> None:
    staff = StaffFactory.create()

    with pytest.raises(AccountStillNeeded):
        erasing.erase_account(user_id=staff.pk, gives_up_points=True)

    staff.refresh_from_db()
    assert staff.is_staff
    assert staff.is_active


def test_somebody_else_keeps_everything(leaver: User) -> None:
    other = UserFactory.create(points=5_000)
    AddressFactory.create(user=other)
    before = other.email

    erasing.erase_account(user_id=leaver.pk, gives_up_points=True)

    other.refresh_from_db()
    assert (other.email, other.is_active) == (before, True)
    assert Address.objects.filter(user=other).count() == 1
    assert PointAccount.objects.get(user=other).balance == 5_000
