"""Attempts to pay that come to nothing: whatever they held is free again."""

from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db.models.functions import Now

from checkout import paying, providers, settling
from checkout import services as checkout
from checkout.services import Purchase
from orders.errors import OrderNotFound
from orders.models import Order, OrderStatus
from outbox.models import Dispatch
from payments.gateways import sandbox
from payments.gateways.base import ProviderState, Sight
from payments.gateways.sandbox import Script
from payments.models import Payment, PaymentState, SandboxPayment, SandboxState
from points import services as points
from tests.books import assert_books_balance
from tests.factories import ProductFactory, UserFactory
from tests.paying import (
    PRICE,
    book,
    decide,
    deliver,
    drain,
    make_due,
    set_out,
    start,
    status_of,
    unpaid,
)
from tests.races.stage import overdue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _books() -> object:
    yield
    assert_books_balance(apart_from={"I13b"})


def authorised(payment: Payment, *, amount: int | None = None) -> Sight:
    return Sight(
        reference=payment.provider_reference or f"sb_{payment.pk.hex}",
        state=ProviderState.AUTHORISED,
        amount=payment.amount if amount is None else amount,
        currency="KRW",
    )


def test_points_go_back_when_another_amount_is_held_than_was_asked() -> None:
    order, user_id = unpaid()
    payment = start(order, points_part=4_000)

    settling.record(payment.pk, authorised(payment, amount=5_999))

    payment.refresh_from_db()
    assert payment.state == PaymentState.VOIDED
    assert points.balance_of(user_id) == 50_000
    # The order can be paid in another way.
    again = start(order, points_part=1_000)
    assert (again.amount, points.balance_of(user_id)) == (9_000, 49_000)


def test_payment_of_too_little_holds_nothing_up_for_ever() -> None:
    order, user_id = unpaid()
    payment = start(order, points_part=4_000)
    entry = book(payment)
    entry.state, entry.amount = SandboxState.CAPTURED, 5_999
    entry.save()
    overdue(order.pk)

    make_due()
    providers.ask_providers()
    payment.refresh_from_db()
    assert payment.is_open
    Payment.objects.filter(pk=payment.pk).update(created_at=Now() - timedelta(days=2))
    make_due()
    providers.ask_providers()

    payment.refresh_from_db()
    assert payment.state == PaymentState.VOIDED
    assert points.balance_of(user_id) == 50_000
    assert checkout.expire(order.pk)


def test_money_that_is_held_before_the_opening_is_noted_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order, _ = unpaid()

    def die(*_: object) -> None:
        raise RuntimeError("the process dies here")

    monkeypatch.setattr(paying, "_started", die)
    with pytest.raises(RuntimeError):
        start(order)
    payment = Payment.objects.get()
    entry = SandboxPayment.objects.get()

    deliver(sandbox.decide(entry.reference, Script.SUCCESS))
    drain()

    payment.refresh_from_db()
    assert (payment.state, status_of(order)) == (PaymentState.CAPTURED, "paid")


def test_held_money_of_an_attempt_without_a_reference_is_let_go() -> None:
    order, _ = unpaid()
    payment = start(order)
    reference = payment.provider_reference
    decide(payment, Script.SUCCESS)
    Payment.objects.filter(pk=payment.pk).update(
        provider_reference="", state=PaymentState.VOIDED
    )

    deliver([sandbox.webhook(book_of(reference))])
    drain()

    assert book_of(reference).state == SandboxState.VOIDED
    assert status_of(order) == OrderStatus.PENDING


def test_attempt_that_was_opened_meanwhile_is_not_forgotten() -> None:
    order, user_id = unpaid()
    payment = start(order, points_part=500)

    # The sweep read it a moment ago, when it had no reference yet.
    providers._postpone(payment.pk)

    payment.refresh_from_db()
    assert payment.state == PaymentState.PROCESSING
    assert points.balance_of(user_id) == 49_500


def test_guest_does_not_pay_with_the_points_of_who_claimed_the_order() -> None:
    user = UserFactory.create(email="kim@example.com", points=50_000)
    product = ProductFactory.create(price=PRICE)
    wish = Purchase(None, "kim@example.com", {product.pk: 1})
    order_id = checkout.place_order(wish).id
    Order.objects.filter(pk=order_id).update(user=user)

    with pytest.raises(OrderNotFound):
        set_out(None, order_id, points_part=4_000)

    assert not Payment.objects.exists()
    assert points.balance_of(user.pk) == 50_000


def test_orders_that_are_being_paid_keep_no_others_from_expiring() -> None:
    busy = [unpaid()[0] for _ in range(2)]
    for order in busy:
        start(order)
        overdue(order.pk)
    free, _ = unpaid()
    overdue(free.pk)

    assert checkout.expire_overdue(limit=2) == 1

    assert status_of(free) == OrderStatus.EXPIRED
    assert [status_of(order) for order in busy] == ["pending", "pending"]


def test_payment_unknown_to_its_provider_does_not_hold_up_the_others() -> None:
    lost, good = unpaid()[0], unpaid()[0]
    first, second = start(lost), start(good)
    for order in (lost, good):
        checkout.cancel(
            order_id=order.pk, user_id=order.user_id, actor_id=None, reason=""
        )
    book(first).delete()

    drain()

    assert book(second).state == SandboxState.VOIDED
    dispatch = Dispatch.objects.get(aggregate=f"payment/{first.pk}")
    assert (dispatch.delivered_at, dispatch.last_error) == (
        None,
        "GatewayRefused: no such payment",
    )


@pytest.mark.parametrize("topic", ["void", "capture"])
def test_mistake_of_an_adapter_does_not_hold_up_the_others(
    topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, other = unpaid()[0], unpaid()[0]
    bad, good = start(order), start(other)
    real = getattr(sandbox.Sandbox, topic)

    def act(self: sandbox.Sandbox, reference: str, **more: object) -> object:
        if reference == bad.provider_reference:
            raise KeyError("a field that they left out today")
        return real(self, reference, **more)

    monkeypatch.setattr(sandbox.Sandbox, topic, act)
    for payment in (bad, good):
        if topic == "capture":
            deliver(decide(payment, Script.SUCCESS))
        else:
            given_up = payment.order
            assert given_up is not None
            checkout.cancel(
                order_id=given_up.pk,
                user_id=given_up.user_id,
                actor_id=None,
                reason="",
            )

    drain()

    wanted = SandboxState.CAPTURED if topic == "capture" else SandboxState.VOIDED
    assert (book(good).state, book(bad).state != wanted) == (wanted, True)


def test_sweep_of_a_slow_provider_leaves_the_worker_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payments = [start(unpaid()[0]) for _ in range(3)]
    ask, asked = providers._ask, []

    def ponder(payment_id: UUID) -> None:
        asked.append(payment_id)
        ask(payment_id)

    # Each takes its provider ten seconds.
    clock = SimpleNamespace(monotonic=lambda: 10.0 * len(asked))
    monkeypatch.setattr(providers, "time", clock)
    monkeypatch.setattr(providers, "_ask", ponder)
    make_due()

    assert providers.ask_providers() == 2
    assert Payment.objects.unanswered().get() in payments
    assert providers.ask_providers() == 1


def book_of(reference: str) -> SandboxPayment:
    return SandboxPayment.objects.get(pk=reference)
