"""Budgets, first orders and terms under several hands."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import pytest
from django.db import transaction

from checkout import services as checkout
from checkout import settling
from checkout.services import Purchase
from orders.models import Order, OrderStatus
from promotions import services as promotions
from promotions.models import Promotion, PromotionUse, UseState
from tests.concurrency import run_together, told
from tests.factories import ProductFactory, PromotionFactory
from tests.paying import captured, forgotten_payment
from tests.pitfalls.sql import captured_sql
from tests.races import promotion_mutants as mutants
from tests.races.stage import (
    between_reading_and_writing,
    everybody_reads_first,
    overdue,
    purchase,
    shoppers,
    unpaid_order,
)

BUYERS = 32


@dataclass(frozen=True)
class Given:
    told: dict[str, int]
    # Discounts of all orders, the smallest first.
    discounts: list[int]
    spent: int


def _given(results: Sequence[object]) -> Given:
    return Given(
        told=told(results),
        discounts=sorted(Order.objects.values_list("discount", flat=True)),
        spent=sum(Promotion.objects.values_list("spent", flat=True)),
    )


# --- A budget under 32 buyers --------------------------------------------------------


def more_buyers_than_budget() -> Given:
    """Let all read a budget for ten of them, and then all write."""
    users, product = shoppers(BUYERS), ProductFactory.create(stock_on_hand=100)
    PromotionFactory.create(budget=10_500)
    with everybody_reads_first(BUYERS):
        results = run_together(
            lambda number: checkout.place_and_pay(
                purchase(users[number], product, expected_total=9_000)
            ),
            times=BUYERS,
        )
    return _given(results)


def test_budget_for_ten_is_given_to_ten_and_the_others_are_told() -> None:
    assert more_buyers_than_budget() == Given(
        told={"ok": 10, "price_changed": 22}, discounts=[1_000] * 10, spent=10_000
    )


def test_budget_mutant_is_caught() -> None:
    with mutants.budgets_without_limit():
        outcome = more_buyers_than_budget()

    assert (outcome.told, outcome.spent) == ({"ok": BUYERS}, 1_000 * BUYERS)


# --- Two first orders ----------------------------------------------------------------


def two_first_orders() -> Given:
    [user], product = shoppers(1), ProductFactory.create()
    PromotionFactory.create(audience="new")
    with everybody_reads_first(2):
        results = run_together(
            lambda _number: checkout.place_and_pay(purchase(user, product)), times=2
        )
    return _given(results)


def test_two_first_orders_at_once_are_one_first_order() -> None:
    assert two_first_orders() == Given(
        told={"ok": 1, "price_changed": 1}, discounts=[1_000], spent=0
    )


def test_two_first_orders_mutant_is_caught() -> None:
    with mutants.new_buyers_again_and_again():
        outcome = two_first_orders()

    assert outcome.discounts == [1_000, 1_000]


# --- What changes between reading and writing ----------------------------------------


def paused_while_somebody_buys(budget: int | None) -> Given:
    [user], product = shoppers(1), ProductFactory.create()
    promotion = PromotionFactory.create(budget=budget)

    def pause(_wish: Purchase) -> None:
        promotions.set_active(promotion_id=promotion.pk, active="no")

    with between_reading_and_writing(pause):
        results = run_together(
            lambda _number: checkout.place_and_pay(purchase(user, product)), times=1
        )
    return _given(results)


@pytest.mark.parametrize("budget", [None, 50_000])
def test_pitfall_54_paused_promotion_is_not_given_any_more(budget: int | None) -> None:
    assert paused_while_somebody_buys(budget) == Given(
        told={"price_changed": 1}, discounts=[], spent=0
    )


@pytest.mark.parametrize("budget", [None, 50_000])
def test_pause_mutant_is_caught(budget: int | None) -> None:
    with mutants.giving_what_was_paused():
        outcome = paused_while_somebody_buys(budget)

    assert outcome.discounts == [1_000]


def changed_while_somebody_buys(budget: int | None) -> Given:
    [user], product = shoppers(1), ProductFactory.create()
    PromotionFactory.create(budget=budget)
    with between_reading_and_writing(lambda _wish: Promotion.objects.update(value=5)):
        results = run_together(
            lambda _number: checkout.place_and_pay(purchase(user, product)), times=1
        )
    return _given(results)


@pytest.mark.parametrize("budget", [None, 50_000])
def test_promotion_is_not_given_on_terms_that_have_changed(budget: int | None) -> None:
    assert changed_while_somebody_buys(budget) == Given(
        told={"price_changed": 1}, discounts=[], spent=0
    )


@pytest.mark.parametrize("budget", [None, 50_000])
def test_changed_terms_mutant_is_caught(budget: int | None) -> None:
    with mutants.giving_on_other_terms():
        outcome = changed_while_somebody_buys(budget)

    assert outcome.discounts == [1_000]


def test_budget_waits_for_the_pause_that_came_first() -> None:
    """A purchase that waits for the row looks at it again when it has it."""
    users, product = shoppers(8), ProductFactory.create(stock_on_hand=100)
    promotion = PromotionFactory.create(budget=50_000)

    def act(number: int) -> None:
        if number == 0:
            promotions.set_active(promotion_id=promotion.pk, active="no")
        else:
            checkout.place_and_pay(purchase(users[number], product))

    results = run_together(act, times=8)

    # Before the pause or after it, but never half of it.
    given = _given(results)
    assert given.spent == sum(given.discounts)
    assert set(given.discounts) <= {0, 1_000}
    assert set(given.told) <= {"ok", "price_changed"}


# --- Given back once -----------------------------------------------------------------


def called_off_by_everybody() -> tuple[int, Counter[str]]:
    """Cancel, expire and pay late at once what another living order stands beside."""
    [user], product = shoppers(1), ProductFactory.create()
    PromotionFactory.create(budget=50_000)
    unpaid_order(user, product)
    dying = overdue(unpaid_order(user, product))
    payment = forgotten_payment(dying)

    def act(number: int) -> object:
        if number % 3 == 0:
            return checkout.cancel(
                order_id=dying, user_id=user.pk, actor_id=None, reason=""
            )
        if number % 3 == 1:
            return checkout.expire(dying)
        return settling.record(payment.pk, captured(payment))

    run_together(act, times=6)
    states = Counter(PromotionUse.objects.values_list("state", flat=True))
    return Promotion.objects.get().spent, states


def test_cancelled_expired_and_paid_late_is_given_back_once() -> None:
    spent, states = called_off_by_everybody()

    is_alive = Order.objects.filter(status=OrderStatus.PAID).exists()
    alive = 2 if is_alive else 1
    assert spent == alive * 1_000
    assert states[UseState.TAKEN] == alive
    assert states.total() == 2


def given_back_over_and_over() -> int:
    [user], product = shoppers(1), ProductFactory.create()
    PromotionFactory.create(budget=50_000)
    unpaid_order(user, product)
    dead = unpaid_order(user, product)
    checkout.cancel(order_id=dead, user_id=user.pk, actor_id=None, reason="")
    run_together(lambda _number: _release(dead), times=3)
    return Promotion.objects.get().spent


def _release(order_id: UUID) -> None:
    with transaction.atomic():
        promotions.release(order_id=order_id)


def test_dead_order_gives_back_once_however_often_it_is_said() -> None:
    assert given_back_over_and_over() == 1_000


def test_giving_back_mutant_is_caught() -> None:
    with mutants.giving_back_again_and_again():
        assert given_back_over_and_over() < 1_000


# --- Lock order ----------------------------------------------------------------------


def two_budgets_taken_and_given_back() -> dict[str, int]:
    """Let some take two budgets, by priority, while others give them back."""
    users = shoppers(16)
    product = ProductFactory.create(stock_on_hand=100)
    for priority in (0, 1):
        PromotionFactory.create(budget=10**6, priority=priority)
    dying = [unpaid_order(user, product) for user in users[::2]]

    def act(number: int) -> None:
        if number % 2:
            checkout.place_and_pay(purchase(users[number], product))
        else:
            checkout.cancel(
                order_id=dying[number // 2], user_id=None, actor_id=None, reason=""
            )

    return told(run_together(act, times=16))


def test_two_budgets_taken_and_given_back_at_once_do_not_deadlock() -> None:
    assert two_budgets_taken_and_given_back() == {"ok": 16}
    spent = Promotion.objects.order_by("pk").values_list("spent", flat=True)
    assert list(spent) == [8 * 900, 8 * 1_000]


def test_promotions_are_locked_by_number_whatever_their_priority() -> None:
    [user] = shoppers(1)
    PromotionFactory.create(budget=10**6, priority=0)
    PromotionFactory.create(budget=10**6, priority=1)
    draft = checkout.price(purchase(user, ProductFactory.create()))[0]
    assert list(draft.promotions) == sorted(draft.promotions, reverse=True)

    for sql in (promotions.TAKE_SQL, promotions.RELEASE_SQL, promotions.RETAKE_SQL):
        lock = sql.index("ORDER BY promotion.id")
        assert "FOR NO KEY UPDATE OF promotion" in sql[lock : lock + 80]


def test_promotions_are_the_last_that_a_purchase_locks() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    PromotionFactory.create(budget=50_000)

    with captured_sql() as statements:
        checkout.place_and_pay(purchase(user, product))

    writes = [sql for sql in statements if "INSERT INTO" in sql or "UPDATE" in sql]
    assert "promotions_promotionuse" in writes[-1]
    assert not any("promotions_promotionuse" in sql for sql in writes[:-1])
