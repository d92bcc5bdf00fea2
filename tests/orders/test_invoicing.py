"""Invoice numbers: 1, 2, 3 … without a gap, whoever asks and how often."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event as Flag
from time import sleep
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from checkout import services as checkout
from common.invariants import check
from orders import invoicing
from orders.invariants import INVARIANTS
from orders.models import Invoice, Order, OrderStatus
from outbox.services import DELIVERED, OutgoingEvent
from tests.concurrency import run_together
from tests.factories import DeliveryMethodFactory, ProductFactory, UserFactory
from tests.races.stage import purchase, shoppers

ORDERS, PAYERS, WORKERS = 200, 8, 3


def event_of(order_id: UUID) -> OutgoingEvent:
    """Return the news that an order was paid."""
    return OutgoingEvent(
        id=uuid4(),
        topic="order.paid",
        aggregate=f"order/{order_id}",
        payload={"order_id": str(order_id)},
        occurred_at=timezone.now(),
        sequence=1,
        attempt=1,
    )


def paid_orders(number: int) -> list[UUID]:
    """Place and pay orders, one after another."""
    product = ProductFactory.create(stock_on_hand=number)
    [user] = shoppers(1)
    return [checkout.place_and_pay(purchase(user, product)).id for _ in range(number)]


def numbers() -> dict[UUID, int]:
    return dict(Invoice.objects.order_by("number").values_list("order", "number"))


@pytest.mark.django_db
def test_orders_are_numbered_in_the_order_of_their_payment() -> None:
    first, second, third = paid_orders(3)
    Order.objects.filter(pk=third).update(paid_at=timezone.now() - timedelta(hours=1))

    outcomes = invoicing.issue([event_of(pk) for pk in (second, first, third)])

    assert outcomes == [DELIVERED] * 3
    assert numbers() == {third: 1, first: 2, second: 3}


@pytest.mark.django_db
def test_event_that_comes_twice_numbers_its_order_once() -> None:
    first, second = paid_orders(2)
    invoicing.issue([event_of(first)])

    invoicing.issue([event_of(first), event_of(second), event_of(second)])

    assert numbers() == {first: 1, second: 2}


@pytest.mark.django_db
def test_unpaid_order_gets_no_number() -> None:
    DeliveryMethodFactory.create()
    user = UserFactory.create()
    order_id = checkout.place_order(purchase(user, ProductFactory.create())).id

    assert invoicing.issue_now(order_id) is None
    assert invoicing.issue([event_of(order_id)]) == [DELIVERED]
    assert invoicing.issue_missing() == 0
    assert numbers() == {}


@pytest.mark.django_db
def test_invoice_that_is_asked_for_is_numbered_at_once_and_for_good() -> None:
    first, second = paid_orders(2)

    given = invoicing.issue_now(second)
    again = invoicing.issue_now(second)

    assert given is not None
    assert again is not None
    assert (given.number, again.number) == (1, 1)
    assert numbers() == {second: 1}
    assert invoicing.issue_missing() == 1
    assert numbers() == {second: 1, first: 2}


@pytest.mark.django_db
def test_cancelled_order_keeps_its_number() -> None:
    [order_id] = paid_orders(1)
    invoicing.issue_now(order_id)

    checkout.cancel(order_id=order_id, user_id=None, actor_id=None, reason="broken")

    assert Order.objects.get(pk=order_id).status == OrderStatus.CANCELLED
    assert numbers() == {order_id: 1}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sql", ["UPDATE orders_invoice SET number = 7", "DELETE FROM orders_invoice"]
)
def test_number_that_was_given_can_be_neither_changed_nor_taken_back(sql: str) -> None:
    [order_id] = paid_orders(1)
    invoicing.issue_now(order_id)

    with (
        pytest.raises(Exception, match="Cannot update or delete"),
        transaction.atomic(),
    ):
        connection.cursor().execute(sql)

    assert numbers() == {order_id: 1}


# --- Many at once --------------------------------------------------------------------


def payers_and_workers() -> list[Exception]:
    """Let payers buy while workers number what is paid; return what went wrong."""
    product = ProductFactory.create(stock_on_hand=ORDERS)
    users = shoppers(PAYERS)
    paid: list[UUID] = []
    is_over = Flag()

    def pay(number: int) -> None:
        paid.append(
            checkout.place_and_pay(purchase(users[number % PAYERS], product)).id
        )

    def work() -> list[Exception]:
        errors, done = [], 0
        try:
            while not is_over.is_set() or done < len(paid):
                # Each worker hears of everything, as after a lease that ran out.
                batch = paid[done : done + 20]
                try:
                    invoicing.issue([event_of(order_id) for order_id in batch])
                    done += len(batch)
                except Exception as error:  # noqa: BLE001 — the test asserts on it
                    errors.append(error)
                    done += len(batch)
                sleep(0.001)
        finally:
            connection.close()
        return errors

    with ThreadPoolExecutor(WORKERS) as pool:
        working = [pool.submit(work) for _ in range(WORKERS)]
        results = run_together(pay, times=ORDERS, clients=PAYERS)
        is_over.set()
        errors = [error for worker in working for error in worker.result(60)]
    assert not [result for result in results if result is not None]
    return errors


@contextmanager
def numbering_without_lock() -> Iterator[None]:
    """Let workers count at the same time."""
    with patch.object(invoicing, "_queue_up", lambda: None):
        yield


@pytest.mark.django_db(transaction=True)
def test_two_hundred_orders_of_eight_payers_and_three_workers_are_1_to_200() -> None:
    errors = payers_and_workers()

    assert errors == []
    assert sorted(numbers().values()) == list(range(1, ORDERS + 1))
    assert Order.objects.filter(invoice=None).count() == 0


@pytest.mark.django_db(transaction=True)
def test_race_notices_when_nobody_queues_up() -> None:
    with numbering_without_lock():
        errors = payers_and_workers()

    assert any(isinstance(error, IntegrityError) for error in errors)


@pytest.mark.django_db(transaction=True)
def test_worker_that_dies_before_its_commit_leaves_no_gap() -> None:
    first, second = paid_orders(2)

    with suppress(KeyboardInterrupt), transaction.atomic():
        assert invoicing.issue([event_of(first)]) == [DELIVERED]
        raise KeyboardInterrupt

    assert numbers() == {}
    invoicing.issue([event_of(second)])
    invoicing.issue([event_of(first)])
    assert numbers() == {second: 1, first: 2}


# --- The books -----------------------------------------------------------------------


@pytest.mark.django_db
def test_order_may_wait_a_quarter_of_an_hour_for_its_number() -> None:
    [invariant] = [item for item in INVARIANTS if item.id == "I15"]
    [order_id] = paid_orders(1)
    orders = Order.objects.filter(pk=order_id)

    orders.update(paid_at=timezone.now() - timedelta(minutes=14))
    assert check(invariant).is_clean
    orders.update(paid_at=timezone.now() - timedelta(minutes=16))
    [(key, text)] = check(invariant).examples

    assert key == f"order {orders.get().number}"
    assert text.startswith("paid ")
    assert text.endswith(", and without an invoice")
