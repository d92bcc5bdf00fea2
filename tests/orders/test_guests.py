"""Orders of people without an account: placed, opened by a key, claimed once proved."""

import base64
from typing import Any
from uuid import UUID, uuid4

import pytest
from allauth.account.models import EmailAddress
from django.core.signing import Signer
from django.db import DatabaseError, transaction
from pytest_django import Settings

from cart import services as carts
from cart.models import CartItem
from checkout import services as checkout
from checkout.services import CartVersion, Purchase
from common.ids import uuid7
from coupons.errors import CouponNotFound
from inventory.models import Stock
from orders import guests
from orders import services as orders
from orders.drafts import Draft
from orders.errors import OrderNotCancellable, OrderNotFound
from orders.models import Order, OrderStatus
from outbox.models import Event
from payments.models import Payment
from points.errors import InsufficientPoints
from tests.books import assert_books_balance
from tests.factories import (
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    UserFactory,
)

EMAIL = "ji-won@example.com"
ADDRESS = {"recipient": "Lee Ji-won", "line1": "1 Mapo-daero", "country": "KR"}

pytestmark = pytest.mark.django_db


def wish(quantities: dict[int, int], **choices: Any) -> Purchase:
    """Return what a guest wants to buy."""
    asked = {"email": EMAIL, "address": ADDRESS, **choices}
    return Purchase(user_id=None, quantities=quantities, **asked)


def guest_order(**choices: Any) -> Draft:
    """Let a guest order one thing for 10 000."""
    return checkout.place_order(wish({ProductFactory.create().pk: 1}, **choices))


# --- Placing -------------------------------------------------------------------------


def test_guest_places_an_order_that_holds_its_stock() -> None:
    DeliveryMethodFactory.create()
    product = ProductFactory.create(price=10_000, stock_on_hand=5)

    draft = checkout.place_order(wish({product.pk: 2}, email="Ji-Won@Example.com"))

    order = Order.objects.get()
    assert (order.pk, order.user_id, order.email) == (draft.id, None, EMAIL)
    assert (order.status, order.total) == (OrderStatus.PENDING, 23_000)
    assert order.address == ADDRESS
    assert Stock.objects.get(product=product).reserved == 2
    assert not Payment.objects.exists()
    assert_books_balance()


def test_order_empties_the_cart_of_the_guest() -> None:
    product = ProductFactory.create()
    cart = carts.of_guest("token")
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=3)
    cart.refresh_from_db()

    checkout.place_order(wish({product.pk: 3}, cart=CartVersion(cart.pk, cart.version)))

    assert not CartItem.objects.exists()


def test_guest_has_no_points_to_pay_with() -> None:
    product = ProductFactory.create(price=10_000, stock_on_hand=5)

    with pytest.raises(InsufficientPoints) as refusal:
        checkout.place_and_pay(wish({product.pk: 1}))

    assert refusal.value.extra == {"balance": 0, "required": 10_000}
    assert not Order.objects.exists()
    assert Stock.objects.get(product=product).on_hand == 5


def test_unpaid_order_of_a_guest_cannot_be_paid_with_points_either() -> None:
    draft = guest_order()

    with pytest.raises(InsufficientPoints):
        checkout.pay(user_id=None, order_id=draft.id)

    assert Order.objects.get().status == OrderStatus.PENDING


def test_guest_has_no_coupons() -> None:
    coupon = CouponFactory.create()

    with pytest.raises(CouponNotFound):
        guest_order(coupon_id=coupon.pk)

    assert not Order.objects.exists()


# --- Keys ----------------------------------------------------------------------------


def test_key_opens_the_order_it_was_made_for() -> None:
    order_id = uuid7()

    assert guests.order_of(guests.key_of(order_id)) == order_id
    assert guests.key_of(order_id) == guests.key_of(order_id)


def test_link_leads_to_the_order_on_our_own_site(settings: Settings) -> None:
    settings.SHOP_BASE_URL = "https://shop.example"
    draft = guest_order()

    link = guests.link(draft)

    assert link == (
        f"https://shop.example/orders/{draft.number}/?key={guests.key_of(draft.id)}"
    )
    assert guests.link(Order.objects.get()) == link


def forged(order_id: UUID) -> list[str]:
    """Return keys that look like the order's and are not."""
    key = guests.key_of(order_id)
    name, signature = key.split(".")
    raw = base64.urlsafe_b64encode(order_id.bytes).decode().rstrip("=")
    return [
        "",
        ".",
        name,
        f".{signature}",
        f"{name}.",
        f"{name}.{signature[:-1]}",
        f"{name}.{signature}x",
        f"{name}.{signature.swapcase()}",
        f"{name[:-1]}{'B' if name.endswith('A') else 'A'}.{signature}",
        f"{guests.key_of(uuid4()).split('.')[0]}.{signature}",
        f"{key}.{signature}",
        f" {key}",
        f"{key}\n",
        f"{key}\0",
        str(order_id),
        str(order_id.hex),
        Signer(sep=".", salt="shop.cart").sign(raw),
        Signer(sep=".", key="guessed", salt="orders.guest").sign(raw),
        Signer(sep=".", salt="orders.guest").sign("x"),
        Signer(sep=".", salt="orders.guest").sign("é"),
        "é.é",
        "\ud800.x",
        key * 100,
    ]


@pytest.mark.parametrize("place", range(23))
def test_key_that_we_did_not_give_out_opens_nothing(place: int) -> None:
    assert guests.order_of(forged(uuid7())[place]) is None


def test_key_survives_a_change_of_the_secret_while_the_old_one_is_kept(
    settings: Settings,
) -> None:
    order_id = uuid7()
    key = guests.key_of(order_id)

    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new one"
    assert guests.order_of(key) == order_id

    settings.SECRET_KEY_FALLBACKS = []
    assert guests.order_of(key) is None


# --- What others are told ------------------------------------------------------------


def test_news_of_a_guests_order_carries_the_link_until_it_is_claimed() -> None:
    draft = guest_order()
    user = UserFactory.create()
    placed = Event.objects.get(topic="order.placed").payload
    with transaction.atomic():
        orders.claim(user_id=user.pk, email=EMAIL)
    checkout.cancel(order_id=draft.id, user_id=user.pk, actor_id=user.pk, reason="")
    cancelled = Event.objects.get(topic="order.cancelled").payload

    assert (placed["user_id"], placed["email"]) == (None, EMAIL)
    assert placed["url"] == guests.link(draft)
    assert cancelled["user_id"] == user.pk
    assert "url" not in cancelled


# --- Calling off ---------------------------------------------------------------------


def test_guest_calls_an_order_off_and_the_stock_is_free_again() -> None:
    draft = guest_order()

    order = checkout.cancel_as_guest(order_id=draft.id, reason="shopper")

    assert order.status == OrderStatus.CANCELLED
    assert Stock.objects.get().reserved == 0
    assert_books_balance()


def test_guest_cannot_call_off_what_is_being_packed() -> None:
    draft = guest_order()
    Order.objects.filter(pk=draft.id).update(status="paid", paid_at=draft.placed_at)
    checkout.pack(order_id=draft.id, actor_id=None)

    with pytest.raises(OrderNotCancellable):
        checkout.cancel_as_guest(order_id=draft.id, reason="shopper")

    assert Order.objects.get().status == OrderStatus.PROCESSING


def test_claimed_order_is_no_guests_any_more() -> None:
    draft = guest_order()
    with transaction.atomic():
        orders.claim(user_id=UserFactory.create(points=50_000).pk, email=EMAIL)

    with pytest.raises(OrderNotFound):
        checkout.cancel_as_guest(order_id=draft.id, reason="shopper")
    with pytest.raises(OrderNotFound):
        checkout.pay(user_id=None, order_id=draft.id)

    assert Order.objects.get().status == OrderStatus.PENDING


# --- Claiming ------------------------------------------------------------------------


def test_orders_become_those_of_whoever_proves_the_address() -> None:
    first, second = guest_order(), guest_order(email="JI-WON@example.COM")
    other = guest_order(email="someone@example.com")
    user = UserFactory.create(email=EMAIL)
    EmailAddress.objects.create(user=user, email=EMAIL, verified=True, primary=True)

    assert checkout.claim_orders(user_id=user.pk) == 2
    assert checkout.claim_orders(user_id=user.pk) == 0

    owners = dict(Order.objects.values_list("pk", "user"))
    assert owners == {first.id: user.pk, second.id: user.pk, other.id: None}


def test_address_that_was_only_typed_in_claims_nothing() -> None:
    guest_order()
    thief = UserFactory.create(email=EMAIL)
    EmailAddress.objects.create(user=thief, email=EMAIL, verified=False, primary=True)

    assert checkout.claim_orders(user_id=thief.pk) == 0

    assert Order.objects.get().user_id is None


@pytest.mark.parametrize(
    "lookalike",
    [
        "ji\N{HYPHEN}won@example.com",
        "j\N{LATIN SMALL LETTER DOTLESS I}-won@example.com",
        "%",
        "ji-won@example.com%",
    ],
)
def test_address_that_only_looks_alike_claims_nothing(lookalike: str) -> None:
    guest_order()
    with transaction.atomic():
        assert orders.claim(user_id=UserFactory.create().pk, email=lookalike) == 0


def test_letter_that_only_becomes_ascii_claims_nothing() -> None:
    # The Kelvin sign is a k once it is lower case.
    guest_order(email="kim@example.com")
    with transaction.atomic():
        claimed = orders.claim(
            user_id=UserFactory.create().pk, email="\N{KELVIN SIGN}im@example.com"
        )

    assert claimed == 0


def test_claimed_order_cannot_be_taken_away_again() -> None:
    guest_order()
    owner, thief = UserFactory.create_batch(2)
    with transaction.atomic():
        orders.claim(user_id=owner.pk, email=EMAIL)
        assert orders.claim(user_id=thief.pk, email=EMAIL) == 0
    for user_id in (thief.pk, None):
        with pytest.raises(DatabaseError), transaction.atomic():
            Order.objects.update(user=user_id)

    assert Order.objects.get().user_id == owner.pk
