"""A small shop in which everything has happened once, by the shop's own services."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.models import User
from analytics import services as analytics
from catalog.models import Product
from checkout import paying, returns, settling
from checkout import services as checkout
from checkout.services import Purchase
from common.days import shop_day
from common.idempotency import Claim, Reply
from coupons import personal
from coupons import services as coupons
from coupons.models import DiscountKind, PersonalRule, Segment
from coupons.personal import Candidate
from inventory import services as inventory
from inventory.models import MovementKind
from orders import invoicing
from orders.models import OrderLine, OrderStatus
from outbox import services as outbox
from payments.gateways.sandbox import Script
from points import services as points
from promotions.models import Campaign
from reviews import services as reviews
from reviews.models import ReportReason
from tests.factories import (
    CouponBatchFactory,
    ProductFactory,
    PromotionFactory,
    UserFactory,
)
from tests.paying import captured, decide, deliver, forgotten_payment, set_out

SOLD_DAYS_AGO = 5


@dataclass(frozen=True, slots=True)
class Shop:
    """The orders by what became of them, and who placed them."""

    user: User
    other: User
    orders: dict[str, UUID]


def _promote(mug: Product) -> None:
    """Give a little off: everything else keeps about the prices it has."""
    campaign = Campaign.objects.create(name="Autumn")
    PromotionFactory.create(name="One per cent", value=1, campaign=campaign)
    PromotionFactory.create(
        name="Fifty off mugs", kind="fixed", value=50, priority=1, budget=10_000
    ).products.add(mug)


def busy_shop() -> Shop:
    """Let two shoppers charge, claim, order, pay, cancel and receive; roll it up."""
    user, other = UserFactory.create(points=1_000_000), UserFactory.create(points=500)
    points.adjust(user_id=user.pk, amount=-77, reason="typo", idempotency_key="fix")
    mug, bowl, spoon = (
        ProductFactory.create(price=price, stock_on_hand=20)
        for price in (9_900, 12_345, 777)
    )
    _correct_stock(bowl.pk)

    _promote(mug)

    def buy(quantities: dict[int, int], coupon_id: int | None = None) -> Purchase:
        return Purchase(
            user_id=user.pk,
            email=user.email,
            quantities=quantities,
            coupon_id=coupon_id,
        )

    first, second, third = (
        coupons.claim(user_id=user.pk, batch_id=CouponBatchFactory.create().pk).pk
        for _ in range(3)
    )
    free = coupons.claim(
        user_id=user.pk,
        batch_id=CouponBatchFactory.create(kind=DiscountKind.FIXED, value=10**6).pk,
    ).pk
    placed = {
        "pending": checkout.place_order(buy({mug.pk: 1, bowl.pk: 2}, first)).id,
        "paid": checkout.place_and_pay(buy({mug.pk: 2, spoon.pk: 1}, second)).id,
        "paid_later": checkout.place_order(buy({bowl.pk: 1})).id,
        "cancelled": checkout.place_order(buy({mug.pk: 1})).id,
        "refunded": checkout.place_and_pay(buy({mug.pk: 1, spoon.pk: 3}, third)).id,
        "expired": checkout.place_order(buy({spoon.pk: 2})).id,
        "processing": checkout.place_and_pay(buy({bowl.pk: 1})).id,
        "shipped": checkout.place_and_pay(buy({bowl.pk: 1})).id,
        "delivered": checkout.place_and_pay(buy({bowl.pk: 1, mug.pk: 1})).id,
        "free": checkout.place_and_pay(buy({spoon.pk: 1}, free)).id,
        "sold_alone": checkout.place_and_pay(
            buy({ProductFactory.create(stock_on_hand=3).pk: 2})
        ).id,
        "kept": checkout.place_and_pay(buy({_back_for(user, other): 1})).id,
    }
    checkout.purchase_once(
        buy({spoon.pk: 1}),
        OrderStatus.PAID,
        claim=Claim(f"u:{user.pk}", "POST", "/api/v1/orders", "key-1", "0" * 64),
        render=lambda _draft: Reply(201, "{}"),
    )
    _pay_outside(placed, user, mug.pk)
    _live_on(placed, user)
    _review(placed["delivered"], user, other)
    _think_of(user, other)
    outbox.deliver_due()
    _age(placed["delivered"])
    return Shop(user=user, other=other, orders=placed)


def _correct_stock(product_id: int) -> None:
    for kind, delta in ((MovementKind.DAMAGED, -1), (MovementKind.COUNTED, 2)):
        inventory.adjust(
            product_id=product_id,
            kind=kind,
            delta=delta,
            reason="counted",
            actor_id=None,
        )


def _back_for(user: User, other: User) -> int:
    """Keep the units of a product that is back, let one lapse; one waits in vain."""
    product_id: int = ProductFactory.create(price=4_000, stock_on_hand=0).pk
    for user_id, email in (
        (user.pk, ""),
        (other.pk, ""),
        (None, "guest@example.com"),
        (None, "late@example.com"),
    ):
        inventory.alert(
            product_id=product_id, user_id=user_id, email=email, language="en"
        )
    inventory.adjust(
        product_id=product_id,
        kind=MovementKind.RECEIVED,
        delta=2,
        reason="back",
        actor_id=None,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inventory_hold SET expires_at = now() WHERE user_id = %s",
            [other.pk],
        )
    inventory.lapse_due()
    return product_id


def _pay_outside(placed: dict[str, UUID], user: User, product_id: int) -> None:
    """Pay by the test provider: a mixed order, one too late, points, one given up."""
    for name in ("mixed", "declined", "too_late"):
        wish = Purchase(user_id=user.pk, email=user.email, quantities={product_id: 1})
        placed[name] = checkout.place_order(wish).id
    mixed = set_out(user, placed["mixed"], points_part=900)
    settling.record(mixed.pk, captured(mixed))
    declined = set_out(user, placed["declined"], points_part=500)
    deliver(decide(declined, Script.DECLINE))
    checkout.cancel(
        order_id=placed["too_late"], user_id=user.pk, actor_id=user.pk, reason="no"
    )
    late = forgotten_payment(placed["too_late"])
    settling.record(late.pk, captured(late))
    charge = paying.start_charge(
        user_id=user.pk,
        email=user.email,
        amount=4_321,
        method="sandbox",
        key="charge-1",
        return_url="http://127.0.0.1:8000/",
        language="en",
    )
    settling.record(charge.pk, captured(charge))


def _live_on(placed: dict[str, UUID], user: User) -> None:
    checkout.pay(user_id=user.pk, order_id=placed["paid_later"])
    for name in ("cancelled", "refunded"):
        checkout.cancel(
            order_id=placed[name], user_id=user.pk, actor_id=user.pk, reason="changed"
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_order SET expires_at = now() - interval '1 second'"
            " WHERE id = %s",
            [placed["expired"]],
        )
    checkout.expire_overdue()
    for name in ("processing", "shipped", "delivered"):
        checkout.pack(order_id=placed[name], actor_id=None)
    for name in ("shipped", "delivered"):
        checkout.ship(
            order_id=placed[name],
            carrier="CJ Logistics",
            tracking_number=f"TRACK-{name}",
            actor_id=None,
        )
    checkout.deliver(order_id=placed["delivered"], actor_id=None)
    _ask_back(placed["shipped"], user)
    invoicing.issue_missing()


def _think_of(*users: User) -> None:
    """Give each a coupon of their own."""
    rule = PersonalRule.objects.create(
        name="For you",
        segment=Segment.REGULAR,
        kind=DiscountKind.FIXED,
        value=1_000,
        budget=5_000,
        holdout_percent=0,
    )
    personal.offer(
        rule_id=rule.pk, candidates=[Candidate(user.pk, 3) for user in users]
    )


def _ask_back(order_id: UUID, user: User) -> None:
    lines = OrderLine.objects.filter(order_id=order_id)
    returns.request(
        order_id=order_id,
        user_id=user.pk,
        quantities=dict(lines.values_list("pk", "quantity")),
        reason="too small",
    )


def _review(order_id: UUID, user: User, other: User) -> None:
    """Let one review be published, voted for and reported, and another one wait."""
    liked, _waiting = (
        reviews.write(
            user_id=user.pk,
            product_id=line.product_id,
            rating=4,
            text="Heavier than it looks.",
        )
        for line in OrderLine.objects.filter(order_id=order_id).order_by("pk")
    )
    reviews.publish(review_id=liked.pk, actor_id=None)
    reviews.vote(user_id=other.pk, review_id=liked.pk)
    reviews.report(user_id=other.pk, review_id=liked.pk, reason=ReportReason.OTHER)


def _age(order_id: UUID) -> None:
    """Move a sale into a past shop day, and roll that day up."""
    past = timezone.now() - timedelta(days=SOLD_DAYS_AGO)
    with connection.cursor() as cursor:
        for table, column in (("orders_order", "id"), ("orders_orderline", "order_id")):
            cursor.execute(
                f"UPDATE {table} SET paid_at = %s WHERE {column} = %s",  # noqa: S608
                [past, order_id],
            )
    analytics.roll_up_day(shop_day(past))
