"""Discounts for regulars: who gets them, within which budget, and what they bring."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from analytics import segments
from analytics.models import CustomerSegment
from analytics.reports.campaigns import Confidence
from analytics.reports.personal import report
from checkout import services as checkout
from checkout.services import Purchase
from coupons import personal
from coupons import services as coupons
from coupons.errors import CouponBatchNotFound
from coupons.models import (
    Coupon,
    CouponBatch,
    DiscountKind,
    PersonalOffer,
    PersonalRule,
    Segment,
)
from coupons.personal import Candidate, Decided
from orders.models import Order
from outbox.models import Event
from tests.books import assert_books_balance
from tests.factories import ProductFactory, StaffFactory, UserFactory
from tests.shop.pages import text_of

pytestmark = pytest.mark.django_db


def rule_of(**values: Any) -> PersonalRule:
    known = {
        "name": "For you",
        "segment": Segment.REGULAR,
        "kind": DiscountKind.PERCENT,
        "value": 10,
        "max_discount": 5_000,
        "budget": 100_000,
        "holdout_percent": 0,
    }
    return PersonalRule.objects.create(**known | values)


def decide(rule: PersonalRule, users: list[User]) -> Decided:
    candidates = [Candidate(user.pk, 3) for user in users]
    return personal.offer(rule_id=rule.pk, candidates=candidates)


def regulars(number: int, *, orders: int = 3) -> list[User]:
    users = [UserFactory.create(points=1_000_000) for _user in range(number)]
    product = ProductFactory.create(price=10_000, stock_on_hand=999)
    for user in users:
        for _order in range(orders):
            buy(user, product.pk)
    return users


def ship(order: Order) -> None:
    checkout.pack(order_id=order.pk, actor_id=None)
    checkout.ship(order_id=order.pk, carrier="CJ", tracking_number="1", actor_id=None)


def buy(user: User, product_id: int, coupon_id: int | None = None) -> int:
    purchase = Purchase(
        user_id=user.pk,
        email=user.email,
        quantities={product_id: 1},
        coupon_id=coupon_id,
    )
    return checkout.place_and_pay(purchase).quote.total


# --- Segments -------------------------------------------------------------------------


def test_customers_are_sorted_by_how_they_buy() -> None:
    often, regularly, once = (regulars(1, orders=number)[0] for number in (6, 3, 1))
    UserFactory.create()

    assert segments.sort_customers() == 3
    assert segments.sort_customers() == 0

    found = CustomerSegment.objects.in_bulk(field_name="user_id")
    assert {user: row.segment for user, row in found.items()} == {
        often.pk: Segment.CHAMPION,
        regularly.pk: Segment.REGULAR,
        once.pk: Segment.NEW,
    }
    assert (found[often.pk].recent_orders, found[often.pk].recent_spent) == (6, 60_000)


def test_customer_whose_orders_were_all_called_off_is_in_no_segment() -> None:
    [user] = regulars(1, orders=1)
    segments.sort_customers()
    order = user.orders.get()
    checkout.cancel(order_id=order.pk, user_id=user.pk, actor_id=None, reason="")

    assert segments.sort_customers() == 1
    assert not CustomerSegment.objects.exists()


# --- Decisions ------------------------------------------------------------------------


def test_regulars_get_a_coupon_of_their_own_by_night() -> None:
    users = regulars(2)
    rule = rule_of(days_valid=7)

    assert segments.give_personal_discounts() == {rule.pk: Decided(offered=2)}

    batch = CouponBatch.objects.get()
    assert (batch.quantity, batch.issued, batch.is_personal) == (2, 2, True)
    assert batch.valid_until - batch.valid_from == timedelta(days=7)
    held = Coupon.objects.order_by("serial")
    assert {coupon.user_id for coupon in held} == {user.pk for user in users}
    assert [coupon.personal_offer.orders for coupon in held] == [3, 3]
    assert Event.objects.filter(topic="coupon.issued").count() == 2
    assert_books_balance(apart_from={"I13b"})


def test_second_run_of_a_night_changes_nothing() -> None:
    users = [UserFactory.create() for _user in range(3)]
    rule = rule_of()
    decide(rule, users)

    assert decide(rule, users) == Decided()
    assert Coupon.objects.count() == 3


def test_nobody_holds_two_open_personal_coupons() -> None:
    user = UserFactory.create()
    decide(rule_of(), [user])

    assert decide(rule_of(name="Another"), [user]) == Decided()


def test_customer_is_thought_of_again_after_the_pause() -> None:
    user = UserFactory.create()
    rule = rule_of(pause_days=0)
    decide(rule, [user])
    assert decide(rule, [user]) == Decided()

    CouponBatch.objects.update(
        valid_from=timezone.now() - timedelta(days=9),
        valid_until=timezone.now() - timedelta(days=8),
    )

    assert decide(rule, [user]) == Decided(offered=1)


def test_budget_is_never_promised_twice() -> None:
    users = [UserFactory.create() for _user in range(5)]
    rule = rule_of(budget=12_000, max_discount=5_000)

    assert decide(rule, users) == Decided(offered=2, unaffordable=3)

    # The most deserving came first.
    given = PersonalOffer.objects.order_by("pk").values_list("user_id", flat=True)
    assert list(given) == [user.pk for user in users[:2]]
    assert personal.committed(rule) == 10_000
    assert decide(rule, users) == Decided(unaffordable=3)


def test_used_coupon_costs_what_it_took_off_and_a_lapsed_one_nothing() -> None:
    [user] = regulars(1)
    other = UserFactory.create()
    rule = rule_of(max_discount=5_000)
    decide(rule, [user, other])
    held = Coupon.objects.get(user=user)
    product = ProductFactory.create(price=20_000)

    total = buy(user, product.pk, held.pk)

    assert total == 18_000
    # The order may yet be called off, and the coupon come back.
    assert personal.committed(rule) == 5_000 + 5_000
    ship(user.orders.get(coupon_id=held.pk))
    assert personal.committed(rule) == 2_000 + 5_000
    CouponBatch.objects.update(
        valid_from=timezone.now() - timedelta(days=9),
        valid_until=timezone.now() - timedelta(days=8),
    )
    assert personal.committed(rule) == 2_000


def test_coupon_that_comes_back_from_an_order_was_counted_all_along() -> None:
    [user] = regulars(1)
    rule = rule_of(budget=7_000, max_discount=5_000)
    decide(rule, [user])
    product = ProductFactory.create(price=20_000)
    buy(user, product.pk, Coupon.objects.get().pk)

    # 2,000 are off, but 5,000 could be again.
    assert decide(rule, [UserFactory.create()]) == Decided(unaffordable=1)

    order = user.orders.get(coupon_id=Coupon.objects.get().pk)
    checkout.cancel(order_id=order.pk, user_id=user.pk, actor_id=None, reason="")
    assert personal.committed(rule) == 5_000
    assert_books_balance(apart_from={"I13b"})


def test_coupon_of_an_expired_order_counts_since_its_money_may_come_late() -> None:
    [user] = regulars(1)
    rule = rule_of()
    decide(rule, [user])
    wish = Purchase(
        user_id=user.pk,
        email=user.email,
        quantities={ProductFactory.create(price=20_000).pk: 1},
        coupon_id=Coupon.objects.get().pk,
    )
    order = checkout.place_order(wish)
    CouponBatch.objects.update(
        valid_from=timezone.now() - timedelta(days=9),
        valid_until=timezone.now() - timedelta(days=8),
    )
    assert personal.committed(rule) == 5_000
    Order.objects.filter(pk=order.id).update(expires_at=timezone.now())

    checkout.expire_overdue()

    assert personal.committed(rule) == 5_000


def test_coupons_on_hold_still_count() -> None:
    user = UserFactory.create()
    rule = rule_of()
    decide(rule, [user])

    coupons.set_active(batch_id=CouponBatch.objects.get().pk, active="no")

    assert personal.committed(rule) == 5_000
    assert decide(rule_of(name="Another"), [user]) == Decided()


def test_lot_leaves_out_nobody_whom_the_budget_would_not_reach() -> None:
    users = [UserFactory.create() for _user in range(40)]
    rule = rule_of(holdout_percent=50, budget=3 * 5_000, max_discount=5_000)

    decided = decide(rule, users)

    offers = PersonalOffer.objects.all()
    last = max(offer.user_id for offer in offers.exclude(coupon=None))
    # Both groups are of those who came first: the others spend less anyway.
    assert decided.offered == 3
    assert {offer.user_id for offer in offers.filter(coupon=None)} == {
        user.pk
        for user in users
        if user.pk < last and personal.is_held_out(rule, user.pk)
    }
    assert (
        decided.unaffordable
        == 40 - sum(personal.is_held_out(rule, user.pk) for user in users) - 3
    )


def test_number_of_statements_does_not_grow_with_the_customers(
    django_assert_num_queries: Any,
) -> None:
    users = [UserFactory.create() for _user in range(60)]
    rules = [rule_of(name=name, budget=10**9) for name in ("Few", "Many")]

    for rule, some in zip(rules, (users[:1], users[1:]), strict=True):
        # A savepoint and its end; the rule, the queue, who is busy, what is promised;
        # the batch, its coupons, their events, the offers.
        with django_assert_num_queries(10):
            decide(rule, some)

    assert Event.objects.filter(topic="coupon.issued").count() == 60


def test_lot_is_stable_and_holds_out_its_share() -> None:
    rule = rule_of(holdout_percent=20)

    held_out = [
        user_id for user_id in range(5_000) if personal.is_held_out(rule, user_id)
    ]

    assert 900 < len(held_out) < 1_100
    assert held_out == [
        user_id for user_id in range(5_000) if personal.is_held_out(rule, user_id)
    ]


def test_who_is_left_out_by_lot_gets_nothing_and_is_remembered() -> None:
    users = [UserFactory.create() for _user in range(30)]
    rule = rule_of(holdout_percent=50, budget=10**9)

    decided = decide(rule, users)

    assert decided.offered + decided.held_out == 30
    left_out = PersonalOffer.objects.filter(coupon=None)
    assert left_out.count() == decided.held_out > 0
    ids = left_out.values_list("user_id", flat=True)
    assert not Coupon.objects.filter(user__in=ids).exists()


def test_staff_and_closed_accounts_are_not_thought_of() -> None:
    [user, closed] = regulars(2)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    User.objects.filter(pk=closed.pk).update(is_active=False)
    rule = rule_of()

    assert segments.give_personal_discounts() == {rule.pk: Decided()}


def test_paused_rule_decides_nothing() -> None:
    assert decide(rule_of(is_active=False), [UserFactory.create()]) == Decided()


def test_personal_coupon_cannot_be_claimed_by_others() -> None:
    decide(rule_of(), [UserFactory.create()])
    batch = CouponBatch.objects.get()
    CouponBatch.objects.filter(pk=batch.pk).update(quantity=9)

    with pytest.raises(CouponBatchNotFound):
        coupons.claim(user_id=UserFactory.create().pk, batch_id=batch.pk)
    assert batch not in CouponBatch.objects.shown()
    assert Coupon.objects.count() == 1


# --- What it brings -------------------------------------------------------------------


def test_uplift_compares_with_those_who_were_left_out() -> None:
    users = [UserFactory.create(points=1_000_000) for _user in range(40)]
    rule = rule_of(holdout_percent=50, budget=10**9)
    decide(rule, users)
    product = ProductFactory.create(price=10_000, stock_on_hand=99)
    offered = PersonalOffer.objects.exclude(coupon=None)
    for offer in offered:
        buy(User.objects.get(pk=offer.user_id), product.pk, offer.coupon_id)

    found = report(rule)

    assert (found.offered, found.held_out) == (offered.count(), 40 - offered.count())
    assert found.used == offered.count()
    assert (found.offered_mean, found.held_out_mean) == (9_000, 0)
    assert found.uplift.amount == 9_000
    assert found.uplift.confidence == Confidence.SMALL


def test_page_says_why_and_until_when(client: Client) -> None:
    [user] = regulars(1)
    rule_of(name="Thank you")
    segments.give_personal_discounts()
    client.force_login(user)

    page = text_of(client.get("/coupons/?tab=mine"))

    assert "Only for you: you ordered 3 times in the 90 days before." in page


def test_quote_names_a_personal_discount() -> None:
    [user] = regulars(1)
    rule_of(name="Thank you")
    segments.give_personal_discounts()
    product = ProductFactory.create(price=10_000)
    wish = Purchase(
        user_id=user.pk,
        email=user.email,
        quantities={product.pk: 1},
        coupon_id=Coupon.objects.get().pk,
    )

    priced, _offer = checkout.price(wish)

    step = priced.adjustments[0]
    assert (step.kind, step.label, step.amount) == ("personal", "Thank you", -1_000)


def test_staff_see_the_rule_and_let_it_decide(client: Client) -> None:
    regulars(1)
    rule = rule_of()
    client.force_login(StaffFactory.create())

    form = {"action": "decide_now", "_selected_action": rule.pk}
    client.post("/admin/coupons/personalrule/", form)
    page = client.get(f"/admin/coupons/personalrule/{rule.pk}/change/")

    assert Coupon.objects.count() == 1
    assert "nobody to compare with yet" in page.content.decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": "101"}, "value"),
        ({"max_discount": ""}, "max_discount"),
        ({"holdout_percent": "51"}, "holdout_percent"),
    ],
)
def test_rule_that_makes_no_sense_is_refused_beside_the_field(
    client: Client, change: dict[str, str], field: str
) -> None:
    client.force_login(StaffFactory.create())
    form = {
        "name": "Rule",
        "segment": "regular",
        "kind": "percent",
        "value": "10",
        "max_discount": "5000",
        "min_spend": "0",
        "days_valid": "14",
        "pause_days": "60",
        "budget": "100000",
        "holdout_percent": "10",
        "is_active": "on",
    }

    page = client.post("/admin/coupons/personalrule/add/", form | change)

    assert page.status_code == 200
    assert field in page.context["adminform"].errors or page.context["errors"]
    assert not PersonalRule.objects.exists()


def test_budget_cannot_be_lowered_below_what_is_promised(client: Client) -> None:
    rule = rule_of()
    decide(rule, [UserFactory.create()])
    client.force_login(StaffFactory.create())
    path = f"/admin/coupons/personalrule/{rule.pk}/change/"
    form = {"name": "Rule", "pause_days": "60", "is_active": "on"}

    refused = client.post(path, form | {"budget": "4999"})

    assert "can take off ₩5,000" in text_of(refused)
    rule.refresh_from_db()
    assert rule.budget == 100_000
    assert client.post(path, form | {"budget": "5000"}).status_code == 302
