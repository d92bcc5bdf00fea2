"""Prices with their reasons, through the API."""

import pytest

from catalog import services as catalog
from orders.models import Order
from promotions.pricing import Audience, PromotionKind
from tests.api.client import Api
from tests.factories import (
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    PromotionFactory,
)

pytestmark = pytest.mark.django_db
QUOTES, ORDERS, CART = "/api/v1/quotes", "/api/v1/orders", "/api/v1/cart"


def won(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "KRW"}


def test_quote_says_each_step_and_what_is_not_given(guest: Api) -> None:
    DeliveryMethodFactory.create(name="Standard", cost=3_000, free_from=None)
    product = ProductFactory.create(price=10_000)
    autumn = PromotionFactory.create(name="Autumn", priority=1)
    three = PromotionFactory.create(
        name="3 for 2", kind=PromotionKind.N_FOR_M, value=0, take=3, pay=2
    )
    regulars = PromotionFactory.create(name="Thanks", audience=Audience.REGULARS)

    items = [{"product_id": product.pk, "quantity": 2}]
    answer = guest.post(QUOTES, {"items": items})

    assert answer.status == 200
    body = answer.body
    assert [body[name] for name in ("subtotal", "discount", "total")] == [
        won(20_000),
        won(2_000),
        won(21_000),
    ]
    assert body["lines"][0]["discount_share"] == won(2_000)
    assert body["adjustments"] == [
        {
            "kind": "promotion",
            "label": "Autumn",
            "amount": won(-2_000),
            "source_id": autumn.pk,
            "rule": "percent",
        },
        {
            "kind": "delivery",
            "label": "Standard",
            "amount": won(3_000),
            "source_id": None,
            "rule": "",
        },
    ]
    reasons = {
        one["source_id"]: (one["reason"], one["missing_units"])
        for one in body["not_applied"]
    }
    assert reasons == {three.pk: ("too_few", 1), regulars.pk: ("not_for_you", 0)}


def test_quote_of_the_cart_is_that_of_the_cart(api: Api, user: object) -> None:
    product = ProductFactory.create(price=10_000)
    coupon = CouponFactory.create(user=user)
    api.post("/api/v1/cart/items", {"product_id": product.pk, "quantity": 1})
    api.put("/api/v1/cart/coupon", {"coupon_id": coupon.pk})

    quoted = api.post(QUOTES, {}).body
    cart = api.get(CART).body

    assert quoted["quote_id"] == cart["quote_id"]
    assert quoted["adjustments"] == cart["adjustments"]
    assert quoted["adjustments"][0]["kind"] == "coupon"


def test_outdated_quote_is_answered_with_the_differences(api: Api) -> None:
    product = ProductFactory.create(price=10_000)
    wish = {"items": [{"product_id": product.pk, "quantity": 1}], "pay": True}
    quote_id = api.post(QUOTES, {"items": wish["items"]}).body["quote_id"]
    catalog.change_price(product_id=product.pk, price=12_000, cause="x", actor_id=None)

    refused = api.post(ORDERS, wish | {"quote_id": quote_id})

    assert (refused.status, refused.code) == (409, "quote_outdated")
    assert refused.body["total"] == {"was": 10_000, "now": 12_000}
    assert refused.body["lines"][0]["reason"] == "price"
    assert not Order.objects.exists()
    agreed = api.post(ORDERS, wish | {"quote_id": refused.body["quote_id"]})
    assert (agreed.status, agreed.body["total"]) == (201, won(12_000))


def test_forged_quote_is_refused(api: Api) -> None:
    product = ProductFactory.create(price=10_000)
    items = [{"product_id": product.pk, "quantity": 1}]

    answer = api.post(ORDERS, {"items": items, "quote_id": "cheap:forged"})

    assert (answer.status, answer.code) == (400, "quote_invalid")
    assert not Order.objects.exists()


def test_quote_writes_nothing_and_needs_products(guest: Api) -> None:
    empty = guest.post(QUOTES, {})
    gone = guest.post(QUOTES, {"items": [{"product_id": 10**9, "quantity": 1}]})

    assert (empty.status, empty.code) == (400, "cart_empty")
    assert (gone.status, gone.code) == (409, "product_unavailable")


def test_coupon_of_somebody_else_is_not_quoted_away(api: Api, guest: Api) -> None:
    product = ProductFactory.create(price=10_000)
    wish = {
        "items": [{"product_id": product.pk, "quantity": 1}],
        "coupon_id": CouponFactory.create().pk,
    }

    for client in (api, guest):
        answer = client.post(QUOTES, wish)

        # As an order with it would be answered.
        assert (answer.status, answer.code) == (404, "coupon_not_found")


def test_guest_is_no_new_buyer_before_they_are_known(guest: Api, api: Api) -> None:
    PromotionFactory.create(audience=Audience.NEW)
    items = {"items": [{"product_id": ProductFactory.create().pk, "quantity": 1}]}

    assert guest.post(QUOTES, items).body["not_applied"][0]["reason"] == "not_for_you"
    assert api.post(QUOTES, items).body["not_applied"] == []
