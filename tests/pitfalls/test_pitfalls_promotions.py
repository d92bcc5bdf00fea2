"""Pitfalls 13 to 20 for promotions, and what of them holds for coupons as well.

There are no codes to type (19): coupons are claimed into a wallet, promotions apply by
themselves. So what is left of that pitfall is that numbers cannot be tried out.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from checkout import services as checkout
from checkout.errors import PriceChanged
from checkout.services import Purchase
from coupons.errors import CouponNotFound
from orders.models import Order, OrderStatus
from outbox.models import Event
from payments.models import Payment, PaymentMethod, RefundLine
from points import services as points
from promotions.models import Promotion, PromotionUse
from tests.books import assert_books_balance
from tests.factories import (
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    PromotionFactory,
)
from tests.races.stage import (
    between_reading_and_writing,
    overdue,
    purchase,
    shoppers,
    unpaid_order,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user() -> User:
    [user] = shoppers(1)
    return user


# --- 13 and 14: checked when the order is written, given back with it ----------------


@pytest.mark.parametrize(
    "change",
    [
        {"is_active": False},
        {"ends_at": timezone.now()},
        {"value": 1},
        {"min_spend": 10**6},
        {"audience": "regulars"},
        {"spent": 50_000},
    ],
    ids=["paused", "over", "value", "minimum", "audience", "budget"],
)
def test_pitfall_13_promotion_is_checked_again_when_the_order_is_written(
    user: User, change: dict[str, object]
) -> None:
    PromotionFactory.create(budget=50_000)
    wish = purchase(user, ProductFactory.create())

    with (
        between_reading_and_writing(lambda _: Promotion.objects.update(**change)),
        pytest.raises(PriceChanged),
    ):
        checkout.place_and_pay(wish)

    assert not Order.objects.exists()
    assert not PromotionUse.objects.exists()
    assert points.balance_of(user.pk) == 1_000_000


def test_pitfall_14_budget_of_an_unpaid_order_is_taken_and_comes_back(
    user: User,
) -> None:
    promotion = PromotionFactory.create(budget=1_500)
    product = ProductFactory.create()

    waiting = unpaid_order(user, product)
    assert checkout.price(purchase(user, product))[0].discount == 0

    checkout.expire(overdue(waiting))
    promotion.refresh_from_db()
    assert promotion.spent == 0
    assert checkout.price(purchase(user, product))[0].discount == 1_000


# --- 15: what ran when the order was placed counts -----------------------------------


def test_pitfall_15_promotion_that_ran_when_the_order_was_placed_counts(
    user: User,
) -> None:
    PromotionFactory.create(budget=5_000)
    order_id = unpaid_order(user, ProductFactory.create())
    Promotion.objects.update(ends_at=timezone.now(), value=1)

    order = checkout.pay(user_id=user.pk, order_id=order_id)

    assert (order.status, order.total) == (OrderStatus.PAID, 9_000)
    assert points.balance_of(user.pk) == 1_000_000 - 9_000
    assert_books_balance()


# --- 16: never below nothing ---------------------------------------------------------


def test_pitfall_16_stacked_discounts_end_in_a_free_order_that_is_paid_once(
    user: User,
) -> None:
    DeliveryMethodFactory.create(cost=3_000, free_from=None)
    for percent in (60, 70):
        PromotionFactory.create(value=percent)
    PromotionFactory.create(kind="fixed", value=10**9)
    PromotionFactory.create(kind="free_delivery", value=0)
    wish = purchase(user, ProductFactory.create(price=9_999))

    draft = checkout.place_and_pay(wish)

    order = Order.objects.get()
    assert (order.discount, order.delivery_cost, order.total) == (9_999, 0, 0)
    payment = Payment.objects.get(order_id=draft.id)
    assert (payment.method, payment.amount) == (PaymentMethod.FREE, 0)
    assert points.balance_of(user.pk) == 1_000_000
    assert Event.objects.filter(topic="order.paid").count() == 1
    given = PromotionUse.objects.order_by("pk").values_list("amount", flat=True)
    assert sum(given) == 9_999 + 3_000
    assert_books_balance()


def test_pitfall_16_guest_can_order_what_promotions_make_free() -> None:
    PromotionFactory.create(value=100)
    wish = Purchase(
        user_id=None,
        email="guest@example.com",
        quantities={ProductFactory.create().pk: 1},
    )

    draft = checkout.place_and_pay(wish)

    assert Payment.objects.get(order_id=draft.id).method == PaymentMethod.FREE
    assert_books_balance()


# --- 17 and 18: shares are frozen, and go back to the last unit ----------------------


def test_pitfall_17_part_that_goes_back_does_not_price_the_rest_anew(
    user: User,
) -> None:
    PromotionFactory.create(min_spend=20_000)
    mug, lamp = (ProductFactory.create(price=price) for price in (5_000, 15_000))
    checkout.place_and_pay(purchase(user, mug, lamp))
    order = Order.objects.get()
    line = order.lines.get(product=mug)

    checkout.refund(
        order_id=order.pk, quantities={line.pk: 1}, reason="", actor_id=None, key="k"
    )

    order.refresh_from_db()
    assert (order.discount, order.total) == (2_000, 18_000)
    assert points.balance_of(user.pk) == 1_000_000 - 18_000 + 4_500
    # The order lives, and so does what it got.
    assert PromotionUse.objects.get().state == "taken"
    assert_books_balance()


def test_pitfall_18_units_refunded_one_by_one_add_up_to_what_was_paid(
    user: User,
) -> None:
    PromotionFactory.create(kind="fixed", value=100)
    product = ProductFactory.create(price=333)
    other = ProductFactory.create(price=334)
    wish = purchase(user, quantities={product.pk: 3, other.pk: 2})
    checkout.place_and_pay(wish)
    order = Order.objects.get()
    assert sum(line.discount_share for line in order.lines.all()) == 100

    for number, line in enumerate(order.lines.order_by("pk")):
        for unit in range(line.quantity):
            checkout.refund(
                order_id=order.pk,
                quantities={line.pk: 1},
                reason="",
                actor_id=None,
                key=f"{number}/{unit}",
            )

    refunded = sum(RefundLine.objects.values_list("amount", flat=True))
    assert refunded == order.total == 3 * 333 + 2 * 334 - 100
    assert points.balance_of(user.pk) == 1_000_000
    assert PromotionUse.objects.get().state == "released"
    assert_books_balance()


# --- 19: there is nothing to guess ---------------------------------------------------


def test_pitfall_19_another_ones_coupon_and_one_that_is_not_look_the_same(
    user: User,
) -> None:
    others, product = CouponFactory.create(), ProductFactory.create()

    answers = []
    for coupon_id in (others.pk, others.pk + 1_000):
        with pytest.raises(CouponNotFound) as error:
            checkout.place_and_pay(purchase(user, product, coupon_id=coupon_id))
        answers.append((error.value.code, error.value.extra))

    assert answers[0] == answers[1]


def test_pitfall_19_promotions_are_not_asked_for(user: User) -> None:
    """Whatever a purchase says, what applies is decided here."""
    assert not {name for name in Purchase.__dataclass_fields__ if "promo" in name}


# --- 20: half-open, by the shop's clock ----------------------------------------------

NEW_YORK = ZoneInfo("America/New_York")
SEOUL = ZoneInfo("Asia/Seoul")


@pytest.mark.parametrize(
    ("zone", "first", "last", "hours"),
    [
        (SEOUL, (2026, 6, 1), (2026, 6, 30), 30 * 24),
        # The night in March has 23 hours, the one in November 25.
        (NEW_YORK, (2026, 3, 8), (2026, 3, 8), 23),
        (NEW_YORK, (2026, 11, 1), (2026, 11, 1), 25),
    ],
)
def test_pitfall_20_promotion_of_whole_days_has_all_their_hours_and_no_more(
    zone: ZoneInfo,
    first: tuple[int, int, int],
    last: tuple[int, int, int],
    hours: int,
) -> None:
    starts = datetime(*first, tzinfo=zone)
    ends = datetime.combine(
        datetime(*last, tzinfo=zone).date() + timedelta(days=1),
        datetime.min.time(),
        zone,
    )
    promotion = PromotionFactory.create(starts_at=starts, ends_at=ends)
    promotion.refresh_from_db()
    moment = timedelta(microseconds=1)

    # Stored as moments: no zone, no clock change can move them.
    assert promotion.ends_at is not None
    assert promotion.ends_at - promotion.starts_at == timedelta(hours=hours)
    assert not promotion.is_running(promotion.starts_at - moment)
    assert promotion.is_running(promotion.starts_at)
    assert promotion.is_running(promotion.ends_at - moment)
    assert not promotion.is_running(promotion.ends_at)


def test_pitfall_20_last_moment_counts_by_the_databases_clock(user: User) -> None:
    wish = purchase(user, ProductFactory.create())
    PromotionFactory.create()
    for ends_at, discount in (("now() + interval '1 hour'", 1_000), ("now()", 0)):
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE promotions_promotion SET ends_at = {ends_at}"  # noqa: S608
            )
        assert checkout.price(wish)[0].discount == discount
