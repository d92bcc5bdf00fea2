"""Races 16 to 21: goods that are sent, refunded, cancelled and taken back at once."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import pytest

from checkout import returns
from checkout.parcels import record_tracking
from drill.races import goods as races
from inventory.models import Stock
from orders.models import Fulfilment, Order, OrderStatus
from outbox.models import Event
from payments.models import Refund
from points.models import PointAccount
from tests.concurrency import run_together, told
from tests.parcels import (
    delivered_order,
    lines_of,
    packed_order,
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


def refunded() -> tuple[list[int], int, int]:
    """Return the amounts of all refunds, what is on hand, and the balance."""
    return (
        list(Refund.objects.values_list("amount", flat=True)),
        Stock.objects.get().on_hand,
        PointAccount.objects.get().balance,
    )


def test_race_16_fifty_refunds_of_everything_are_one() -> None:
    outcome = races.refund_many_times(times=50, units=10, keys=50)

    assert outcome.complaints() == []
    assert outcome.told == {"ok": 1, "order_not_refundable": 49}
    assert refunded() == ([100_000], 20, 1_000_000)


def test_race_16_mutant_is_caught() -> None:
    with order_mutants.goods_without_lock(together=50):
        outcome = races.refund_many_times(times=50, units=10, keys=50)

    # What the lock would refuse, the payment's limit breaks off.
    assert not outcome.is_good
    assert outcome.told["ok"] == 1
    assert outcome.told["IntegrityError"] > 1


def test_race_16_one_key_is_one_refund() -> None:
    outcome = races.refund_many_times(times=50, units=1, keys=1)

    assert outcome.complaints() == []
    assert outcome.told == {"ok": 50}
    assert refunded() == ([10_000], 11, 910_000)


def test_race_16_key_mutant_is_caught() -> None:
    with order_mutants.forgetful_refunds():
        outcome = races.refund_many_times(times=5, units=1, keys=1)

    assert not outcome.is_good
    assert outcome.told == {"IntegrityError": 4, "ok": 1}


# --- 17: two parts that are more than the whole --------------------------------------


def test_race_17_sixty_percent_and_sixty_percent_are_sixty() -> None:
    outcome = races.refund_many_times(times=2, units=6, keys=2)

    assert outcome.complaints() == []
    assert outcome.told == {"not_refundable": 1, "ok": 1}
    assert refunded() == ([60_000], 16, 960_000)


def test_race_17_mutant_is_caught() -> None:
    with order_mutants.refunds_without_limit(together=2):
        outcome = races.refund_many_times(times=2, units=6, keys=2)

    # The journal of the stock is the last to notice.
    assert not outcome.is_good
    assert outcome.told == {"ok": 1, "return_exceeds_sale": 1}


# --- 18: refund and ship -------------------------------------------------------------


def test_race_18_a_unit_is_sent_or_refunded_and_never_both() -> None:
    outcome = races.refund_and_ship(orders=15)

    assert outcome.complaints() == []
    assert outcome.found["winners of each"] == [1] * 15
    assert outcome.found["units of each"] == [6] * 15


def test_race_18_mutant_is_caught() -> None:
    with order_mutants.goods_without_lock_in_the_race(together=2):
        outcome = races.refund_and_ship(orders=1)

    assert not outcome.is_good
    assert outcome.found["winners of each"] == [2]
    assert outcome.found["units of each"] == [12]


# --- 19: cancel and ship -------------------------------------------------------------


def test_race_19_an_order_is_cancelled_or_shipped() -> None:
    outcome = races.cancel_and_ship(orders=15)

    words = dict(outcome.told)
    refused = words.pop("invalid_transition", 0)
    refused += words.pop("order_not_cancellable", 0)
    cancelled = Order.objects.filter(status=OrderStatus.CANCELLED)
    assert outcome.complaints() == []
    assert {**words, "refused": refused} == {"ok": 15, "refused": 15}
    assert not Fulfilment.objects.filter(order__in=cancelled).exists()


def test_race_19_mutant_is_caught() -> None:
    with order_mutants.goods_without_lock_in_the_race(together=2):
        outcome = races.cancel_and_ship(orders=1)

    words = dict(outcome.told)
    refused = words.pop("invalid_transition", 0)
    refused += words.pop("order_not_cancellable", 0)
    # The transition table in the database lets only one of them have its way.
    assert not outcome.is_good
    assert {**words, "refused": refused} != {"ok": 1, "refused": 1}


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
