"""Money that came in by others: a paid order, points, or back where it came from."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db.models import Sum

from checkout import paying, providers, settling
from checkout import services as checkout
from checkout.errors import PartInvalid
from coupons import services as coupons
from coupons.models import Coupon, CouponState
from inventory import services as inventory
from inventory.models import MovementKind, Stock
from orders.errors import OrderExpired, OrderNotFound, OrderNotPayable
from orders.models import Order, OrderStatus
from outbox import services as outbox
from outbox.models import Event
from payments.errors import PaymentMethodUnavailable, WebhookRejected
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
from points.errors import AmountOutOfRange, BalanceLimitReached, InsufficientPoints
from tests.books import assert_books_balance
from tests.factories import CouponBatchFactory, ProductFactory
from tests.paying import (
    book,
    captured,
    decide,
    deliver,
    forgotten_payment,
    make_due,
    set_out,
)
from tests.races.stage import overdue, shoppers, unpaid_order

pytestmark = pytest.mark.django_db(transaction=True)
PRICE = 10_000


@pytest.fixture(autouse=True)
def _books() -> object:
    yield
    assert_books_balance(apart_from={"I13b"})


def _order(*, balance: int = 50_000) -> tuple[Order, int]:
    [user] = shoppers(1, balance=balance)
    order_id = unpaid_order(user, ProductFactory.create(price=PRICE))
    return Order.objects.get(pk=order_id), user.pk


def _start(order: Order, *, points_part: int = 0) -> Payment:
    return set_out(order.user, order.pk, points_part=points_part)


def _drain() -> None:
    while outbox.deliver_due():
        pass


def _status(order: Order) -> str:
    return Order.objects.get(pk=order.pk).status


# --- Setting out ---------------------------------------------------------------------


def test_shopper_is_sent_to_the_provider_and_the_order_waits() -> None:
    order, _ = _order()
    before = order.expires_at

    payment = _start(order)

    assert (payment.state, payment.amount) == (PaymentState.PROCESSING, PRICE)
    assert payment.provider_url == sandbox.page_url(payment.provider_reference)
    assert book(payment).return_url.endswith(f"/back/{payment.pk}/")
    order.refresh_from_db()
    assert order.status == OrderStatus.PENDING
    assert order.expires_at is not None
    assert before is not None
    assert order.expires_at >= before


def test_starting_again_finds_the_same_payment() -> None:
    order, _ = _order()

    first, second = _start(order), _start(order)

    assert first.pk == second.pk
    assert Payment.objects.count() == 1


def test_another_choice_gives_the_first_payment_up() -> None:
    order, user_id = _order()

    first = _start(order, points_part=4_000)
    second = _start(order, points_part=1_000)

    first.refresh_from_db()
    assert (first.state, second.amount) == (PaymentState.VOIDED, 9_000)
    assert points.balance_of(user_id) == 49_000
    _drain()
    assert book(first).state == SandboxState.VOIDED


@pytest.mark.parametrize("part", [-1, PRICE, PRICE + 1])
def test_points_pay_a_part_and_never_all(part: int) -> None:
    order, user_id = _order()

    with pytest.raises(PartInvalid):
        _start(order, points_part=part)

    assert not Payment.objects.exists()
    assert points.balance_of(user_id) == 50_000


def test_points_that_are_not_there_pay_nothing() -> None:
    order, _ = _order(balance=99)

    with pytest.raises(InsufficientPoints):
        _start(order, points_part=100)

    assert not Payment.objects.exists()


def test_nobody_pays_somebody_elses_order() -> None:
    order, _ = _order()
    [other] = shoppers(1)

    with pytest.raises(OrderNotFound):
        set_out(other, order.pk)

    assert not Payment.objects.exists()


@pytest.mark.parametrize("method", ["stripe", "points", "free", "", "nonsense"])
def test_method_that_is_not_offered_is_refused(method: str) -> None:
    order, _ = _order()

    with pytest.raises(PaymentMethodUnavailable):
        set_out(order.user, order.pk, method=method)

    assert not Payment.objects.exists()


def test_order_that_is_paid_or_too_late_is_not_started() -> None:
    paid, user_id = _order()
    late, _ = _order()
    checkout.pay(user_id=user_id, order_id=paid.pk)
    overdue(late.pk)

    with pytest.raises(OrderNotPayable):
        _start(paid)
    with pytest.raises(OrderExpired):
        _start(late)

    assert Payment.objects.outside().count() == 0


# --- The scripts ---------------------------------------------------------------------


def _is_paid_once(order: Order, payment: Payment) -> None:
    payment.refresh_from_db()
    assert (payment.state, payment.settled_at is None) == (PaymentState.CAPTURED, False)
    assert _status(order) == OrderStatus.PAID
    assert Event.objects.filter(topic="order.paid").count() == 1
    assert book(payment).state == SandboxState.CAPTURED
    assert Stock.objects.get(product__order_lines__order=order).reserved == 0
    assert not Refund.objects.exists()


def test_success() -> None:
    order, user_id = _order()
    payment = _start(order)

    deliver(decide(payment, Script.SUCCESS))
    payment.refresh_from_db()
    assert (payment.state, _status(order)) == (PaymentState.AUTHORISED, "pending")
    _drain()

    _is_paid_once(order, payment)
    assert points.balance_of(user_id) == 50_000


def test_decline_gives_held_points_back_and_leaves_the_order_to_be_paid() -> None:
    order, user_id = _order()
    payment = _start(order, points_part=3_000)
    assert points.balance_of(user_id) == 47_000

    deliver(decide(payment, Script.DECLINE))

    payment.refresh_from_db()
    assert (payment.state, _status(order)) == (PaymentState.FAILED, "pending")
    assert points.balance_of(user_id) == 50_000
    assert Event.objects.filter(topic="payment.failed").count() == 1
    again = _start(order)
    deliver(decide(again, Script.SUCCESS))
    _drain()
    _is_paid_once(order, again)


def test_late_money_pays_the_order_when_it_comes() -> None:
    order, _ = _order()
    payment = _start(order)

    assert decide(payment, Script.LATE) == []
    assert providers.check(payment.pk).state == PaymentState.PROCESSING
    deliver(sandbox.come_late(payment.provider_reference))

    _is_paid_once(order, payment)


def test_message_that_comes_twice_counts_once() -> None:
    order, _ = _order()
    payment = _start(order)

    deliver(decide(payment, Script.TWICE))
    _drain()

    _is_paid_once(order, payment)
    assert ProviderEvent.objects.count() == 1


def test_messages_out_of_order_end_the_same() -> None:
    order, _ = _order()
    payment = _start(order)

    deliver(decide(payment, Script.OUT_OF_ORDER))
    _drain()

    _is_paid_once(order, payment)
    assert ProviderEvent.objects.count() == 2


def test_lost_message_is_made_up_for_by_asking() -> None:
    order, _ = _order()
    payment = _start(order)
    assert decide(payment, Script.LOST) == []

    assert providers.ask_providers() == 0
    make_due()
    assert providers.ask_providers() == 1

    _is_paid_once(order, payment)
    assert not ProviderEvent.objects.exists()


def test_capture_whose_answer_is_lost_is_found_out() -> None:
    order, _ = _order()
    payment = _start(order)
    deliver(decide(payment, Script.TIMEOUT_AFTER_CAPTURE))

    outbox.deliver_due()
    assert _status(order) == OrderStatus.PENDING
    assert book(payment).state == SandboxState.CAPTURED
    make_due()
    providers.ask_providers()

    _is_paid_once(order, payment)


def test_payer_who_returns_need_not_wait_for_a_message() -> None:
    order, _ = _order()
    payment = _start(order)
    webhooks = decide(payment, Script.SUCCESS)

    assert providers.check(payment.pk).state == PaymentState.CAPTURED
    deliver(webhooks)
    _drain()

    _is_paid_once(order, payment)


# --- Mixed ---------------------------------------------------------------------------


def test_points_and_card_pay_together_and_each_gets_its_own_back() -> None:
    order, user_id = _order()
    payment = _start(order, points_part=4_000)
    deliver(decide(payment, Script.SUCCESS))
    _drain()

    legs = [(leg.method, leg.amount) for leg in order.payments.settled()]
    assert sorted(legs) == [("points", 4_000), ("sandbox", 6_000)]
    assert points.balance_of(user_id) == 46_000
    assert _status(order) == OrderStatus.PAID

    checkout.cancel(order_id=order.pk, user_id=user_id, actor_id=user_id, reason="no")
    assert points.balance_of(user_id) == 50_000
    outside = RefundLeg.objects.get(payment=payment)
    assert (outside.amount, outside.state) == (6_000, LegState.PENDING)
    _drain()

    outside.refresh_from_db()
    assert outside.state == LegState.DONE
    assert book(payment).refunded == 6_000


def test_held_points_go_back_when_the_order_expires() -> None:
    order, user_id = _order()
    payment = _start(order, points_part=4_000)
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
    order, user_id = _order()
    payment = _start(order)

    checkout.pay(user_id=user_id, order_id=order.pk)
    deliver(decide(payment, Script.SUCCESS))
    _drain()

    payment.refresh_from_db()
    assert (payment.state, book(payment).state) == ("voided", "voided")
    assert points.balance_of(user_id) == 40_000


# --- Money that nobody waits for -----------------------------------------------------


def _is_sent_back(payment: Payment) -> None:
    _drain()
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
    payment = _start(order, points_part=points_part)
    decide(payment, Script.LATE)
    webhooks = sandbox.come_late(payment.provider_reference)
    Payment.objects.filter(pk=payment.pk).update(state=PaymentState.FAILED)
    close(order)
    deliver(webhooks)
    return payment


def test_money_for_an_expired_order_buys_it_if_the_goods_are_there() -> None:
    order, _ = _order()

    payment = _late_capture(order, lambda o: checkout.expire(overdue(o.pk)))

    _is_paid_once(order, payment)
    order.refresh_from_db()
    assert (order.closed_at, order.expires_at) == (None, None)
    kinds = order.stock_movements.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["reserved", "released", "sold"]


def test_money_for_an_expired_order_goes_back_if_the_goods_are_gone() -> None:
    order, _ = _order()

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
    assert _status(order) == OrderStatus.EXPIRED


def test_money_for_a_cancelled_order_goes_back() -> None:
    order, user_id = _order()

    payment = _late_capture(
        order,
        lambda o: checkout.cancel(
            order_id=o.pk, user_id=user_id, actor_id=user_id, reason="no"
        ),
    )

    _is_sent_back(payment)
    assert _status(order) == OrderStatus.CANCELLED


def test_second_payment_of_a_paid_order_goes_back() -> None:
    order, user_id = _order()

    payment = _late_capture(
        order, lambda o: checkout.pay(user_id=user_id, order_id=o.pk)
    )

    _is_sent_back(payment)
    assert _status(order) == OrderStatus.PAID
    assert points.balance_of(user_id) == 40_000


def test_earlier_payment_that_comes_through_pays_and_calls_the_later_one_off() -> None:
    order, _ = _order()
    first = _start(order)
    decide(first, Script.LATE)
    second = _start(order, points_part=1)
    first.refresh_from_db()
    assert first.state == PaymentState.VOIDED

    deliver(sandbox.come_late(first.provider_reference))

    first.refresh_from_db()
    assert first.settled_at is not None
    assert _status(order) == OrderStatus.PAID
    _drain()
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
    order, _ = _order()
    payment = _start(order)

    settling.record(payment.pk, captured(payment, amount=PRICE - 1))

    payment.refresh_from_db()
    assert (payment.state, _status(order)) == (PaymentState.PROCESSING, "pending")
    assert ProviderEvent.objects.get().state == InboxState.PARKED


def test_message_about_nothing_of_ours_is_parked() -> None:
    order, _ = _order()
    payment = _start(order)
    foreign = book(payment)
    foreign.reference, foreign.key = "sb_unknown", "no uuid"

    deliver([sandbox.webhook(foreign, SandboxState.CAPTURED)])

    parked = ProviderEvent.objects.get()
    assert (parked.state, parked.payment) == (InboxState.PARKED, None)
    assert _status(order) == OrderStatus.PENDING


def test_forged_and_broken_messages_change_nothing() -> None:
    order, _ = _order()
    payment = _start(order)
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
    assert _status(order) == OrderStatus.PENDING


def test_failure_that_is_told_after_the_capture_is_ignored() -> None:
    order, _ = _order()
    payment = _start(order)
    deliver(decide(payment, Script.SUCCESS))
    _drain()

    deliver([sandbox.webhook(book(payment), SandboxState.FAILED)])

    _is_paid_once(order, payment)


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
    _drain()
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
    _drain()

    assert points.balance_of(user.pk) == 9_900_000
    states = Payment.objects.outside().aggregate(sum=Sum("refunded"))
    assert states == {"sum": 400_000}


def test_payment_that_was_never_started_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order, user_id = _order()

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the process dies here")

    monkeypatch.setattr(paying, "_set_out", crash)
    with pytest.raises(RuntimeError):
        _start(order, points_part=500)
    assert points.balance_of(user_id) == 49_500

    make_due()
    providers.ask_providers()

    assert points.balance_of(user_id) == 50_000
    assert Payment.objects.outside().get().state == PaymentState.VOIDED
    assert checkout.expire(overdue(order.pk))


def test_who_pays_more_gets_the_order_and_staff_hear_of_the_rest() -> None:
    order, _ = _order()
    payment = _start(order)

    settling.record(payment.pk, captured(payment, amount=PRICE + 5))

    payment.refresh_from_db()
    assert payment.settled_at is not None
    assert _status(order) == OrderStatus.PAID
    parked = ProviderEvent.objects.get()
    assert (parked.state, parked.payment) == (InboxState.PARKED, payment)
