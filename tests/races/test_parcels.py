"""Races 16 to 21: goods that are sent, refunded, cancelled and taken back at once."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import pytest

from checkout import returns
from checkout import services as checkout
from checkout.parcels import record_tracking
from orders.models import Fulfilment, FulfilmentLine, Order, OrderStatus
from outbox.models import Event
from payments.models import Refund
from points.models import PointAccount
from tests.concurrency import run_together, told
from tests.parcels import (
    delivered_order,
    lines_of,
    packed_order,
    paid_order,
    send,
    stock_of,
    tracking,
)
from tests.races import order_mutants

pytestmark = pytest.mark.django_db(transaction=True)
# What is in force while everybody acts.
Guard = Callable[[], AbstractContextManager[None]]
WHOLE: Guard = nullcontext


# --- 16: many refunds ----------------------------------------------------------------


@dataclass(frozen=True)
class Refunded:
    told: dict[str, int]
    amounts: list[int]
    on_hand: int
    balance: int


def refund_many_times(*, times: int, units: int, keys: int) -> Refunded:
    """Refund ``units`` of ten; ``keys`` tells how many different keys are used."""
    order = paid_order(10)
    [line] = lines_of(order)
    results = run_together(
        lambda number: checkout.refund(
            order_id=order.pk,
            quantities={line.pk: units},
            reason="again",
            actor_id=None,
            key=str(number % keys),
        ),
        times=times,
    )
    return Refunded(
        told=told(results),
        amounts=list(Refund.objects.values_list("amount", flat=True)),
        on_hand=stock_of(line.product_id),
        balance=PointAccount.objects.get(user=order.user_id).balance,
    )


def test_race_16_fifty_refunds_of_everything_are_one() -> None:
    assert refund_many_times(times=50, units=10, keys=50) == Refunded(
        told={"ok": 1, "order_not_refundable": 49},
        amounts=[100_000],
        on_hand=20,
        balance=1_000_000,
    )


def test_race_16_mutant_is_caught() -> None:
    with order_mutants.goods_without_lock(together=50):
        outcome = refund_many_times(times=50, units=10, keys=50)

    # What the lock would refuse, the payment's limit breaks off.
    assert outcome.told["ok"] == 1
    assert outcome.told["IntegrityError"] > 1


def test_race_16_one_key_is_one_refund() -> None:
    assert refund_many_times(times=50, units=1, keys=1) == Refunded(
        told={"ok": 50}, amounts=[10_000], on_hand=11, balance=910_000
    )


def test_race_16_key_mutant_is_caught() -> None:
    with order_mutants.forgetful_refunds():
        outcome = refund_many_times(times=5, units=1, keys=1)

    assert outcome.told == {"IntegrityError": 4, "ok": 1}


# --- 17: two parts that are more than the whole --------------------------------------


def test_race_17_sixty_percent_and_sixty_percent_are_sixty() -> None:
    assert refund_many_times(times=2, units=6, keys=2) == Refunded(
        told={"not_refundable": 1, "ok": 1},
        amounts=[60_000],
        on_hand=16,
        balance=960_000,
    )


def test_race_17_mutant_is_caught() -> None:
    with order_mutants.refunds_without_limit(together=2):
        outcome = refund_many_times(times=2, units=6, keys=2)

    # The journal of the stock is the last to notice.
    assert outcome.told == {"ok": 1, "return_exceeds_sale": 1}


# --- 18: refund and ship -------------------------------------------------------------


@dataclass(frozen=True)
class Shared:
    """What became of orders of ten of which six were to be sent and six refunded."""

    winners: list[int]
    units: list[int]


def refund_and_ship(*, orders: int, within: Guard = WHOLE) -> Shared:
    placed = [packed_order(10) for _ in range(orders)]
    lines = {order.pk: lines_of(order)[0].pk for order in placed}

    def act(number: int) -> object:
        order = placed[number // 2]
        some = {lines[order.pk]: 6}
        if number % 2:
            return checkout.ship(
                order_id=order.pk, carrier="Post", lines=some, actor_id=None
            )
        return checkout.refund(
            order_id=order.pk, quantities=some, reason="", actor_id=None, key="k"
        )

    with within():
        results = run_together(act, times=2 * orders)
    won = Counter(
        number // 2
        for number, result in enumerate(results)
        if told([result]) == {"ok": 1}
    )
    used: Counter[int] = Counter()
    for line_id, quantity in FulfilmentLine.objects.values_list(
        "order_line_id", "quantity"
    ):
        used[line_id] += quantity
    for refund in Refund.objects.prefetch_related("lines"):
        for line in refund.lines.all():
            used[line.order_line_id] += line.quantity
    return Shared(
        winners=[won[place] for place in range(orders)],
        units=[used[lines[order.pk]] for order in placed],
    )


def test_race_18_a_unit_is_sent_or_refunded_and_never_both() -> None:
    assert refund_and_ship(orders=15) == Shared(winners=[1] * 15, units=[6] * 15)


def test_race_18_mutant_is_caught() -> None:
    outcome = refund_and_ship(
        orders=1, within=partial(order_mutants.goods_without_lock, together=2)
    )

    assert outcome == Shared(winners=[2], units=[12])


# --- 19: cancel and ship -------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    told: dict[str, int]
    # Orders that are cancelled and have a parcel.
    both: int


def cancel_and_ship(*, orders: int, within: Guard = WHOLE) -> Ended:
    placed = [packed_order(1) for _ in range(orders)]

    def act(number: int) -> object:
        order = placed[number // 2]
        if number % 2:
            return checkout.ship(order_id=order.pk, carrier="Post", actor_id=None)
        return checkout.cancel(
            order_id=order.pk, user_id=None, actor_id=None, reason="no"
        )

    with within():
        words = told(run_together(act, times=2 * orders))
    refused = words.pop("invalid_transition", 0)
    refused += words.pop("order_not_cancellable", 0)
    cancelled = Order.objects.filter(status=OrderStatus.CANCELLED)
    return Ended(
        told={**words, "refused": refused},
        both=Fulfilment.objects.filter(order__in=cancelled).count(),
    )


def test_race_19_an_order_is_cancelled_or_shipped() -> None:
    assert cancel_and_ship(orders=15) == Ended(told={"ok": 15, "refused": 15}, both=0)


def test_race_19_mutant_is_caught() -> None:
    outcome = cancel_and_ship(
        orders=1, within=partial(order_mutants.goods_without_lock, together=2)
    )

    # The transition table in the database lets only one of them have its way.
    assert outcome.told != {"ok": 1, "refused": 1}


# --- 20: a return that is taken in twice ---------------------------------------------


@dataclass(frozen=True)
class TakenIn:
    told: dict[str, int]
    refunds: int
    on_hand: int


def receive_many_times(*, times: int, within: Guard = WHOLE) -> TakenIn:
    order = delivered_order(2)
    [line] = lines_of(order)
    asked = returns.request(
        order_id=order.pk, user_id=order.user_id, quantities={line.pk: 2}, reason="x"
    )
    returns.approve(return_id=asked.pk, answer="")
    with within():
        results = run_together(
            lambda _number: returns.receive(
                return_id=asked.pk, restocked={line.pk: 2}, actor_id=None
            ),
            times=times,
        )
    return TakenIn(
        told=told(results),
        refunds=Refund.objects.count(),
        on_hand=stock_of(line.product_id),
    )


def test_race_20_a_return_is_taken_in_once() -> None:
    assert receive_many_times(times=20) == TakenIn(
        told={"invalid_return_step": 19, "ok": 1}, refunds=1, on_hand=20
    )


def test_race_20_mutant_is_caught() -> None:
    outcome = receive_many_times(
        times=20, within=partial(order_mutants.goods_without_lock, together=20)
    )

    assert "invalid_return_step" not in outcome.told


# --- 21: carriers that tell everything at once ---------------------------------------


def test_race_21_order_is_delivered_once_however_often_it_is_told() -> None:
    order = packed_order(4)
    [line] = lines_of(order)
    for number in range(4):
        send(order, {line.pk: 1}, number=f"T-{number}", code="sandbox")

    results = run_together(
        lambda number: record_tracking(
            "sandbox", tracking(f"T-{number % 4}", "in_transit", "delivered")
        ),
        times=20,
    )

    assert told(results) == {"ok": 20}
    assert Event.objects.filter(topic="order.delivered").count() == 1
    assert Order.objects.get(pk=order.pk).status == OrderStatus.DELIVERED
