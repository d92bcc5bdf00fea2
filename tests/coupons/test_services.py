"""Coupons: claimed, bound to an order, given back."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from checkout import services as checkout
from common.errors import DomainError
from coupons import services as coupons
from coupons.errors import (
    CouponAlreadyIssued,
    CouponAlreadyUsed,
    CouponBatchNotFound,
    CouponExpired,
    CouponNotApplicable,
    CouponNotFound,
    CouponNotOpen,
    CouponSoldOut,
)
from coupons.models import Coupon, CouponBatch, CouponState, DiscountKind
from orders.models import Order
from outbox.models import Event
from promotions.pricing import CouponTerms, Reason
from tests.factories import (
    CouponBatchFactory,
    CouponFactory,
    ProductFactory,
    UserFactory,
)
from tests.races.stage import purchase, shoppers, unpaid_order

pytestmark = pytest.mark.django_db


def _in(days: int) -> datetime:
    return timezone.now() + timedelta(days=days)


def test_claims_are_numbered_in_the_order_they_come() -> None:
    batch = CouponBatchFactory.create()
    users = UserFactory.create_batch(3)

    claimed = [coupons.claim(user_id=user.pk, batch_id=batch.pk) for user in users]

    assert [coupon.serial for coupon in claimed] == [1, 2, 3]
    stored = Coupon.objects.get(user=users[1])
    assert (stored.serial, stored.state) == (2, CouponState.ISSUED)
    assert stored.issued_at == claimed[1].issued_at
    batch.refresh_from_db()
    assert (batch.issued, batch.left) == (3, 7)
    assert Event.objects.filter(topic="coupon.issued").count() == 3


def test_refused_claim_leaves_no_trace_and_says_why() -> None:
    user = UserFactory.create()
    full = CouponBatchFactory.create(quantity=1)
    coupons.claim(user_id=UserFactory.create().pk, batch_id=full.pk)
    opens_at = _in(1)
    cases: dict[type[DomainError], CouponBatch] = {
        CouponSoldOut: full,
        CouponNotOpen: CouponBatchFactory.create(opens_at=opens_at),
        CouponExpired: CouponBatchFactory.create(
            valid_from=_in(-2), valid_until=_in(-1)
        ),
        CouponBatchNotFound: CouponBatchFactory.create(is_active=False),
    }

    for error, batch in cases.items():
        with pytest.raises(error) as refusal:
            coupons.claim(user_id=user.pk, batch_id=batch.pk)
        if error is CouponNotOpen:
            assert refusal.value.extra == {"opens_at": opens_at.isoformat()}
    with pytest.raises(CouponBatchNotFound):
        coupons.claim(user_id=user.pk, batch_id=10**9)

    assert not Coupon.objects.of_user(user.pk).exists()
    assert Event.objects.filter(topic="coupon.issued").count() == 1
    assert sum(batch.issued for batch in CouponBatch.objects.all()) == 1


def test_second_claim_does_not_use_up_a_place() -> None:
    user, batch = UserFactory.create(), CouponBatchFactory.create()
    coupons.claim(user_id=user.pk, batch_id=batch.pk)

    with pytest.raises(CouponAlreadyIssued):
        coupons.claim(user_id=user.pk, batch_id=batch.pk)

    assert CouponBatch.objects.get().issued == 1


def test_paused_batch_can_be_claimed_again_when_it_is_resumed() -> None:
    user, batch = UserFactory.create(), CouponBatchFactory.create()
    coupons.set_active(batch_id=batch.pk, active="no")
    with pytest.raises(CouponBatchNotFound):
        coupons.claim(user_id=user.pk, batch_id=batch.pk)

    coupons.set_active(batch_id=batch.pk, active="yes")

    assert coupons.claim(user_id=user.pk, batch_id=batch.pk).serial == 1


def test_coupon_goes_with_its_order() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    coupon = CouponFactory.create(user=user)

    def state() -> tuple[str, bool, bool]:
        coupon.refresh_from_db()
        return coupon.state, coupon.order_id is None, coupon.used_at is None

    order_id = unpaid_order(user, product, coupon_id=coupon.pk)
    assert state() == (CouponState.RESERVED, False, True)
    checkout.pay(user_id=user.pk, order_id=order_id)
    assert state() == (CouponState.USED, False, False)
    checkout.cancel(order_id=order_id, user_id=user.pk, actor_id=None, reason="")
    assert state() == (CouponState.ISSUED, True, True)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"is_active": False}, CouponExpired),
        ({"valid_until": _in(-1), "valid_from": _in(-2)}, CouponExpired),
        ({"valid_from": _in(1)}, CouponNotApplicable),
        ({"min_spend": 10_001}, CouponNotApplicable),
    ],
)
def test_coupon_that_does_not_hold_stops_the_order(
    change: dict[str, object], error: type[Exception]
) -> None:
    [user], product = shoppers(1), ProductFactory.create(price=10_000)
    coupon = CouponFactory.create(user=user)
    CouponBatch.objects.update(**change)

    with pytest.raises(error):
        checkout.place_and_pay(purchase(user, product, coupon_id=coupon.pk))

    assert not Order.objects.exists()
    coupon.refresh_from_db()
    assert coupon.state == CouponState.ISSUED


def test_somebody_else_s_coupon_is_not_found() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    foreign = CouponFactory.create()

    with pytest.raises(CouponNotFound):
        checkout.place_and_pay(purchase(user, product, coupon_id=foreign.pk))

    assert not Order.objects.exists()


def test_refusal_says_why_a_coupon_could_not_be_taken() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    used, other = (CouponFactory.create(user=user) for _ in range(2))
    checkout.place_and_pay(purchase(user, product, coupon_id=used.pk))

    def refusal(coupon_id: int) -> type[Exception]:
        return type(coupons.refusal(user_id=user.pk, coupon_id=coupon_id))

    assert refusal(used.pk) is CouponAlreadyUsed
    assert refusal(other.pk) is CouponExpired
    assert refusal(10**9) is CouponNotFound


def test_terms_are_what_the_batch_says() -> None:
    percent = CouponFactory.create(
        batch=CouponBatchFactory.create(name="Ten", max_discount=500, min_spend=900)
    )
    fixed = CouponFactory.create(
        batch=CouponBatchFactory.create(
            name="Off", kind=DiscountKind.FIXED, value=700, is_active=False
        )
    )

    assert coupons.terms_of(percent) == CouponTerms(
        percent.pk, "Ten", 10, None, 500, 900
    )
    assert coupons.terms_of(fixed) == CouponTerms(
        fixed.pk, "Off", None, 700, None, 0, refused=Reason.WITHDRAWN
    )


def test_database_itself_guards_coupons() -> None:
    coupon = CouponFactory.create()

    for change in (
        lambda: Coupon.objects.update(state=CouponState.USED),
        lambda: CouponBatch.objects.update(value=101),
        lambda: CouponBatch.objects.update(issued=11),
        lambda: Coupon.objects.create(batch=coupon.batch, user=coupon.user, serial=2),
        lambda: Coupon.objects.create(
            batch=coupon.batch, user=UserFactory.create(), serial=1
        ),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
