"""Copies that are still right, and changes of what somebody else has changed."""

from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from accounts.models import Address, User
from api.conditions import (
    PreconditionFailed,
    PreconditionRequired,
    check_match,
    etag_of,
)
from checkout import services as checkout
from orders.models import Order, OrderStatus
from tests.api.client import Answer, Api
from tests.concurrency import run_together
from tests.factories import AddressFactory, ProductFactory, UserFactory

ME, ADDRESSES, ORDERS = (
    "/api/v1/users/me",
    "/api/v1/users/me/addresses",
    "/api/v1/orders",
)
STALE = '"0123456789abcdef01234567"'


def place(order: Order) -> str:
    return f"{ORDERS}/{order.pk}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", [ME, ADDRESSES, ORDERS, "/api/v1/wishlist", "/api/v1/notifications"]
)
def test_own_things_are_sent_once_and_asked_about_later(path: str, api: Api) -> None:
    first = api.get(path)
    again = api.get(path, If_None_Match=first.header("ETag"))

    assert first.header("Cache-Control") == "private, no-cache"
    assert {"Authorization", "Cookie"} <= set(first.header("Vary").split(", "))
    assert (again.status, again.response.content) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert again.header(name) == first.header(name)


@pytest.mark.django_db
def test_public_things_have_copies_for_everybody(guest: Api) -> None:
    product = ProductFactory.create(stock_on_hand=5)
    path = f"/api/v1/products/{product.pk}"
    first = guest.get(path)

    same = guest.get(path, If_None_Match=f'"x", W/{first.header("ETag")}')
    product.stock.on_hand = 4
    product.stock.save()
    other = guest.get(path, If_None_Match=first.header("ETag"))

    assert first.header("Cache-Control") == (
        "public, max-age=30, stale-while-revalidate=60"
    )
    assert {"Accept-Language", "Accept-Encoding"} <= set(
        first.header("Vary").split(", ")
    )
    assert (same.status, other.status) == (304, 200)
    assert other.body["available"] == 4


@pytest.mark.django_db
def test_money_is_never_kept(api: Api) -> None:
    for path in ("/api/v1/points", "/api/v1/points/history", "/api/v1/cart"):
        answer = api.get(path)
        assert answer.header("Cache-Control") == "private, no-store"
        assert answer.header("ETag") == ""


@pytest.mark.django_db
def test_profile_changes_only_as_it_was_seen(api: Api, user: User) -> None:
    seen = api.get(ME).header("ETag")

    done = api.patch(ME, {"name": "First"}, If_Match=seen)
    late = api.patch(ME, {"name": "Second"}, If_Match=seen)
    next_one = api.patch(ME, {"phone": "010"}, If_Match=done.header("ETag"))

    assert (done.status, next_one.status) == (200, 200)
    assert (late.status, late.code) == (412, "precondition_failed")
    assert late.body["etag"] == done.header("ETag")
    user.refresh_from_db()
    assert (user.name, user.phone) == ("First", "010")
    assert api.get(ME).header("ETag") == next_one.header("ETag")


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_addresses_change_only_as_they_were_seen(
    method: str, api: Api, user: User
) -> None:
    address = AddressFactory.create(user=user, city="Seoul")
    path = f"{ADDRESSES}/{address.pk}"
    body = None if method == "DELETE" else address.snapshot() | {"city": "Busan"}
    seen = api.get(path).header("ETag")

    refused = api.send(method, path, body, If_Match=STALE)
    before = Address.objects.get(pk=address.pk).city
    done = api.send(method, path, body, If_Match=f"{STALE}, {seen}")

    assert (refused.status, refused.code) == (412, "precondition_failed")
    assert before == "Seoul"
    assert done.status == (204 if method == "DELETE" else 200)
    left = Address.objects.filter(pk=address.pk).values_list("city", flat=True)
    assert list(left) == ([] if method == "DELETE" else ["Busan"])


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_orders_change_only_as_they_were_seen(
    method: str, api: Api, order: Order
) -> None:
    body = None if method == "DELETE" else {"status": "cancelled"}
    seen = api.get(place(order)).header("ETag")

    refused = api.send(method, place(order), body, If_Match=STALE)
    order.refresh_from_db()
    status_then = order.status
    done = api.send(method, place(order), body, If_Match=seen)

    assert (refused.status, refused.code) == (412, "precondition_failed")
    assert status_then == OrderStatus.PENDING
    assert (done.status, done.body["status"]) == (200, "cancelled")
    assert api.get(place(order)).header("ETag") == done.header("ETag")


@pytest.mark.django_db
def test_what_happened_meanwhile_is_not_overwritten(
    api: Api, user: User, order: Order
) -> None:
    seen = api.get(place(order)).header("ETag")
    checkout.pay(user_id=user.pk, order_id=order.pk)

    answer = api.delete(place(order), If_Match=seen)

    assert answer.status == 412
    order.refresh_from_db()
    assert order.status == OrderStatus.PAID


@pytest.mark.django_db
def test_any_state_and_compressed_copies_count(api: Api, user: User) -> None:
    seen = api.get(ME).header("ETag")

    assert api.patch(ME, {"name": "A"}, If_Match=f"W/{seen}").status == 200
    assert api.patch(ME, {"name": "B"}, If_Match="*").status == 200
    gone = api.patch(f"{ADDRESSES}/1", {"city": "x"}, If_Match="*")
    assert (gone.status, gone.code) == (404, "address_not_found")


@pytest.mark.django_db
def test_repeated_request_is_a_replay_and_no_conflict(api: Api) -> None:
    headers = {"If_Match": api.get(ME).header("ETag"), "Idempotency_Key": "k"}

    answers = [api.patch(ME, {"name": "Once"}, **headers) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[1].header("Idempotency-Replayed") == "true"
    assert answers[0].header("ETag") == answers[1].header("ETag")


@pytest.mark.django_db(transaction=True)
def test_of_ten_who_saw_the_same_one_changes_it() -> None:
    user = UserFactory.create()
    address = AddressFactory.create(user=user)
    path = f"{ADDRESSES}/{address.pk}"
    clients = [Api(user) for _ in range(10)]
    seen = clients[0].get(path).header("ETag")

    def change(number: int) -> Answer:
        return clients[number].patch(path, {"line2": f"{number}F"}, If_Match=seen)

    answers: list[Any] = run_together(change, times=10)

    assert sorted(answer.status for answer in answers) == [200, *[412] * 9]
    [won] = [answer for answer in answers if answer.status == 200]
    assert Address.objects.get().line2 == won.body["line2"]


@pytest.mark.django_db(transaction=True)
def test_two_who_change_different_things_lose_nothing() -> None:
    user = UserFactory.create(name="", phone="")
    clients = [Api(user) for _ in range(10)]
    bodies = [{"name": "Lee"}, {"phone": "010-1"}]

    run_together(lambda n: clients[n].patch(ME, bodies[n % 2]), times=10)

    user.refresh_from_db()
    assert (user.name, user.phone) == ("Lee", "010-1")


def test_staff_have_to_say_what_they_saw() -> None:
    factory, etag = RequestFactory(), etag_of({"a": 1})
    silent, right, wrong = (
        Request(factory.put("/", headers=headers))
        for headers in ({}, {"If-Match": etag}, {"If-Match": STALE})
    )

    check_match(silent, etag)
    check_match(right, etag, required=True)
    with pytest.raises(PreconditionRequired):
        check_match(silent, etag, required=True)
    with pytest.raises(PreconditionFailed):
        check_match(wrong, etag, required=True)
