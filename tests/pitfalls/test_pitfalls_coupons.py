"""Pitfalls 10 to 15: coupons."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone

from checkout import services as checkout
from coupons import services as coupons
from coupons.errors import (
    CouponAlreadyUsed,
    CouponExpired,
    CouponNotApplicable,
    CouponSoldOut,
)
from coupons.models import Coupon, CouponBatch, CouponState
from orders.models import Order, OrderStatus
from points import services as points
from tests.concurrency import run_together, told
from tests.factories import CouponBatchFactory, CouponFactory, ProductFactory
from tests.races.stage import (
    between_reading_and_writing,
    overdue,
    purchase,
    shoppers,
    unpaid_order,
)

pytestmark = pytest.mark.django_db(transaction=True)


def _state(coupon: Coupon) -> str:
    return Coupon.objects.get(pk=coupon.pk).state


def test_pitfall_10_coupon_comes_back_when_the_order_is_cancelled_or_expires() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    coupon = CouponFactory.create(user=user)
    until = coupon.batch.valid_until

    for end in ("cancelled unpaid", "expired", "cancelled paid"):
        order_id = unpaid_order(user, product, coupon_id=coupon.pk)
        assert _state(coupon) == CouponState.RESERVED
        if end == "expired":
            checkout.expire(overdue(order_id))
        else:
            if end == "cancelled paid":
                checkout.pay(user_id=user.pk, order_id=order_id)
                assert _state(coupon) == CouponState.USED
            checkout.cancel(
                order_id=order_id, user_id=user.pk, actor_id=None, reason=""
            )
        assert _state(coupon) == CouponState.ISSUED, end

    assert CouponBatch.objects.get().valid_until == until


def test_pitfall_11_coupon_is_not_given_back_twice() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    coupon = CouponFactory.create(user=user)
    dead = unpaid_order(user, product, coupon_id=coupon.pk)
    checkout.cancel(order_id=dead, user_id=user.pk, actor_id=None, reason="")
    alive = unpaid_order(user, product, coupon_id=coupon.pk)

    checkout.cancel(order_id=dead, user_id=user.pk, actor_id=None, reason="")
    checkout.expire(dead)

    found = Coupon.objects.get()
    assert (found.state, found.order_id) == (CouponState.RESERVED, alive)
    assert CouponBatch.objects.get().issued == 1


def test_pitfall_12_no_more_coupons_are_issued_than_there_are() -> None:
    users, batch = shoppers(20), CouponBatchFactory.create(quantity=7)

    results = run_together(
        lambda number: coupons.claim(user_id=users[number].pk, batch_id=batch.pk),
        times=20,
    )

    assert told(results) == {"coupon_sold_out": 13, "ok": 7}
    assert Coupon.objects.count() == 7
    with pytest.raises(CouponSoldOut):
        coupons.claim(user_id=shoppers(1)[0].pk, batch_id=batch.pk)
    with pytest.raises(IntegrityError, match="coupon_batch_issued_within_quantity"):
        CouponBatch.objects.update(issued=F("quantity") + 1)


def test_pitfall_13_coupon_is_checked_again_when_the_order_is_written() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    coupon = CouponFactory.create(user=user)

    def withdraw(_wish: object) -> None:
        coupons.set_active(batch_id=coupon.batch_id, active="no")

    with between_reading_and_writing(withdraw), pytest.raises(CouponExpired):
        checkout.place_and_pay(purchase(user, product, coupon_id=coupon.pk))

    assert not Order.objects.exists()
    assert points.balance_of(user.pk) == 1_000_000


def test_pitfall_13_minimum_spend_is_checked_for_what_is_ordered() -> None:
    [user], product = shoppers(1), ProductFactory.create(price=9_000)
    batch = CouponBatchFactory.create(min_spend=10_000)
    coupon = CouponFactory.create(user=user, batch=batch)

    with pytest.raises(CouponNotApplicable) as refusal:
        checkout.place_and_pay(purchase(user, product, coupon_id=coupon.pk))

    assert refusal.value.extra == {"reason": "below_min_spend", "missing": 1_000}
    assert not Order.objects.exists()


def test_pitfall_14_coupon_of_an_unpaid_order_is_no_use_in_a_second_tab() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    coupon = CouponFactory.create(user=user)
    first = unpaid_order(user, product, coupon_id=coupon.pk)

    with pytest.raises(CouponAlreadyUsed):
        checkout.place_and_pay(purchase(user, product, coupon_id=coupon.pk))

    assert Order.objects.get().pk == first
    checkout.pay(user_id=user.pk, order_id=first)
    assert _state(coupon) == CouponState.USED


def test_pitfall_14_coupon_survives_a_payment_that_fails() -> None:
    [user] = shoppers(1, balance=1)
    product = ProductFactory.create()
    coupon = CouponFactory.create(user=user)
    order_id = unpaid_order(user, product, coupon_id=coupon.pk)

    results = run_together(
        lambda _number: checkout.pay(user_id=user.pk, order_id=order_id), times=1
    )

    assert told(results) == {"insufficient_points": 1}
    assert _state(coupon) == CouponState.RESERVED
    assert checkout.expire(overdue(order_id))
    assert _state(coupon) == CouponState.ISSUED


def test_pitfall_15_coupon_that_was_valid_when_the_order_was_placed_counts() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    coupon = CouponFactory.create(user=user)
    order_id = unpaid_order(user, product, coupon_id=coupon.pk)
    CouponBatch.objects.update(valid_until=timezone.now() - timedelta(minutes=1))

    order = checkout.pay(user_id=user.pk, order_id=order_id)

    assert (order.status, order.total) == (OrderStatus.PAID, 9_000)
    assert points.balance_of(user.pk) == 1_000_000 - 9_000
