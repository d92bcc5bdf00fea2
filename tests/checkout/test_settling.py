"""What providers say late, wrong or in somebody else's name."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from analytics import services as analytics
from analytics.dashboard import today_and_a_week_ago
from analytics.models import CustomerSegment, DailyTakings
from analytics.reports.customers import preferences_of
from analytics.segments import sort_customers
from checkout import services as checkout
from checkout import settling
from checkout.customers import overview
from checkout.documents import invoice_of
from common.days import shop_day
from coupons import services as coupons
from coupons.models import Coupon, CouponState
from inventory import services as inventory
from inventory.models import MovementKind, Stock
from orders.models import Order, OrderStatus
from outbox.models import Event
from payments.errors import WebhookRejected
from payments.gateways import sandbox
from payments.gateways.sandbox import Script
from payments.models import (
    InboxState,
    LegState,
    Payment,
    PaymentState,
    ProviderEvent,
    Refund,
    RefundLeg,
    SandboxState,
)
from points import services as points
from tests.books import assert_books_balance
from tests.factories import CouponBatchFactory, ProductFactory
from tests.paying import (
    PRICE,
    assert_paid_once,
    book,
    captured,
    decide,
    deliver,
    drain,
    forgotten_payment,
    start,
    status_of,
    unpaid,
)
from tests.races.stage import overdue, shoppers, unpaid_order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _books() -> object:
    yield
    assert_books_balance(apart_from={"I13b"})


# --- Money that nobody waits for -----------------------------------------------------


def _is_sent_back(payment: Payment) -> None:
    drain()
    payment.refresh_from_db()
    assert (payment.state, payment.settled_at) == (PaymentState.CAPTURED, None)
    assert payment.refunded == payment.amount
    assert RefundLeg.objects.get(payment=payment).state == LegState.DONE
    assert book(payment).refunded == payment.amount
    assert Event.objects.filter(topic="payment.returned").count() == 1


def _late_capture(
    order: Order, close: Callable[[Order], object], *, points_part: int = 0
) -> Payment:
    """Let the money come after the order was closed under the payer's feet."""
    payment = start(order, points_part=points_part)
    decide(payment, Script.LATE)
    webhooks = sandbox.come_late(payment.provider_reference)
    Payment.objects.filter(pk=payment.pk).update(state=PaymentState.FAILED)
    close(order)
    deliver(webhooks)
    return payment


def test_money_for_an_expired_order_buys_it_if_the_goods_are_there() -> None:
    order, _ = unpaid()

    payment = _late_capture(order, lambda o: checkout.expire(overdue(o.pk)))

    assert_paid_once(order, payment)
    order.refresh_from_db()
    assert (order.closed_at, order.expires_at) == (None, None)
    kinds = order.stock_movements.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["reserved", "released", "sold"]


def test_money_for_an_expired_order_goes_back_if_the_goods_are_gone() -> None:
    order, _ = unpaid()

    def sell_out(order: Order) -> None:
        checkout.expire(overdue(order.pk))
        stock = Stock.objects.get()
        inventory.adjust(
            product_id=stock.product_id,
            kind=MovementKind.DAMAGED,
            delta=-stock.on_hand,
            reason="fire",
            actor_id=None,
        )

    payment = _late_capture(order, sell_out)

    _is_sent_back(payment)
    assert status_of(order) == OrderStatus.EXPIRED


def test_money_for_a_cancelled_order_goes_back() -> None:
    order, user_id = unpaid()

    payment = _late_capture(
        order,
        lambda o: checkout.cancel(
            order_id=o.pk, user_id=user_id, actor_id=user_id, reason="no"
        ),
    )

    _is_sent_back(payment)
    assert status_of(order) == OrderStatus.CANCELLED


def test_second_payment_of_a_paid_order_goes_back() -> None:
    order, user_id = unpaid()

    payment = _late_capture(
        order, lambda o: checkout.pay(user_id=user_id, order_id=o.pk)
    )

    _is_sent_back(payment)
    assert status_of(order) == OrderStatus.PAID
    assert points.balance_of(user_id) == 40_000


def test_money_that_bought_nothing_is_missing_from_no_figure() -> None:
    order, user_id = unpaid()
    payment = _late_capture(
        order, lambda o: checkout.pay(user_id=user_id, order_id=o.pk)
    )
    _is_sent_back(payment)
    order.refresh_from_db()

    given = Refund.objects.get().refunded_at
    analytics.roll_up_day(shop_day(given))
    sort_customers()

    assert not DailyTakings.objects.exclude(refunded_goods=0).exists()
    today, _week_ago = today_and_a_week_ago(given + timedelta(milliseconds=1))
    assert today.refunds == 0
    assert [one.monetary for one in preferences_of([user_id])] == [PRICE]
    assert CustomerSegment.objects.get().recent_spent == PRICE
    assert overview(user_id, lambda _permission: True).spent == PRICE
    invoice = invoice_of(order)
    assert invoice is not None
    assert (invoice["refunds"], invoice["kept"]) == ([], "")


def test_earlier_payment_that_comes_through_pays_and_calls_the_later_one_off() -> None:
    order, _ = unpaid()
    first = start(order)
    decide(first, Script.LATE)
    second = start(order, points_part=1)
    first.refresh_from_db()
    assert first.state == PaymentState.VOIDED

    deliver(sandbox.come_late(first.provider_reference))

    first.refresh_from_db()
    assert first.settled_at is not None
    assert status_of(order) == OrderStatus.PAID
    drain()
    assert book(second).state == SandboxState.VOIDED


@pytest.mark.parametrize("is_spent", ["", "on another order"])
def test_late_money_takes_the_coupon_again_or_goes_back(is_spent: str) -> None:
    [user] = shoppers(1)
    product = ProductFactory.create(price=PRICE)
    batch = CouponBatchFactory.create(kind="fixed", value=1_000)
    coupon = coupons.claim(user_id=user.pk, batch_id=batch.pk)
    order_id = unpaid_order(user, product, coupon_id=coupon.pk)
    checkout.expire(overdue(order_id))
    payment = forgotten_payment(order_id)
    if is_spent:
        unpaid_order(user, product, coupon_id=coupon.pk)

    settling.record(payment.pk, captured(payment))

    payment.refresh_from_db()
    assert payment.amount == 9_000
    assert (payment.settled_at is None, payment.refunded) == (
        (True, 9_000) if is_spent else (False, 0)
    )
    state = Coupon.objects.get().state
    assert state == (CouponState.RESERVED if is_spent else CouponState.USED)


# --- What does not fit ---------------------------------------------------------------


def test_wrong_amount_is_parked_and_nothing_is_paid() -> None:
    order, _ = unpaid()
    payment = start(order)

    settling.record(payment.pk, captured(payment, amount=PRICE - 1))

    payment.refresh_from_db()
    assert (payment.state, status_of(order)) == (PaymentState.PROCESSING, "pending")
    assert ProviderEvent.objects.get().state == InboxState.PARKED


def test_message_about_nothing_of_ours_is_parked() -> None:
    order, _ = unpaid()
    payment = start(order)
    foreign = book(payment)
    foreign.reference, foreign.key = "sb_unknown", "no uuid"

    deliver([sandbox.webhook(foreign, SandboxState.CAPTURED)])

    parked = ProviderEvent.objects.get()
    assert (parked.state, parked.payment) == (InboxState.PARKED, None)
    assert status_of(order) == OrderStatus.PENDING


def test_forged_and_broken_messages_change_nothing() -> None:
    order, _ = unpaid()
    payment = start(order)
    good = sandbox.webhook(book(payment), SandboxState.CAPTURED)
    old = {sandbox.SIGNATURE: "1000000000,00"}

    for headers, body in (
        (good.headers, good.body.replace(b"10000", b"99999")),
        (old, good.body),
        ({}, good.body),
        (sandbox.sign(b""), b""),
        (sandbox.sign(b"[]"), b"[]"),
        (sandbox.sign(b"\xff\xfe"), b"\xff\xfe"),
        (sandbox.sign(b'{"payment": 1}'), b'{"payment": 1}'),
        (sandbox.sign(b"[" * 9_999), b"[" * 9_999),
    ):
        with pytest.raises(WebhookRejected):
            settling.receive_webhook("sandbox", headers, body)

    assert not ProviderEvent.objects.exists()
    assert status_of(order) == OrderStatus.PENDING


def test_failure_that_is_told_after_the_capture_is_ignored() -> None:
    order, _ = unpaid()
    payment = start(order)
    deliver(decide(payment, Script.SUCCESS))
    drain()

    deliver([sandbox.webhook(book(payment), SandboxState.FAILED)])

    assert_paid_once(order, payment)


def test_who_pays_more_gets_the_order_and_staff_hear_of_the_rest() -> None:
    order, _ = unpaid()
    payment = start(order)

    settling.record(payment.pk, captured(payment, amount=PRICE + 5))

    payment.refresh_from_db()
    assert payment.settled_at is not None
    assert status_of(order) == OrderStatus.PAID
    parked = ProviderEvent.objects.get()
    assert (parked.state, parked.payment) == (InboxState.PARKED, payment)
