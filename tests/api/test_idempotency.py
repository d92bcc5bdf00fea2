"""Requests that are sent twice."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError
from django.db.models import Sum
from psycopg import errors as pg

from accounts.models import Address, User
from cart.models import CartItem
from checkout import placing
from common import idempotency
from common.models import IdempotencyRecord
from inventory.models import Stock
from orders.models import Order, OrderEvent
from payments.models import Payment
from points import services as points
from points.models import LedgerEntry
from reviews.models import Review
from tests.api.client import Api
from tests.api.paying import order_of
from tests.concurrency import run_together
from tests.factories import CouponBatchFactory, ProductFactory, UserFactory
from tests.reviewing import TEXT, received

ADDRESS = {
    "recipient": "Lee",
    "phone": "010",
    "postal_code": "1",
    "line1": "x",
    "city": "Seoul",
}
ORDERS, CHARGE = "/api/v1/orders", "/api/v1/points/charge"


@pytest.mark.django_db
def test_same_key_gives_the_first_reply_again(api: Api, user: User) -> None:
    product = ProductFactory.create()
    body = {"items": [{"product_id": product.pk, "quantity": 1}], "pay": True}

    first = api.post(ORDERS, body, Idempotency_Key="k1")
    again = api.post(ORDERS, body, Idempotency_Key='"k1"')

    assert first.header("Idempotency-Replayed") == ""
    assert again.header("Idempotency-Replayed") == "true"
    assert (again.status, again.response.content) == (201, first.response.content)
    assert again.header("Location") == first.header("Location")
    assert Order.objects.count() == 1
    assert points.balance_of(user.pk) == 990_000


@pytest.mark.django_db
def test_order_of_keys_and_spaces_do_not_make_another_request(api: Api) -> None:
    api.post(CHARGE, b'{"amount": 5, "reason": "x"}', Idempotency_Key="k")

    again = api.post(CHARGE, b'{"reason":"x","amount":5}', Idempotency_Key="k")

    assert again.header("Idempotency-Replayed") == "true"
    assert LedgerEntry.objects.filter(amount=5).count() == 1


@pytest.mark.django_db
def test_same_key_with_another_body_is_refused(api: Api, user: User) -> None:
    api.post(CHARGE, {"amount": 5}, Idempotency_Key="k")

    answer = api.post(CHARGE, {"amount": 6}, Idempotency_Key="k")

    assert (answer.status, answer.code) == (422, "idempotency_mismatch")
    assert points.balance_of(user.pk) == 1_000_005


@pytest.mark.django_db
def test_keys_of_two_people_and_two_addresses_never_meet(api: Api, other: Api) -> None:
    for client in (api, other):
        assert client.post(CHARGE, {"amount": 5}, Idempotency_Key="k").status == 201
    used = api.post("/api/v1/points/use", {"amount": 5}, Idempotency_Key="k")

    assert used.status == 201
    assert IdempotencyRecord.objects.count() == 3


@pytest.mark.django_db
def test_refused_request_may_be_tried_again_with_its_key(api: Api, user: User) -> None:
    body = {"amount": 2_000_000}
    refused = api.post("/api/v1/points/use", body, Idempotency_Key="k")
    points.charge(user_id=user.pk, amount=1_000_000, idempotency_key="more")

    done = api.post("/api/v1/points/use", body, Idempotency_Key="k")

    assert (refused.status, done.status) == (409, 201)
    assert done.header("Idempotency-Replayed") == ""


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", '""', "x" * 129, "a\tb", "\x7f"])
def test_keys_have_a_form(api: Api, key: str) -> None:
    answer = api.post(CHARGE, {"amount": 5}, Idempotency_Key=key)

    assert (answer.status, answer.code) == (400, "idempotency_key_invalid")
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.django_db
def test_first_request_that_is_still_running_is_a_conflict(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck(*_: object, **__: object) -> None:
        raise OperationalError from pg.LockNotAvailable()

    monkeypatch.setattr(placing, "_write", stuck)
    product = ProductFactory.create()
    body = {"items": [{"product_id": product.pk, "quantity": 1}]}

    answer = api.post(ORDERS, body, Idempotency_Key="k")

    assert (answer.status, answer.code) == (409, "idempotency_in_flight")
    assert answer.header("Retry-After") == "1"


@pytest.mark.django_db
def test_key_of_a_guest_belongs_to_their_cart(guest: Api) -> None:
    item = {"product_id": ProductFactory.create().pk, "quantity": 1}
    token = guest.post("/api/v1/cart/items", item).header("X-Cart-Token")

    for _ in range(2):
        answer = guest.post(
            "/api/v1/cart/items", item, X_Cart_Token=token, Idempotency_Key="k"
        )

    assert answer.header("Idempotency-Replayed") == "true"
    assert answer.body["items"][0]["quantity"] == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pay", [False, True])
def test_fifty_of_the_same_order_are_one(*, pay: bool) -> None:
    user = UserFactory.create(points=1_000_000)
    product = ProductFactory.create(price=1_000, stock_on_hand=100)
    body = {"items": [{"product_id": product.pk, "quantity": 2}], "pay": pay}
    clients = [Api(user) for _ in range(50)]

    answers = run_together(
        lambda number: clients[number].post(ORDERS, body, Idempotency_Key="one"),
        times=50,
    )

    replies = [answer for answer in answers if not isinstance(answer, Exception)]
    assert {answer.status for answer in replies} == {201}
    assert len({answer.response.content for answer in replies}) == 1
    assert sum(answer.header("Idempotency-Replayed") == "" for answer in replies) == 1
    assert len(replies) == 50
    assert Order.objects.count() == 1
    stock = Stock.objects.get()
    assert stock.on_hand - stock.reserved == 98
    assert points.balance_of(user.pk) == 1_000_000 - 2_000 * pay


@pytest.mark.django_db(transaction=True)
def test_fifty_of_the_same_claim_are_one() -> None:
    user = UserFactory.create()
    batch = CouponBatchFactory.create(quantity=100)
    clients = [Api(user) for _ in range(50)]

    answers = run_together(
        lambda number: clients[number].post(
            "/api/v1/coupons/issue", {"campaign_id": batch.pk}, Idempotency_Key="one"
        ),
        times=50,
    )

    replies = [answer for answer in answers if not isinstance(answer, Exception)]
    assert len(replies) == 50
    assert len({answer.response.content for answer in replies}) == 1
    batch.refresh_from_db()
    assert batch.issued == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_charges_without_a_key_are_fifty() -> None:
    user = UserFactory.create()
    clients = [Api(user) for _ in range(50)]

    run_together(lambda number: clients[number].post(CHARGE, {"amount": 10}), times=50)

    assert points.balance_of(user.pk) == 500


# Each kind of effect: what is sent, and how many there are of what it makes.
KINDS: dict[str, Callable[[User], tuple[str, str, Any, Callable[[], int]]]] = {
    "charge": lambda _: (
        *("POST", CHARGE, {"amount": 10}),
        LedgerEntry.objects.filter(amount=10).count,
    ),
    "use": lambda _: (
        *("POST", "/api/v1/points/use", {"amount": 10}),
        LedgerEntry.objects.filter(amount=-10).count,
    ),
    "address": lambda _: (
        *("POST", "/api/v1/users/me/addresses", ADDRESS),
        Address.objects.count,
    ),
    "review": lambda user: (
        "POST",
        f"/api/v1/products/{_bought_by(user)}/reviews",
        {"rating": 5, "text": TEXT},
        Review.objects.count,
    ),
    "pay": lambda user: (
        *("POST", "/api/v1/pay", {"order_id": str(order_of(user).pk)}),
        Payment.objects.count,
    ),
    "pay outside": lambda user: (
        "POST",
        f"/api/v1/orders/{order_of(user).pk}/pay",
        {"method": "sandbox"},
        Payment.objects.count,
    ),
    "buy points": lambda _: (
        *("POST", CHARGE, {"amount": 10, "method": "sandbox"}),
        Payment.objects.count,
    ),
    "cart": lambda _: (
        "POST",
        "/api/v1/cart/items",
        {"product_id": ProductFactory.create().pk, "quantity": 1},
        lambda: CartItem.objects.aggregate(n=Sum("quantity"))["n"],
    ),
    "cancel": lambda user: (
        *("DELETE", f"/api/v1/orders/{order_of(user).pk}", None),
        OrderEvent.objects.filter(to_status="cancelled").count,
    ),
}


def _bought_by(user: User) -> int:
    product = ProductFactory.create()
    received(user, product)
    return product.pk


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", KINDS)
def test_fifty_of_the_same_have_one_effect_and_one_reply(kind: str) -> None:
    user = UserFactory.create(points=1_000_000)
    method, path, body, made = KINDS[kind](user)
    clients = [Api() for _ in range(50)]
    signed_in = Api(user).headers
    for client in clients:
        client.headers = signed_in

    answers: list[Any] = run_together(
        lambda number: clients[number].send(method, path, body, Idempotency_Key="one"),
        times=50,
    )

    assert {answer.status for answer in answers} <= {200, 201}
    assert len({answer.response.content for answer in answers}) == 1
    assert made() == 1


@pytest.mark.django_db
def test_registering_twice_with_a_key_sends_one_letter(guest: Api) -> None:
    body = {"email": "new@example.com", "password": "correct horse battery"}
    path = "/api/v1/auth/register"

    answers = [guest.post(path, body, Idempotency_Key="k") for _ in range(2)]
    other = guest.post(path, body | {"password": "x" * 20}, Idempotency_Key="k")

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].response.content == answers[1].response.content
    assert answers[1].header("Idempotency-Replayed") == "true"
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    assert len(mail.outbox) == 1


@pytest.mark.django_db
def test_mistake_of_ours_is_not_kept(
    api: Api, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.client.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("points.services._queue", lambda *_, **__: 1 / 0)
        failed = api.post(CHARGE, {"amount": 5}, Idempotency_Key="k")
    assert not IdempotencyRecord.objects.exists()

    done = api.post(CHARGE, {"amount": 5}, Idempotency_Key="k")

    assert (failed.status, done.status) == (500, 201)
    assert done.header("Idempotency-Replayed") == ""
    assert points.balance_of(user.pk) == 1_000_005


@pytest.mark.django_db
def test_keys_of_strangers_are_told_apart(guest: Api) -> None:
    event = {
        "id": "0b7e6a0e-5b0f-4d0c-9a43-0d2f6f2f7a11",
        "type": "search",
        "at": "2026-11-21T10:00:00+09:00",
        "query": "tea",
    }
    visitors = (
        "7c2f5f0e-31a5-4e5b-8b62-6a1f60a3c7d1",
        "7c2f5f0e-31a5-4e5b-8b62-6a1f60a3c7d2",
    )
    bodies = [
        {"events": [event], "consent": True, "visitor_id": visitor}
        for visitor in visitors
    ]

    answers = [
        guest.post("/api/v1/events", body, Idempotency_Key="k")
        for body in (*bodies, bodies[0])
    ]

    assert [answer.status for answer in answers] == [202, 202, 202]
    replayed = [answer.header("Idempotency-Replayed") for answer in answers]
    assert replayed == ["", "", "true"]


def test_table_does_not_tell_what_was_sent() -> None:
    body = b'{"password":"correct horse"}'
    plain = hashlib.sha256(b"\0".join([b"POST", b"/", body])).hexdigest()

    assert idempotency.fingerprint("POST", "/", body) != plain
