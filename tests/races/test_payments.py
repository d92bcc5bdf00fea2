"""Races 14, 16 and 23 with money of others: whose word comes first."""

from dataclasses import dataclass

import pytest

from checkout import services as checkout
from checkout import settling
from drill.races import money as races
from inventory.models import MovementKind, Stock, StockMovement
from orders.models import SETTLED, Order, OrderStatus
from outbox.models import Event
from payments.models import Payment, PaymentState, ProviderEvent, Refund
from tests.concurrency import run_together, told
from tests.factories import ProductFactory
from tests.paying import captured, forgotten_payment, set_out
from tests.races import payment_mutants
from tests.races.stage import overdue, purchase, shoppers, unpaid_order

# --- 13: setting out -----------------------------------------------------------------


STARTERS = 20


def one_order_started_many_times() -> tuple[dict[str, int], int]:
    [user], product = shoppers(1), ProductFactory.create()
    order_id = unpaid_order(user, product)
    results = run_together(lambda _number: set_out(user, order_id), times=STARTERS)
    return told(results), Payment.objects.count()


def test_race_13_setting_out_many_times_opens_one_payment() -> None:
    assert one_order_started_many_times() == ({"ok": STARTERS}, 1)


def test_race_13_setting_out_mutant_is_caught() -> None:
    # What the lock would put in order, the constraint breaks off.
    with payment_mutants.setting_out_without_lock(STARTERS):
        words, payments = one_order_started_many_times()

    assert words == {"IntegrityError": STARTERS - 1, "ok": 1}
    assert payments == 1


# --- 14: the provider's word, a cancellation and the clock ---------------------------


def test_race_14_money_ends_as_a_paid_order_or_goes_back() -> None:
    outcome = races.capture_cancel_and_expire(orders=30, clients=30)

    assert outcome.complaints() == []
    assert set(outcome.told) <= {"ok", "order_not_cancellable"}
    ends = outcome.found["ends"]
    kept = [end.is_settled and not end.is_back for end in ends if end.status in SETTLED]
    back = [end.is_back for end in ends if end.status not in SETTLED]
    assert len(ends) == Payment.objects.count() == 30
    assert all(kept)
    assert all(back)


def test_race_14_money_mutant_is_caught() -> None:
    # What the locks would put in order, the database's triggers break off.
    with payment_mutants.deciding_without_locks():
        outcome = races.capture_cancel_and_expire(orders=30, clients=30)

    assert not outcome.is_good
    assert not set(outcome.told) <= {"ok", "order_not_cancellable"}


def test_race_14_money_that_comes_as_the_time_is_up_buys_or_goes_back() -> None:
    outcome = races.late_capture_and_expire(orders=15, clients=30)

    assert outcome.complaints() == []
    assert outcome.told == {"ok": 30}
    assert outcome.winners == Payment.objects.count() == 15


# --- 16: money for an expired order, and others who want the goods -------------------


@dataclass(frozen=True)
class LateMoney:
    sold: int
    on_hand: int
    is_paid_for_or_back: bool


def late_money_for_the_last_unit(*, buyers: int) -> LateMoney:
    users = shoppers(buyers + 1)
    product = ProductFactory.create(stock_on_hand=1)
    order_id = unpaid_order(users[0], product)
    checkout.expire(overdue(order_id))
    payment = forgotten_payment(order_id)

    def act(number: int) -> object:
        if number == 0:
            return settling.record(payment.pk, captured(payment))
        return checkout.place_and_pay(purchase(users[number], product))

    run_together(act, times=buyers + 1)
    payment.refresh_from_db()
    is_paid = Order.objects.filter(pk=order_id, status=OrderStatus.PAID).exists()
    return LateMoney(
        sold=StockMovement.objects.filter(kind=MovementKind.SOLD).count(),
        on_hand=Stock.objects.get().on_hand,
        is_paid_for_or_back=is_paid is (payment.refunded == 0)
        and is_paid is (payment.settled_at is not None),
    )


@pytest.mark.parametrize("seed", range(3))
def test_race_16_late_money_gets_the_last_unit_or_goes_back(seed: int) -> None:
    assert late_money_for_the_last_unit(buyers=10) == LateMoney(
        sold=1, on_hand=0, is_paid_for_or_back=True
    )


def test_race_16_late_money_after_the_goods_are_gone_goes_back() -> None:
    users, product = shoppers(2), ProductFactory.create(stock_on_hand=1)
    order_id = unpaid_order(users[0], product)
    checkout.expire(overdue(order_id))
    payment = forgotten_payment(order_id)
    checkout.place_and_pay(purchase(users[1], product))

    results = run_together(
        lambda _number: settling.record(payment.pk, captured(payment)), times=20
    )

    assert told(results) == {"ok": 20}
    assert Refund.objects.filter(order_id=order_id).count() == 1
    assert Order.objects.get(pk=order_id).status == OrderStatus.EXPIRED
    assert Event.objects.filter(topic="payment.returned").count() == 1


def test_race_16_mutant_is_caught() -> None:
    with payment_mutants.retaking_what_is_gone():
        users, product = shoppers(2), ProductFactory.create(stock_on_hand=1)
        order_id = unpaid_order(users[0], product)
        checkout.expire(overdue(order_id))
        payment = forgotten_payment(order_id)
        checkout.place_and_pay(purchase(users[1], product))
        settling.record(payment.pk, captured(payment))

        assert Stock.objects.get().on_hand == -1


# --- 23: one payment, told of by everybody at once -----------------------------------


def settlement() -> tuple[int, int, int, int]:
    """Return how many orders, payments, sales and refunds there are of all."""
    return (
        Event.objects.filter(topic="order.paid").count(),
        Payment.objects.filter(
            state=PaymentState.CAPTURED, settled_at__isnull=False
        ).count(),
        StockMovement.objects.filter(kind=MovementKind.COMMITTED).count(),
        Refund.objects.count(),
    )


def test_race_23_one_payment_is_settled_once_however_often_it_is_told() -> None:
    outcome = races.told_by_everybody(times=20)

    assert outcome.complaints() == []
    assert outcome.told == {"ok": 20}
    assert settlement() == (1, 1, 1, 0)
    assert ProviderEvent.objects.count() == 1


def test_race_23_mutant_is_caught() -> None:
    with payment_mutants.deciding_without_locks():
        outcome = races.told_by_everybody(times=20)

    # Even so the constraints let one settlement through; the others break off.
    assert not outcome.is_good
    assert outcome.told != {"ok": 20}
    assert outcome.found["payments settled"] == 1


def test_race_23_messages_doubled_and_reversed_settle_one_payment_once() -> None:
    outcome = races.webhooks_doubled_and_reversed(times=20)

    assert outcome.complaints() == []
    assert outcome.told == {"ok": 20}
    assert settlement() == (1, 1, 1, 0)
    assert ProviderEvent.objects.count() == 2


def test_race_23_doubled_and_reversed_mutant_is_caught() -> None:
    with payment_mutants.deciding_without_locks():
        outcome = races.webhooks_doubled_and_reversed(times=20)

    assert not outcome.is_good
    assert outcome.told != {"ok": 20}
