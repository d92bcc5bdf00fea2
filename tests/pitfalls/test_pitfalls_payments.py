"""Pitfalls 29, 30, 31, 32, 34, 36 and 41: money that others take for the shop."""

import socket
from itertools import permutations
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import ProtectedError

from catalog import services as catalog
from catalog.models import Product
from checkout import providers, settling
from checkout import services as checkout
from checkout.errors import ProductUnavailable
from checkout.services import CartVersion, Purchase
from coupons.models import Coupon, CouponState
from inventory import services as inventory
from inventory.models import MovementKind, Stock
from orders.models import Order, OrderLine, OrderStatus
from outbox.models import Event
from payments.errors import WebhookRejected
from payments.gateways import sandbox
from payments.gateways.base import ProviderState, Sight
from payments.gateways.sandbox import Script
from payments.models import (
    InboxState,
    Payment,
    PaymentState,
    ProviderEvent,
    Refund,
    SandboxState,
)
from points import services as points
from tests.books import assert_books_balance
from tests.concurrency import run_together
from tests.factories import CouponFactory, DeliveryMethodFactory, ProductFactory
from tests.network import NetworkInTransactionError
from tests.paying import (
    PRICE,
    assert_paid_once,
    book,
    captured,
    decide,
    deliver,
    drain,
    forgotten_payment,
    set_out,
    start,
    status_of,
    unpaid,
)
from tests.races.stage import fill_cart, overdue, shoppers, unpaid_order

pytestmark = pytest.mark.django_db(transaction=True)


def cancel(order: Order) -> Order:
    return checkout.cancel(
        order_id=order.pk, user_id=order.user_id, actor_id=None, reason="no"
    )


def said(payment: Payment, state: str) -> Sight:
    return Sight(
        payment.provider_reference, ProviderState(state), payment.amount, "KRW"
    )


# --- 29 to 31: too late, or out of turn ----------------------------------------------


def test_pitfall_29_capture_after_the_cancellation_goes_back_once() -> None:
    order, user_id = unpaid()
    payment = start(order, points_part=4_000)
    webhooks = decide(payment, Script.OUT_OF_ORDER)
    cancel(order)

    deliver(webhooks)
    drain()
    deliver(webhooks)
    drain()

    payment.refresh_from_db()
    assert status_of(order) == OrderStatus.CANCELLED
    assert (payment.state, payment.settled_at) == (PaymentState.CAPTURED, None)
    assert (Refund.objects.get().amount, book(payment).refunded) == (6_000, 6_000)
    assert points.balance_of(user_id) == 50_000
    assert Stock.objects.get().reserved == 0
    # The shopper hears of it.
    assert Event.objects.filter(topic="payment.returned").count() == 1
    assert_books_balance()


def test_pitfall_29_cancellation_calls_the_payment_off() -> None:
    order, _ = unpaid()
    payment = start(order)
    decide(payment, Script.SUCCESS)

    cancel(order)
    drain()

    payment.refresh_from_db()
    assert (payment.state, book(payment).state) == (
        PaymentState.VOIDED,
        SandboxState.VOIDED,
    )
    assert not Refund.objects.exists()


def test_pitfall_30_late_money_takes_goods_and_coupon_again() -> None:
    [user], product = shoppers(1), ProductFactory.create(price=PRICE, stock_on_hand=3)
    coupon = CouponFactory.create(user=user)
    order_id = unpaid_order(user, product, coupon_id=coupon.pk)
    checkout.expire(overdue(order_id))
    payment = forgotten_payment(order_id)
    assert Coupon.objects.get().state == CouponState.ISSUED

    settling.record(payment.pk, captured(payment))

    stock = Stock.objects.get()
    assert Order.objects.get().status == OrderStatus.PAID
    assert (stock.on_hand, stock.reserved) == (2, 0)
    assert Coupon.objects.get().state == CouponState.USED
    assert not Refund.objects.exists()
    assert_books_balance()


@pytest.mark.parametrize("gone", ["goods", "coupon"])
def test_pitfall_30_late_money_goes_back_whole_if_anything_is_gone(gone: str) -> None:
    [user], product = shoppers(1), ProductFactory.create(price=PRICE, stock_on_hand=3)
    coupon = CouponFactory.create(user=user)
    order_id = unpaid_order(user, product, coupon_id=coupon.pk)
    checkout.expire(overdue(order_id))
    payment = forgotten_payment(order_id)
    if gone == "goods":
        inventory.adjust(
            product_id=product.pk,
            kind=MovementKind.DAMAGED,
            delta=-3,
            reason="fire",
            actor_id=None,
        )
    else:
        unpaid_order(user, product, coupon_id=coupon.pk)
    before = (Stock.objects.get().on_hand, Coupon.objects.get().state)

    settling.record(payment.pk, captured(payment))

    assert Order.objects.get(pk=order_id).status == OrderStatus.EXPIRED
    assert Refund.objects.get().amount == payment.amount
    assert (Stock.objects.get().on_hand, Coupon.objects.get().state) == before
    assert_books_balance()


def test_pitfall_31_failure_after_the_capture_undoes_nothing() -> None:
    order, _ = unpaid()
    payment = start(order)
    deliver(decide(payment, Script.SUCCESS))
    drain()

    for state in ("failed", "voided", "open", "authorised", "captured"):
        settling.record(payment.pk, said(payment, state))
    drain()

    assert_paid_once(order, payment)
    assert Stock.objects.get().on_hand == 9
    assert_books_balance()


def test_pitfall_31_failure_of_an_earlier_attempt_leaves_the_later_one() -> None:
    order, user_id = unpaid()
    first = start(order, points_part=1_000)
    second = start(order, points_part=4_000)

    settling.record(first.pk, said(first, "failed"))

    assert points.balance_of(user_id) == 46_000
    deliver(decide(second, Script.SUCCESS))
    drain()
    assert_paid_once(order, second)
    assert_books_balance()


# --- 32: what providers tell ---------------------------------------------------------


def test_pitfall_32_message_counts_once_even_if_it_comes_ten_times_at_once() -> None:
    order, _ = unpaid()
    payment = start(order)
    entry = book(payment)
    entry.state = SandboxState.CAPTURED
    entry.save()
    message = sandbox.webhook(entry)

    run_together(lambda _: deliver([message]), times=10)

    assert_paid_once(order, payment)
    assert ProviderEvent.objects.count() == 1
    assert_books_balance()


@pytest.mark.parametrize(
    "states", list(permutations(["authorised", "captured", "failed"]))
)
def test_pitfall_32_messages_in_any_order_end_as_a_paid_order(
    states: tuple[str, ...],
) -> None:
    order, user_id = unpaid()
    payment = start(order, points_part=4_000)
    entry = book(payment)
    entry.state = SandboxState.CAPTURED
    entry.save()

    deliver([sandbox.webhook(entry, SandboxState(state)) for state in states])
    drain()

    assert_paid_once(order, payment)
    assert points.balance_of(user_id) == 46_000
    assert_books_balance()


def test_pitfall_32_forged_message_is_refused() -> None:
    order, _ = unpaid()
    payment = start(order)
    real = sandbox.webhook(book(payment), SandboxState.CAPTURED)

    with pytest.raises(WebhookRejected):
        settling.receive_webhook("sandbox", real.headers, real.body + b" ")

    assert not ProviderEvent.objects.exists()
    assert status_of(order) == OrderStatus.PENDING


@pytest.mark.parametrize(("amount", "currency"), [(PRICE - 1, "KRW"), (PRICE, "USD")])
def test_pitfall_32_other_money_than_was_asked_for_pays_nothing(
    amount: int, currency: str
) -> None:
    order, _ = unpaid()
    payment = start(order)
    sight = Sight(payment.provider_reference, ProviderState.CAPTURED, amount, currency)

    settling.record(payment.pk, sight)

    assert status_of(order) == OrderStatus.PENDING
    assert ProviderEvent.objects.get().state == InboxState.PARKED


# --- 34: nobody waits for a provider with rows locked --------------------------------


def test_pitfall_34_providers_are_called_in_no_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = []
    for name in ("start", "capture", "void", "refund", "look_up", "read_webhook"):
        real = getattr(sandbox.Sandbox, name)

        def call(self: Any, *args: Any, real: Any = real, **more: Any) -> Any:
            assert not connection.in_atomic_block, real
            called.append(real.__name__)
            return real(self, *args, **more)

        monkeypatch.setattr(sandbox.Sandbox, name, call)
    paid, given_up = unpaid()[0], unpaid()[0]

    payment = start(paid, points_part=1_000)
    decide(payment, Script.SUCCESS)
    providers.check(payment.pk)
    other = start(given_up)
    cancel(given_up)
    cancel(paid)
    drain()
    deliver([sandbox.webhook(book(other))])

    assert set(called) == {
        "start",
        "capture",
        "void",
        "refund",
        "look_up",
        "read_webhook",
    }


def test_pitfall_34_tests_fail_if_somebody_does() -> None:
    with (
        pytest.raises(NetworkInTransactionError),
        transaction.atomic(),
        socket.socket() as caller,
    ):
        caller.connect(("127.0.0.1", 9))


# --- 36: goods that are not sold any more --------------------------------------------


def _wish(user_id: int, *products: Product, **more: Any) -> Purchase:
    quantities = {product.pk: 1 for product in products}
    return Purchase(user_id, "kim@example.com", quantities, **more)


def test_pitfall_36_purchase_names_what_is_not_sold_any_more() -> None:
    [user] = shoppers(1)
    kept, gone = ProductFactory.create_batch(2)
    cart = fill_cart(user, kept, gone)
    catalog.unpublish(product_id=gone.pk)
    cart.refresh_from_db()
    wish = _wish(user.pk, kept, gone, cart=CartVersion(cart.pk, cart.version))

    for buy in (checkout.place_order, checkout.place_and_pay):
        with pytest.raises(ProductUnavailable) as refused:
            buy(wish)
        assert refused.value.extra == {"products": [gone.pk]}

    assert not Order.objects.exists()
    assert cart.items.count() == 2
    assert points.balance_of(user.pk) == 1_000_000


def test_pitfall_36_old_orders_show_what_was_bought() -> None:
    [user] = shoppers(1)
    product = ProductFactory.create(name="Celadon cup", sku="CUP-1", price=PRICE)
    order_id = checkout.place_and_pay(_wish(user.pk, product)).id

    catalog.unpublish(product_id=product.pk)
    Product.objects.update(name="Another thing", sku="X", price=1)
    with pytest.raises(ProtectedError):
        product.delete()

    line = OrderLine.objects.get(order=order_id)
    assert (line.name, line.sku, line.unit_price) == ("Celadon cup", "CUP-1", PRICE)


# --- 41: the same to the last unit everywhere ----------------------------------------


@pytest.mark.parametrize(
    ("price", "percent", "points_part"), [(333, 33, 0), (1, 50, 1), (9_999, 7, 1_234)]
)
def test_pitfall_41_provider_is_asked_for_what_the_order_says(
    price: int, percent: int, points_part: int
) -> None:
    DeliveryMethodFactory.create(cost=2_501, free_from=None)
    [user] = shoppers(1)
    products = [ProductFactory.create(price=price + more) for more in range(3)]
    coupon = CouponFactory.create(user=user, batch__value=percent)
    wish = Purchase(
        user.pk,
        user.email,
        {product.pk: 7 for product in products},
        coupon_id=coupon.pk,
    )
    order = Order.objects.get(pk=checkout.place_order(wish).id)

    payment = set_out(user, order.pk, points_part=points_part)
    deliver(decide(payment, Script.SUCCESS))
    drain()

    lines = list(order.lines.all())
    goods = sum(line.line_total - line.discount_share for line in lines)
    assert order.total == goods + order.delivery_cost
    assert book(payment).amount + points_part == order.total
    assert sum(leg.amount for leg in order.payments.settled()) == order.total
    assert status_of(order) == OrderStatus.PAID
    assert_books_balance()
