"""Requests that are sent twice."""

import pytest
from django.db import OperationalError
from psycopg import errors as pg

from accounts.models import User
from checkout import placing
from common.models import IdempotencyRecord
from inventory.models import Stock
from orders.models import Order
from points import services as points
from points.models import LedgerEntry
from tests.api.client import Api
from tests.concurrency import run_together
from tests.factories import CouponBatchFactory, ProductFactory, UserFactory

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
