"""The addresses the customer's documents name, each with what it promises there."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from accounts.models import User
from analytics import services as analytics
from cart import services as carts
from common.days import shop_day
from coupons.models import Coupon
from orders.models import Order, OrderStatus
from points import services as points
from tests.api.client import Answer, Api
from tests.factories import CouponBatchFactory, CouponFactory, ProductFactory

pytestmark = pytest.mark.django_db
Call = Callable[[Api, User], Answer]


def items(**options: int) -> list[dict[str, int]]:
    product = ProductFactory.create(price=10_000, **options)
    return [{"productId": product.pk, "quantity": 2}]


def placed(api: Api) -> str:
    return str(api.post("/api/v1/orders", {"items": items()}).body["id"])


def sold(api: Api) -> None:
    api.post("/api/order", {"items": items()})
    analytics.roll_up_day(shop_day(timezone.now()))


def in_cart(user: User) -> int:
    product = ProductFactory.create()
    carts.add(cart_id=carts.of_user(user.pk).pk, product_id=product.pk, quantity=1)
    return int(product.pk)


def set_old_cart(api: Api, user: User) -> Answer:
    body = {"productId": in_cart(user), "quantity": 7}
    return api.put("/api/cart", body)


def drop_from_old_cart(api: Api, user: User) -> Answer:
    return api.delete("/api/cart", {"productId": in_cart(user)})


def best(path: str) -> Call:
    def call(api: Api, _user: User) -> Answer:
        sold(api)
        return api.get(path)

    return call


def claim(path: str) -> Call:
    def call(api: Api, user: User) -> Answer:
        batch = CouponBatchFactory.create()
        return api.post(path, {"userId": user.pk, "couponId": batch.pk})

    return call


def wallet(path: str) -> Call:
    def call(api: Api, user: User) -> Answer:
        CouponFactory.create(user=user)
        return api.get(f"{path}?userId={user.pk}")

    return call


def order(path: str) -> Call:
    def call(api: Api, user: User) -> Answer:
        return api.post(path, {"userId": user.pk, "items": items()})

    return call


def pay(path: str) -> Call:
    def call(api: Api, user: User) -> Answer:
        return api.post(path, {"userId": user.pk, "orderId": placed(api)})

    return call


def history(path: str) -> Call:
    def call(api: Api, user: User) -> Answer:
        placed(api)
        return api.get(path.format(user.pk))

    return call


def products(path: str) -> Call:
    def call(api: Api, _user: User) -> Answer:
        items()
        return api.get(path)

    return call


# By document: method and address, status, what the answer must say, how to ask.
SEED_CALLS: dict[str, tuple[int, Callable[[Answer], object], object, Call]] = {
    "000 GET /api/users/{id}/orders": (
        200,
        lambda answer: len(answer.body["items"]),
        1,
        history("/api/users/{}/orders"),
    ),
    "000 GET /api/orders/{id}": (
        200,
        lambda answer: answer.body["total"]["amount"],
        20_000,
        lambda api, _: api.get(f"/api/orders/{placed(api)}"),
    ),
    "000 POST /api/orders": (
        201,
        lambda answer: answer.body["status"],
        "pending",
        order("/api/orders"),
    ),
    "000 PUT /api/orders/{id}": (
        200,
        lambda answer: answer.body["status"],
        "cancelled",
        lambda api, _: api.put(f"/api/orders/{placed(api)}", {"status": "Cancelled"}),
    ),
    "000 DELETE /api/orders/{id}": (
        200,
        lambda answer: answer.body["status"],
        "cancelled",
        lambda api, _: api.delete(f"/api/orders/{placed(api)}"),
    ),
    "000 GET /api/orders": (
        200,
        lambda answer: len(answer.body["items"]),
        1,
        history("/api/orders?userId={}"),
    ),
    "001 GET /api/v1/points?userId=": (
        200,
        lambda answer: answer.body["balance"],
        1_000_000,
        lambda api, user: api.get(f"/api/v1/points?userId={user.pk}"),
    ),
    "001 POST /api/v1/points/charge": (
        201,
        lambda answer: answer.body["balance"],
        1_000_500,
        lambda api, user: api.post(
            "/api/v1/points/charge", {"userId": user.pk, "amount": 500}
        ),
    ),
    "001 GET /api/v1/products": (
        200,
        lambda answer: answer.body["items"][0]["available"],
        10,
        products("/api/v1/products"),
    ),
    "001 POST /api/v1/coupons/issue": (
        201,
        lambda answer: answer.body["serial"],
        1,
        claim("/api/v1/coupons/issue"),
    ),
    "001 GET /api/v1/coupons?userId=": (
        200,
        lambda answer: len(answer.body["items"]),
        1,
        wallet("/api/v1/coupons"),
    ),
    "001 POST /api/v1/orders": (
        201,
        lambda answer: answer.body["status"],
        "pending",
        order("/api/v1/orders"),
    ),
    "001 POST /api/v1/points/use": (
        201,
        lambda answer: answer.body["balance"],
        980_000,
        pay("/api/v1/points/use"),
    ),
    "001 GET /api/v1/products/best": (
        200,
        lambda answer: answer.body["items"][0]["units"],
        2,
        best("/api/v1/products/best"),
    ),
    "003 PATCH /api/point/charge": (
        201,
        lambda answer: answer.body["balance"],
        1_000_500,
        lambda api, user: api.patch(
            "/api/point/charge", {"memberId": user.pk, "amount": 500}
        ),
    ),
    "003 GET /api/point/{memberId}": (
        200,
        lambda answer: answer.body["balance"],
        1_000_000,
        lambda api, user: api.get(f"/api/point/{user.pk}"),
    ),
    "003 GET /api/product": (
        200,
        lambda answer: answer.body["items"][0]["available"],
        10,
        products("/api/product"),
    ),
    "003 POST /api/order": (
        201,
        lambda answer: answer.body["status"],
        "paid",
        order("/api/order"),
    ),
    "003 POST /api/pay": (
        201,
        lambda answer: answer.body["status"],
        "captured",
        pay("/api/pay"),
    ),
    "003 GET /api/popular/product": (
        200,
        lambda answer: answer.body["items"][0]["rank"],
        1,
        best("/api/popular/product"),
    ),
    "003 GET /api/cart": (
        200,
        lambda answer: answer.body["items"],
        [],
        lambda api, _: api.get("/api/cart"),
    ),
    "003 POST /api/cart": (
        201,
        lambda answer: answer.body["items"][0]["quantity"],
        2,
        lambda api, _: api.post("/api/cart", items()[0]),
    ),
    "003 PUT /api/cart (one product)": (
        200,
        lambda answer: answer.body["items"][0]["quantity"],
        7,
        set_old_cart,
    ),
    "003 PUT /api/cart (all)": (
        200,
        lambda answer: answer.body["items"][0]["quantity"],
        2,
        lambda api, _: api.put("/api/cart", {"items": items()}),
    ),
    "003 DELETE /api/cart": (
        204,
        lambda answer: answer.body,
        None,
        lambda api, _: api.delete("/api/cart"),
    ),
    "003 DELETE /api/cart (one product)": (
        200,
        lambda answer: answer.body["items"],
        [],
        drop_from_old_cart,
    ),
    "GET /api/points": (
        200,
        lambda answer: answer.body["balance"],
        1_000_000,
        lambda api, user: api.get(f"/api/points?userId={user.pk}"),
    ),
    "GET /api/point": (
        200,
        lambda answer: answer.body["balance"],
        1_000_000,
        lambda api, _: api.get("/api/point"),
    ),
    "POST /api/points/charge": (
        201,
        lambda answer: answer.body["entry"]["amount"],
        500,
        lambda api, _: api.post("/api/points/charge", {"amount": 500}),
    ),
    "POST /api/points/use": (
        201,
        lambda answer: answer.body["entry"]["amount"],
        -20_000,
        pay("/api/points/use"),
    ),
    "POST /api/payments": (
        201,
        lambda answer: answer.body["amount"]["amount"],
        20_000,
        pay("/api/payments"),
    ),
    "POST /api/coupons/issue": (
        201,
        lambda answer: answer.body["state"],
        "issued",
        claim("/api/coupons/issue"),
    ),
    "GET /api/coupons": (
        200,
        lambda answer: answer.body["items"][0]["is_usable"],
        True,
        wallet("/api/coupons"),
    ),
    "GET /api/products": (
        200,
        lambda answer: answer.body["items"][0]["price"]["amount"],
        10_000,
        products("/api/products"),
    ),
    "GET /api/products/{id}": (
        200,
        lambda answer: answer.body["available"],
        10,
        lambda api, _: api.get(f"/api/products/{items()[0]['productId']}"),
    ),
    "GET /api/products/best": (
        200,
        lambda answer: answer.body["items"][0]["units"],
        2,
        best("/api/products/best"),
    ),
    "GET /api/products/popular": (
        200,
        lambda answer: answer.body["items"][0]["units"],
        2,
        best("/api/products/popular"),
    ),
}


@pytest.mark.parametrize("name", SEED_CALLS)
def test_address_of_the_documents_answers(name: str, api: Api, user: User) -> None:
    status, look, expected, call = SEED_CALLS[name]

    answer = call(api, user)

    assert (answer.status, look(answer)) == (status, expected)
    if "/api/v1/" not in name:
        assert answer.header("Deprecation").startswith("@")
        assert 'rel="successor-version"' in answer.header("Link")


def test_old_order_address_orders_and_pays_or_does_nothing(
    api: Api, user: User
) -> None:
    dear = ProductFactory.create(price=2_000_000)
    lines = [{"productId": dear.pk, "quantity": 1}]

    answer = api.post("/api/order", {"userId": user.pk, "items": lines})

    assert (answer.status, answer.code) == (409, "insufficient_points")
    assert not Order.objects.exists()
    assert points.balance_of(user.pk) == 1_000_000


def test_points_use_pays_the_order_it_names(api: Api, user: User) -> None:
    order_id = placed(api)

    wrong = api.post("/api/v1/points/use", {"orderId": order_id, "amount": 1})
    right = api.post("/api/v1/points/use", {"orderId": order_id, "amount": 20_000})

    assert (wrong.status, wrong.pointers) == (400, ["#/amount"])
    assert right.status == 201
    assert Order.objects.get().status == OrderStatus.PAID


def test_second_claim_under_the_old_name_is_refused(api: Api, user: User) -> None:
    assert claim("/api/coupons/issue")(api, user).status == 201
    batch_id = Coupon.objects.get().batch_id

    answer = api.post("/api/coupons/issue", {"couponId": batch_id})

    assert (answer.status, answer.code) == (409, "coupon_already_issued")


def test_addresses_work_with_a_slash_at_the_end_too(api: Api) -> None:
    assert api.get("/api/v1/products/").status == 200
    assert api.get("/api/cart/").status == 200
