"""Which coupon is worth most for the cart."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from cart import services as carts
from coupons.models import CouponState, DiscountKind
from tests.api.client import Api
from tests.factories import (
    CouponBatchFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
)

pytestmark = pytest.mark.django_db
PATH = "/api/v1/coupons/applicable?cart"


@pytest.fixture
def cart(user: User) -> int:
    """Two of a product at 10,000, and another one that is not selected."""
    first, second = ProductFactory.create_batch(2, price=10_000)
    cart_id = carts.of_user(user.pk).pk
    carts.add(cart_id=cart_id, product_id=first.pk, quantity=2)
    carts.add(cart_id=cart_id, product_id=second.pk, quantity=5)
    carts.select(cart_id=cart_id, product_id=second.pk, is_selected=False)
    return cart_id


def test_each_coupon_says_what_it_saves_or_why_not(
    api: Api, user: User, cart: int
) -> None:
    DeliveryMethodFactory.create(cost=3_000, free_from=None)
    later = timezone.now() + timedelta(days=1)
    batches = {
        "small": CouponBatchFactory.create(kind=DiscountKind.FIXED, value=1_000),
        "large": CouponBatchFactory.create(value=10),
        "far": CouponBatchFactory.create(min_spend=25_000),
        "early": CouponBatchFactory.create(valid_from=later),
    }
    held = {
        name: CouponFactory.create(user=user, batch=batch).pk
        for name, batch in batches.items()
    }
    CouponFactory.create(user=user, state=CouponState.REVOKED)
    CouponFactory.create()

    body = api.get(PATH).body

    shown = [
        (
            one["coupon"]["id"],
            one["is_applicable"],
            one["saves"]["amount"],
            one["total"]["amount"],
            one["reason"],
            one["missing"]["amount"],
        )
        for one in body["items"]
    ]
    assert shown == [
        (held["large"], True, 2_000, 21_000, None, 0),
        (held["small"], True, 1_000, 22_000, None, 0),
        (held["far"], False, 0, 23_000, "below_min_spend", 5_000),
        (held["early"], False, 0, 23_000, "not_yet_valid", 0),
    ]
    assert body["best_coupon_id"] == held["large"]
    assert (body["subtotal"]["amount"], body["total"]["amount"]) == (20_000, 23_000)


def test_order_with_the_best_one_costs_what_was_told(
    api: Api, user: User, cart: int
) -> None:
    CouponFactory.create(user=user)
    choices = api.get(PATH).body

    api.put("/api/v1/cart/coupon", {"coupon_id": choices["best_coupon_id"]})
    order = api.post("/api/v1/orders", {"from_cart": True}).body

    assert order["total"] == choices["items"][0]["total"]


def test_empty_cart_has_no_best_coupon(api: Api, user: User) -> None:
    CouponFactory.create(user=user)

    body = api.get(PATH).body

    assert body["best_coupon_id"] is None
    assert body["items"][0]["is_applicable"] is False


def test_guests_have_no_coupons(guest: Api) -> None:
    assert guest.get(PATH).status == 401
