"""Waiting for a product by API."""

import pytest

from accounts.models import User
from inventory.models import AlertState, Hold, HoldState, RestockAlert
from tests.api.client import Api
from tests.factories import ProductFactory, UserFactory, receive

pytestmark = pytest.mark.django_db


def test_shopper_joins_the_line_and_leaves_it(api: Api, user: User) -> None:
    product = ProductFactory.create(stock_on_hand=0)
    path = f"/api/v1/products/{product.pk}/back-in-stock"

    assert [api.put(path).status for _ in range(2)] == [204, 204]

    alert = RestockAlert.objects.get()
    assert (alert.user, alert.state) == (user, AlertState.WAITING)
    assert [api.delete(path).status for _ in range(2)] == [204, 204]
    alert.refresh_from_db()
    assert alert.state == AlertState.CANCELLED


def test_nobody_waits_for_what_is_there(api: Api) -> None:
    product = ProductFactory.create(stock_on_hand=3)

    answer = api.put(f"/api/v1/products/{product.pk}/back-in-stock")

    assert (answer.status, answer.code) == (409, "in_stock")
    assert answer.body["available"] == 3
    assert not RestockAlert.objects.exists()


def test_nobody_waits_for_what_is_not_on_sale(api: Api) -> None:
    product = ProductFactory.create(stock_on_hand=0, published_at=None)

    for product_id in (product.pk, 2**40):
        answer = api.put(f"/api/v1/products/{product_id}/back-in-stock")
        assert (answer.status, answer.code) == (404, "product_not_found")


def test_guest_waits_by_an_address_and_leaves_by_the_letter(guest: Api) -> None:
    product = ProductFactory.create(stock_on_hand=0)
    path = f"/api/v1/products/{product.pk}/back-in-stock"

    without = guest.put(path, {})
    bad = guest.put(path, {"email": "nobody"})
    assert (without.pointers, bad.pointers) == (["#/email"], ["#/email"])
    assert not RestockAlert.objects.exists()
    answers = [
        guest.put(path, {"email": "Lee@Example.com"}, Accept_Language="ko").status
        for _ in range(2)
    ]

    assert answers == [204, 204]
    alert = RestockAlert.objects.get()
    assert (alert.user, alert.email, alert.language) == (None, "lee@example.com", "ko")
    assert guest.delete(path).status == 401
    alert.refresh_from_db()
    assert alert.state == AlertState.WAITING


def test_holder_orders_what_is_sold_out_for_others(api: Api, user: User) -> None:
    product = ProductFactory.create(price=100, stock_on_hand=0)
    api.put(f"/api/v1/products/{product.pk}/back-in-stock")
    receive(product, 1)
    body = {"items": [{"product_id": product.pk, "quantity": 1}]}

    refused = Api(UserFactory.create()).post("/api/v1/orders", body)
    taken = api.post("/api/v1/orders", body)

    assert (refused.status, refused.code) == (409, "insufficient_stock")
    assert taken.status == 201
    assert Hold.objects.get().state == HoldState.CLAIMED


def test_giving_up_what_is_kept_frees_it(api: Api) -> None:
    product = ProductFactory.create(stock_on_hand=0)
    path = f"/api/v1/products/{product.pk}/back-in-stock"
    api.put(path)
    receive(product, 1)

    api.delete(path)

    assert Hold.objects.get().state == HoldState.RELEASED
    stock = api.get(f"/api/v1/products/{product.pk}/stock").body
    assert stock["available"] == 1
