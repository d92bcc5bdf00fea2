"""Races 14, 16 and 23 with money of others: whose word comes first."""

from dataclasses import dataclass
from uuid import UUID

import pytest

from accounts.models import User
from checkout import providers, settling
from checkout import services as checkout
from inventory.models import MovementKind, Stock, StockMovement
from orders.models import SETTLED, Order, OrderStatus
from outbox import services as outbox
from outbox.models import Event
from payments.gateways import sandbox
from payments.gateways.sandbox import Script
from payments.models import Payment, PaymentState, ProviderEvent, Refund
from tests.concurrency import run_together, told
from tests.factories import ProductFactory
from tests.paying import captured, decide, deliver, forgotten_payment, set_out
from tests.races import mutants, payment_mutants
from tests.races.stage import overdue, purchase, shoppers, unpaid_order

# --- 13: setting out -----------------------------------------------------------------


def one_order_started_many_times() -> tuple[dict[str, int], int]:
    [user], product = shoppers(1), ProductFactory.create()
    order_id = unpaid_order(user, product)
    results = run_together(lambda _number: set_out(user, order_id), times=20)
    return told(results), Payment.objects.count()


def test_race_13_setting_out_many_times_opens_one_payment() -> None:
    assert one_order_started_many_times() == ({"ok": 20}, 1)


def test_race_13_setting_out_mutant_is_caught() -> None:
    # What the lock would put in order, the constraint breaks off.
    with mutants.orders_without_lock():
        words, payments = one_order_started_many_times()

    assert words["IntegrityError"] > 0
    assert payments == 1


# --- 14: the provider's word, a cancellation and the clock ---------------------------


End = tuple[str, bool, bool]


def money_cancel_and_expire(*, orders: int) -> tuple[set[str], list[End]]:
    """Return what was told, and of each order how it and its money ended.

    An end is the order's status, whether the money is settled, whether it is back.
    """
    users = shoppers(orders)
    product = ProductFactory.create(stock_on_hand=orders)
    payments = []
    for user in users:
        payment = set_out(user, unpaid_order(user, product))
        decide(payment, Script.LATE)
        payments.append(payment)
    told_of = [sandbox.come_late(payment.provider_reference) for payment in payments]

    def act(number: int) -> object:
        payment, user = payments[number // 3], users[number // 3]
        order_id: UUID = payment.order_id or payment.pk
        if number % 3 == 0:
            deliver(told_of[number // 3])
            return None
        if number % 3 == 1:
            return checkout.cancel(
                order_id=order_id, user_id=user.pk, actor_id=user.pk, reason="no"
            )
        return checkout.expire(overdue(order_id))

    results = run_together(act, times=3 * orders, clients=30)
    while outbox.deliver_due():
        pass
    return set(told(results)), [
        (
            payment.order.status if payment.order else "",
            payment.settled_at is not None,
            payment.refunded == payment.amount,
        )
        for payment in Payment.objects.select_related("order")
    ]


def test_race_14_money_ends_as_a_paid_order_or_goes_back() -> None:
    words, outcome = money_cancel_and_expire(orders=30)

    assert words <= {"ok", "order_not_cancellable"}
    kept = [
        is_settled and not is_back
        for status, is_settled, is_back in outcome
        if status in SETTLED
    ]
    back = [is_back for status, _settled, is_back in outcome if status not in SETTLED]
    assert len(outcome) == 30
    assert all(kept)
    assert all(back)


def test_race_14_money_mutant_is_caught() -> None:
    # What the locks would put in order, the database's triggers break off.
    with payment_mutants.deciding_without_locks():
        words, _outcome = money_cancel_and_expire(orders=30)

    assert not words <= {"ok", "order_not_cancellable"}


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


@dataclass(frozen=True)
class Settlement:
    orders_paid: int
    payments_settled: int
    sales: int
    refunds: int


def told_by_everybody_at_once(user: User) -> tuple[dict[str, int], Settlement]:
    """Deliver a webhook ten times, and ask for the payer's return and for the sweep."""
    payment = set_out(user, unpaid_order(user, ProductFactory.create()))
    same = decide(payment, Script.LATE) or sandbox.come_late(payment.provider_reference)

    def act(number: int) -> object:
        if number < 10:
            deliver(same)
            return None
        if number < 15:
            return providers.check(payment.pk)
        return settling.record(payment.pk, captured(payment))

    results = run_together(act, times=20)
    return told(results), Settlement(
        orders_paid=Event.objects.filter(topic="order.paid").count(),
        payments_settled=Payment.objects.filter(
            state=PaymentState.CAPTURED, settled_at__isnull=False
        ).count(),
        sales=StockMovement.objects.filter(kind=MovementKind.COMMITTED).count(),
        refunds=Refund.objects.count(),
    )


def test_race_23_one_payment_is_settled_once_however_often_it_is_told() -> None:
    [user] = shoppers(1)

    words, outcome = told_by_everybody_at_once(user)

    assert words == {"ok": 20}
    assert outcome == Settlement(1, 1, 1, 0)
    assert ProviderEvent.objects.count() == 1


def test_race_23_mutant_is_caught() -> None:
    [user] = shoppers(1)

    with payment_mutants.deciding_without_locks():
        words, outcome = told_by_everybody_at_once(user)

    # Even so the constraints let one settlement through; the others break off.
    assert words != {"ok": 20}
    assert outcome.payments_settled == 1
