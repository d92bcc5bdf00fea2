"""Promotions are given to orders, taken back, paused and told of."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.db.utils import ProgrammingError
from django.utils import timezone

from accounts.models import User
from checkout import services as checkout
from checkout.errors import PriceChanged
from common.db import pipeline
from orders.models import Order, OrderStatus
from outbox.models import Event
from promotions import services as promotions
from promotions.errors import PromotionNotFound, PromotionOver
from promotions.models import Promotion, PromotionUse, UseState
from tests.books import assert_books_balance
from tests.factories import (
    CategoryFactory,
    ProductFactory,
    PromotionFactory,
    UserFactory,
)
from tests.races.stage import (
    between_reading_and_writing,
    overdue,
    purchase,
    unpaid_order,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return UserFactory.create(points=1_000_000)


def _take(amounts: dict[int, int], versions: dict[int, int] | None = None) -> int:
    with transaction.atomic():
        with pipeline() as pipe:
            taken = promotions.queue_take(
                pipe,
                order_id=uuid4(),
                user_id=None,
                amounts=amounts,
                versions=versions or dict.fromkeys(amounts, 1),
            )
        return taken.count()


def _meanwhile(change: Callable[[], object]) -> AbstractContextManager[None]:
    """Let ``change`` happen once, between the reading and writing of a purchase."""
    changes = iter([change])
    return between_reading_and_writing(lambda _wish: next(changes, lambda: None)())


def _spent(promotion: Promotion) -> int:
    return Promotion.objects.get(pk=promotion.pk).spent


# --- Given ---------------------------------------------------------------------------


def test_budget_is_spent_to_its_last_unit_and_not_beyond() -> None:
    promotion = PromotionFactory.create(budget=1_000)

    assert _take({promotion.pk: 999}) == 1
    assert _take({promotion.pk: 2}) == 0
    assert _take({promotion.pk: 1}) == 1

    assert _spent(promotion) == 1_000
    assert PromotionUse.objects.count() == 2


@pytest.mark.parametrize("budget", [None, 1_000_000])
def test_promotion_on_other_terms_than_were_quoted_is_not_given(
    budget: int | None,
) -> None:
    promotion = PromotionFactory.create(budget=budget)
    Promotion.objects.update(value=11)

    assert _take({promotion.pk: 100}) == 0
    assert _take({promotion.pk: 100}, {promotion.pk: 2}) == 1


@pytest.mark.parametrize("budget", [None, 1_000_000])
@pytest.mark.parametrize(
    "change",
    [
        {"is_active": False},
        {"starts_at": timezone.now() + timedelta(days=1)},
        {"ends_at": timezone.now() - timedelta(seconds=1)},
    ],
    ids=["paused", "not yet", "over"],
)
def test_promotion_that_does_not_run_is_not_given(
    budget: int | None, change: dict[str, object]
) -> None:
    promotion = PromotionFactory.create(budget=budget)
    Promotion.objects.update(**change)

    assert _take({promotion.pk: 100}, {promotion.pk: 2}) == 0
    assert not PromotionUse.objects.exists()


def test_several_promotions_are_given_at_once() -> None:
    limited, free = PromotionFactory.create(budget=500), PromotionFactory.create()

    assert _take({free.pk: 100, limited.pk: 200}) == 2
    assert (_spent(limited), _spent(free)) == (200, 0)


def test_what_is_given_counts_only_with_its_order(user: User) -> None:
    promotion = PromotionFactory.create(budget=1_000)
    product = ProductFactory.create(price=10_000)

    done = checkout.place_and_pay(purchase(user, product))

    use = PromotionUse.objects.get()
    assert (use.order_id, use.amount, use.state) == (done.id, 1_000, UseState.TAKEN)
    assert use.new_buyer_id is None
    assert _spent(promotion) == 1_000
    order = Order.objects.get()
    assert (order.discount, order.total) == (1_000, 9_000)
    assert order.adjustments == [
        {
            "kind": "promotion",
            "label": "Autumn",
            "amount": -1_000,
            "source_id": promotion.pk,
            "rule": "percent",
        }
    ]
    assert_books_balance()


def test_promotion_without_a_budget_never_gets_one_later() -> None:
    promotion = PromotionFactory.create()

    with pytest.raises(ProgrammingError, match="budget_from_the_start"):
        Promotion.objects.filter(pk=promotion.pk).update(budget=10)


def test_budget_cannot_go_below_what_is_spent() -> None:
    promotion = PromotionFactory.create(budget=1_000)
    _take({promotion.pk: 600})

    with pytest.raises(IntegrityError, match="promotion_spent_within_budget"):
        Promotion.objects.filter(pk=promotion.pk).update(budget=599)


# --- For whom ------------------------------------------------------------------------


def test_new_buyer_gets_it_with_the_first_order_only(user: User) -> None:
    PromotionFactory.create(audience="new")
    product = ProductFactory.create(price=10_000)

    totals = [checkout.place_and_pay(purchase(user, product)).quote.total for _ in "12"]

    assert totals == [9_000, 10_000]
    assert PromotionUse.objects.get().new_buyer_id == user.pk


def test_new_buyer_whose_first_order_is_called_off_is_new_again(user: User) -> None:
    PromotionFactory.create(audience="new")
    product = ProductFactory.create(price=10_000)
    first = checkout.place_order(purchase(user, product))
    checkout.cancel(order_id=first.id, user_id=user.pk, actor_id=None, reason="")

    second = checkout.place_order(purchase(user, product))

    assert second.quote.total == 9_000
    states = PromotionUse.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [UseState.RELEASED, UseState.TAKEN]
    assert_books_balance()


def test_regulars_are_those_with_three_paid_orders_of_late(user: User) -> None:
    PromotionFactory.create(audience="regulars")
    product = ProductFactory.create(price=1_000, stock_on_hand=20)

    totals = [
        checkout.place_and_pay(purchase(user, product)).quote.total for _ in range(4)
    ]

    assert totals == [1_000, 1_000, 1_000, 900]
    long_ago = timezone.now() - timedelta(days=91)
    Order.objects.update(paid_at=long_ago)
    assert checkout.price(purchase(user, product))[0].total == 1_000


def test_guests_get_what_is_for_everyone() -> None:
    for audience in ("everyone", "new", "regulars"):
        PromotionFactory.create(name=audience, audience=audience)
    wish = checkout.Purchase(
        user_id=None,
        email="guest@example.com",
        quantities={ProductFactory.create(price=10_000).pk: 1},
    )

    draft = checkout.place_order(wish)

    assert draft.quote.discount == 1_000
    assert {one.label for one in draft.quote.refusals} == {"new", "regulars"}


# --- For what ------------------------------------------------------------------------


def test_category_includes_all_below_it(user: User) -> None:
    lamps = CategoryFactory.create()
    desk_lamps = CategoryFactory.create(parent=lamps)
    lamp = ProductFactory.create(price=10_000, category=desk_lamps)
    mug = ProductFactory.create(price=10_000)
    bowl = ProductFactory.create(price=10_000)
    promotion = PromotionFactory.create()
    promotion.categories.add(lamps)
    promotion.products.add(bowl)

    priced, _now = checkout.price(purchase(user, lamp, mug, bowl))

    shares = {line.item.product_id: line.discount_share for line in priced.lines}
    assert shares == {lamp.pk: 1_000, mug.pk: 0, bowl.pk: 1_000}


def test_what_a_promotion_is_for_is_one_of_its_terms() -> None:
    promotion, shelf = PromotionFactory.create(), CategoryFactory.create()
    product = ProductFactory.create()
    seen = []
    changes: list[Callable[[], None]] = [
        lambda: promotion.categories.add(shelf),
        lambda: promotion.products.add(product),
        lambda: promotion.categories.remove(shelf),
        lambda: promotion.products.remove(product),
    ]
    for change in changes:
        change()
        promotion.refresh_from_db()
        seen.append(promotion.version)

    assert seen == [2, 3, 4, 5]


def test_category_of_a_promotion_cannot_go_and_leave_it_for_everything() -> None:
    promotion, shelf = PromotionFactory.create(), CategoryFactory.create()
    promotion.categories.add(shelf)

    with pytest.raises(ProtectedError):
        shelf.delete()

    assert list(promotion.categories.all()) == [shelf]


# --- Taken back ----------------------------------------------------------------------


def test_what_a_dead_order_got_goes_back_to_the_budget_once(user: User) -> None:
    promotion = PromotionFactory.create(budget=5_000)
    product = ProductFactory.create(price=10_000)
    dead = unpaid_order(user, product)
    alive = unpaid_order(user, product)
    assert _spent(promotion) == 2_000

    checkout.expire(overdue(dead))
    with transaction.atomic():
        promotions.release(order_id=dead)

    assert _spent(promotion) == 1_000
    assert dict(PromotionUse.objects.values_list("order_id", "state")) == {
        dead: UseState.RELEASED,
        alive: UseState.TAKEN,
    }


def test_many_dead_orders_give_back_what_each_got(user: User) -> None:
    first = PromotionFactory.create(budget=50_000)
    second = PromotionFactory.create(budget=50_000, kind="fixed", value=700)
    product = ProductFactory.create(price=10_000)
    for _ in range(3):
        overdue(unpaid_order(user, product))
    assert (_spent(first), _spent(second)) == (3_000, 2_100)

    assert checkout.expire_overdue() == 3

    assert (_spent(first), _spent(second)) == (0, 0)
    assert_books_balance()


def test_order_refunded_before_anything_was_sent_gives_back_as_well(
    user: User,
) -> None:
    promotion = PromotionFactory.create(budget=5_000)
    order_id = checkout.place_and_pay(
        purchase(user, ProductFactory.create(price=10_000))
    ).id
    [line] = Order.objects.get().lines.all()

    checkout.refund(
        order_id=order_id, quantities={line.pk: 1}, reason="", actor_id=None, key="k"
    )

    assert Order.objects.get().status == OrderStatus.CANCELLED
    assert _spent(promotion) == 0
    assert_books_balance()


def test_expired_order_that_is_paid_late_has_its_promotions_again(user: User) -> None:
    promotion = PromotionFactory.create(budget=5_000)
    order_id = unpaid_order(user, ProductFactory.create(price=10_000))
    checkout.expire(overdue(order_id))
    Promotion.objects.update(is_active=False)

    with transaction.atomic():
        promotions.retake(order_id=order_id)

    assert _spent(promotion) == 1_000
    assert PromotionUse.objects.get().state == UseState.TAKEN


def test_late_order_is_refused_what_the_budget_has_not_any_more(user: User) -> None:
    promotion = PromotionFactory.create(budget=1_000)
    late = unpaid_order(user, ProductFactory.create(price=10_000))
    checkout.expire(overdue(late))
    _take({promotion.pk: 1})

    with pytest.raises(PromotionOver), transaction.atomic():
        promotions.retake(order_id=late)

    assert _spent(promotion) == 1
    assert PromotionUse.objects.get(order_id=late).state == UseState.RELEASED


def test_late_first_order_of_who_has_another_one_is_refused(user: User) -> None:
    PromotionFactory.create(audience="new")
    product = ProductFactory.create(price=10_000)
    late = unpaid_order(user, product)
    checkout.expire(overdue(late))
    unpaid_order(user, product)

    with pytest.raises(PromotionOver), transaction.atomic():
        promotions.retake(order_id=late)


# --- Between reading and writing -----------------------------------------------------


def test_change_that_makes_nothing_dearer_is_no_reason_to_ask(user: User) -> None:
    PromotionFactory.create()
    product = ProductFactory.create(price=10_000)

    with _meanwhile(lambda: Promotion.objects.update(name="Later autumn")):
        draft = checkout.place_and_pay(purchase(user, product))

    assert draft.quote.total == 9_000
    assert [step.label for step in draft.quote.adjustments] == ["Later autumn"]
    assert_books_balance()


def test_change_that_makes_it_cheaper_is_passed_on(user: User) -> None:
    PromotionFactory.create()
    product = ProductFactory.create(price=10_000)

    with _meanwhile(lambda: Promotion.objects.update(value=20)):
        draft = checkout.place_and_pay(purchase(user, product))

    assert draft.quote.total == 8_000


def test_change_that_makes_it_dearer_is_asked_about(user: User) -> None:
    PromotionFactory.create()
    product = ProductFactory.create(price=10_000)

    with (
        _meanwhile(lambda: Promotion.objects.update(value=5)),
        pytest.raises(PriceChanged) as error,
    ):
        checkout.place_and_pay(purchase(user, product))

    assert error.value.extra["total"] == 9_500
    assert not Order.objects.exists()
    assert not PromotionUse.objects.exists()


# --- By hand and by the clock --------------------------------------------------------


def test_paused_promotion_gives_nothing_until_it_is_resumed(user: User) -> None:
    promotion = PromotionFactory.create()
    wish = purchase(user, ProductFactory.create(price=10_000))

    promotions.set_active(promotion_id=promotion.pk, active="no")
    assert checkout.price(wish)[0].total == 10_000

    promotions.set_active(promotion_id=promotion.pk, active="yes")
    assert checkout.price(wish)[0].total == 9_000


def test_promotion_that_does_not_exist_cannot_be_paused() -> None:
    with pytest.raises(PromotionNotFound):
        promotions.set_active(promotion_id=1, active="no")


def test_promotion_is_told_of_once_when_it_starts() -> None:
    promotion = PromotionFactory.create(
        announcement="All lamps a tenth off.", starts_at=timezone.now()
    )

    assert [promotions.announce_started() for _ in "12"] == [1, 0]

    event = Event.objects.get(topic="promotion.started")
    assert event.aggregate == f"promotion/{promotion.pk}"
    assert event.payload == {
        "promotion_id": promotion.pk,
        "name": "Autumn",
        "text": "All lamps a tenth off.",
    }
    promotion.refresh_from_db()
    assert promotion.version == 1


@pytest.mark.parametrize(
    "choices",
    [
        {"announcement": ""},
        {"is_active": False},
        {"starts_at": timezone.now() + timedelta(days=30)},
        {"ends_at": timezone.now() - timedelta(minutes=1)},
    ],
    ids=["no words", "paused", "not yet", "over"],
)
def test_nobody_is_told_of_what_does_not_run_or_has_no_words(
    choices: dict[str, object],
) -> None:
    PromotionFactory.create(**{"announcement": "Come in.", **choices})

    assert promotions.announce_started() == 0
    assert not Event.objects.filter(topic="promotion.started").exists()
