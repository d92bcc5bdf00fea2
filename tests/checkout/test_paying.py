"""Money that came in by others: a paid order, points, or back where it came from."""

from uuid import uuid4

import pytest
from django.db.models import Sum

from checkout import paying, providers
from checkout import services as checkout
from checkout.errors import PartInvalid
from inventory.models import Stock
from orders.errors import OrderExpired, OrderNotFound, OrderNotPayable
from orders.models import OrderStatus
from outbox import services as outbox
from outbox.models import Event
from payments.errors import PaymentMethodUnavailable
from payments.gateways import sandbox
from payments.gateways.sandbox import Script
from payments.models import (
    LegState,
    Payment,
    PaymentState,
    ProviderEvent,
    RefundLeg,
    SandboxState,
)
from points import services as points
from points.errors import AmountOutOfRange, BalanceLimitReached, InsufficientPoints
from tests.books import assert_books_balance
from tests.paying import (
    PRICE,
    assert_paid_once,
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
from tests.races.stage import overdue, shoppers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _books() -> object:
    yield
    assert_books_balance(apart_from={"I13b"})


# --- Setting out ---------------------------------------------------------------------


def test_shopper_is_sent_to_the_provider_and_the_order_waits() -> None:
    order, _ = unpaid()
    before = order.expires_at

    payment = start(order)

    assert (payment.state, payment.amount) == (PaymentState.PROCESSING, PRICE)
    assert payment.provider_url == sandbox.page_url(payment.provider_reference)
    assert book(payment).return_url.endswith(f"/back/{payment.pk}/")
    order.refresh_from_db()
    assert order.status == OrderStatus.PENDING
    assert order.expires_at is not None
    assert before is not None
    assert order.expires_at >= before


def test_starting_again_finds_the_same_payment() -> None:
    order, _ = unpaid()

    first, second = start(order), start(order)

    assert first.pk == second.pk
    assert Payment.objects.count() == 1


def test_another_choice_gives_the_first_payment_up() -> None:
    order, user_id = unpaid()

    first = start(order, points_part=4_000)
    second = start(order, points_part=1_000)

    first.refresh_from_db()
    assert (first.state, second.amount) == (PaymentState.VOIDED, 9_000)
    assert points.balance_of(user_id) == 49_000
    drain()
    assert book(first).state == SandboxState.VOIDED


@pytest.mark.parametrize("part", [-1, PRICE, PRICE + 1])
def test_points_pay_a_part_and_never_all(part: int) -> None:
    order, user_id = unpaid()

    with pytest.raises(PartInvalid):
        start(order, points_part=part)

    assert not Payment.objects.exists()
    assert points.balance_of(user_id) == 50_000


def test_points_that_are_not_there_pay_nothing() -> None:
    order, _ = unpaid(balance=99)

    with pytest.raises(InsufficientPoints):
        start(order, points_part=100)

    assert not Payment.objects.exists()


def test_nobody_pays_somebody_elses_order() -> None:
    order, _ = unpaid()
    [other] = shoppers(1)

    with pytest.raises(OrderNotFound):
        set_out(other, order.pk)

    assert not Payment.objects.exists()


@pytest.mark.parametrize("method", ["stripe", "points", "free", "", "nonsense"])
def test_method_that_is_not_offered_is_refused(method: str) -> None:
    order, _ = unpaid()

    with pytest.raises(PaymentMethodUnavailable):
        set_out(order.user, order.pk, method=method)

    assert not Payment.objects.exists()


def test_order_that_is_paid_or_too_late_is_not_started() -> None:
    paid, user_id = unpaid()
    late, _ = unpaid()
    checkout.pay(user_id=user_id, order_id=paid.pk)
    overdue(late.pk)

    with pytest.raises(OrderNotPayable):
        start(paid)
    with pytest.raises(OrderExpired):
        start(late)

    assert Payment.objects.outside().count() == 0


# --- The scripts ---------------------------------------------------------------------


def test_success() -> None:
    order, user_id = unpaid()
    payment = start(order)

    deliver(decide(payment, Script.SUCCESS))
    payment.refresh_from_db()
    assert (payment.state, status_of(order)) == (PaymentState.AUTHORISED, "pending")
    drain()

    assert_paid_once(order, payment)
    assert points.balance_of(user_id) == 50_000


def test_decline_gives_held_points_back_and_leaves_the_order_to_be_paid() -> None:
    order, user_id = unpaid()
    payment = start(order, points_part=3_000)
    assert points.balance_of(user_id) == 47_000

    deliver(decide(payment, Script.DECLINE))

    payment.refresh_from_db()
    assert (payment.state, status_of(order)) == (PaymentState.FAILED, "pending")
    assert points.balance_of(user_id) == 50_000
    assert Event.objects.filter(topic="payment.failed").count() == 1
    again = start(order)
    deliver(decide(again, Script.SUCCESS))
    drain()
    assert_paid_once(order, again)


def test_late_money_pays_the_order_when_it_comes() -> None:
    order, _ = unpaid()
    payment = start(order)

    assert decide(payment, Script.LATE) == []
    assert providers.check(payment.pk).state == PaymentState.PROCESSING
    deliver(sandbox.come_late(payment.provider_reference))

    assert_paid_once(order, payment)


def test_message_that_comes_twice_counts_once() -> None:
    order, _ = unpaid()
    payment = start(order)

    deliver(decide(payment, Script.TWICE))
    drain()

    assert_paid_once(order, payment)
    assert ProviderEvent.objects.count() == 1


def test_messages_out_of_order_end_the_same() -> None:
    order, _ = unpaid()
    payment = start(order)

    deliver(decide(payment, Script.OUT_OF_ORDER))
    drain()

    assert_paid_once(order, payment)
    assert ProviderEvent.objects.count() == 2


def test_lost_message_is_made_up_for_by_asking() -> None:
    order, _ = unpaid()
    payment = start(order)
    assert decide(payment, Script.LOST) == []

    assert providers.ask_providers() == 0
    make_due()
    assert providers.ask_providers() == 1

    assert_paid_once(order, payment)
    assert not ProviderEvent.objects.exists()


def test_capture_whose_answer_is_lost_is_found_out() -> None:
    order, _ = unpaid()
    payment = start(order)
    deliver(decide(payment, Script.TIMEOUT_AFTER_CAPTURE))

    outbox.deliver_due()
    assert status_of(order) == OrderStatus.PENDING
    assert book(payment).state == SandboxState.CAPTURED
    make_due()
    providers.ask_providers()

    assert_paid_once(order, payment)


def test_payer_who_returns_need_not_wait_for_a_message() -> None:
    order, _ = unpaid()
    payment = start(order)
    webhooks = decide(payment, Script.SUCCESS)

    assert providers.check(payment.pk).state == PaymentState.CAPTURED
    deliver(webhooks)
    drain()

    assert_paid_once(order, payment)


# --- Mixed ---------------------------------------------------------------------------


def test_points_and_card_pay_together_and_each_gets_its_own_back() -> None:
    order, user_id = unpaid()
    payment = start(order, points_part=4_000)
    deliver(decide(payment, Script.SUCCESS))
    drain()

    legs = [(leg.method, leg.amount) for leg in order.payments.settled()]
    assert sorted(legs) == [("points", 4_000), ("sandbox", 6_000)]
    assert points.balance_of(user_id) == 46_000
    assert status_of(order) == OrderStatus.PAID

    checkout.cancel(order_id=order.pk, user_id=user_id, actor_id=user_id, reason="no")
    assert points.balance_of(user_id) == 50_000
    outside = RefundLeg.objects.get(payment=payment)
    assert (outside.amount, outside.state) == (6_000, LegState.PENDING)
    drain()

    outside.refresh_from_db()
    assert outside.state == LegState.DONE
    assert book(payment).refunded == 6_000


def test_held_points_go_back_when_the_order_expires() -> None:
    order, user_id = unpaid()
    payment = start(order, points_part=4_000)
    overdue(order.pk)

    assert not checkout.expire(order.pk)
    make_due()
    providers.ask_providers()
    assert checkout.expire(order.pk)

    payment.refresh_from_db()
    assert (payment.state, book(payment).state) == ("voided", "voided")
    assert points.balance_of(user_id) == 50_000
    assert Stock.objects.get().reserved == 0


def test_order_paid_with_points_meanwhile_calls_the_card_off() -> None:
    order, user_id = unpaid()
    payment = start(order)

    checkout.pay(user_id=user_id, order_id=order.pk)
    deliver(decide(payment, Script.SUCCESS))
    drain()

    payment.refresh_from_db()
    assert (payment.state, book(payment).state) == ("voided", "voided")
    assert points.balance_of(user_id) == 40_000


# --- Points bought with money --------------------------------------------------------


def _buy_points(user_id: int, amount: int) -> Payment:
    return paying.start_charge(
        user_id=user_id,
        email="a@example.com",
        amount=amount,
        method="sandbox",
        return_url="http://127.0.0.1/{payment}",
        language="en",
        key=uuid4().hex,
    )


def test_charge_is_credited_once_when_it_is_paid() -> None:
    [user] = shoppers(1, balance=500)
    payment = _buy_points(user.pk, 7_000)
    assert points.balance_of(user.pk) == 500

    deliver(decide(payment, Script.OUT_OF_ORDER))
    drain()
    providers.check(payment.pk)

    assert points.balance_of(user.pk) == 7_500
    assert Event.objects.filter(topic="points.charged").count() == 1


@pytest.mark.parametrize("amount", [0, -1, 1_000_001, 10**30])
def test_charge_beyond_the_limit_is_refused_before_anybody_pays(amount: int) -> None:
    [user] = shoppers(1)

    with pytest.raises(AmountOutOfRange):
        _buy_points(user.pk, amount)

    assert not Payment.objects.exists()


def test_charge_above_the_balance_limit_is_refused_or_sent_back() -> None:
    [user] = shoppers(1, balance=9_500_000)
    with pytest.raises(BalanceLimitReached):
        _buy_points(user.pk, 500_001)
    first, second = _buy_points(user.pk, 400_000), _buy_points(user.pk, 400_000)

    for payment in (first, second):
        deliver(decide(payment, Script.SUCCESS))
    drain()

    assert points.balance_of(user.pk) == 9_900_000
    states = Payment.objects.outside().aggregate(sum=Sum("refunded"))
    assert states == {"sum": 400_000}


def test_payment_that_was_never_started_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order, user_id = unpaid()

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the process dies here")

    monkeypatch.setattr(paying, "_set_out", crash)
    with pytest.raises(RuntimeError):
        start(order, points_part=500)
    assert points.balance_of(user_id) == 49_500

    make_due()
    providers.ask_providers()

    assert points.balance_of(user_id) == 50_000
    assert Payment.objects.outside().get().state == PaymentState.VOIDED
    assert checkout.expire(overdue(order.pk))
