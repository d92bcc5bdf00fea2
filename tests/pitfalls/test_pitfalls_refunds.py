"""Pitfalls 17, 18, 25, 26, 27, 37 and 38: money and goods that go back."""

import pytest

from checkout import returns
from checkout import services as checkout
from orders.errors import InvalidTransition, OrderNotCancellable
from orders.models import Fulfilment, Order, OrderLine, OrderStatus
from payments.errors import NotRefundable
from payments.models import Payment, Refund
from points import services as points
from tests.books import assert_books_balance
from tests.concurrency import run_together, told
from tests.factories import DeliveryMethodFactory
from tests.parcels import (
    delivered_order,
    lines_of,
    packed_order,
    paid_order,
    send,
    status_of,
    stock_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


def give_back(order: Order, units: dict[int, int], key: str, **more: int) -> Refund:
    return checkout.refund(
        order_id=order.pk,
        quantities=units,
        reason="",
        actor_id=None,
        key=key,
        **more,  # type: ignore[arg-type]
    )


def test_pitfall_17_part_that_goes_back_does_not_price_the_rest_anew() -> None:
    # With 10 % from any total: the rest alone would have had another discount.
    order = paid_order(1, 1, price=10_005, coupon_percent=10)
    frozen = list(OrderLine.objects.values_list("pk", "unit_price", "discount_share"))
    first, second = lines_of(order)

    made = give_back(order, {first.pk: 1}, "1")

    assert made.amount == first.line_total - first.discount_share
    assert frozen == list(
        OrderLine.objects.values_list("pk", "unit_price", "discount_share")
    )
    order.refresh_from_db()
    left = order.total - made.amount
    assert left == second.line_total - second.discount_share
    assert_books_balance()


@pytest.mark.parametrize("price", [1, 3, 333, 1_117, 9_999])
def test_pitfall_18_shares_of_the_discount_sum_to_the_last_unit(price: int) -> None:
    order = paid_order(7, 3, price=price, coupon_percent=33)
    amounts = []

    for line in lines_of(order):
        for number in range(line.quantity):
            key = f"{line.pk}/{number}"
            amounts.append(give_back(order, {line.pk: 1}, key).amount)

    assert sum(amounts) == order.total
    shares = sum(line.discount_share for line in lines_of(order))
    assert shares == order.discount
    assert_books_balance()


def test_pitfall_25_two_members_of_staff_refund_the_same_goods() -> None:
    order = paid_order(2)
    [line] = lines_of(order)

    results = run_together(
        lambda number: give_back(order, {line.pk: 2}, f"staff {number}"), times=2
    )

    assert told(results) == {"ok": 1, "order_not_refundable": 1}
    assert Refund.objects.get().amount == order.total
    assert points.balance_of(order.user_id or 0) == 1_000_000
    assert_books_balance()


def test_pitfall_25_no_more_goes_back_than_was_paid() -> None:
    order = paid_order(2)
    [line] = lines_of(order)
    give_back(order, {line.pk: 1}, "1")

    with pytest.raises(NotRefundable):
        give_back(order, {line.pk: 2}, "2")

    assert points.balance_of(order.user_id or 0) == 990_000
    assert_books_balance()


def test_pitfall_26_balance_that_is_spent_meanwhile_never_goes_below_zero() -> None:
    # Nothing is earned with a purchase, so a refund claws nothing back: it only adds.
    order = paid_order(1)
    user_id = order.user_id or 0
    points.adjust(
        user_id=user_id,
        amount=-points.balance_of(user_id),
        reason="spent",
        idempotency_key="spent",
    )

    give_back(order, {lines_of(order)[0].pk: 1}, "1")

    assert points.balance_of(user_id) == order.total
    assert_books_balance()


def test_pitfall_27_each_part_of_a_mixed_payment_goes_back_to_its_source() -> None:
    order = paid_order(3, price=3_335, points_part=4_001)
    [line] = lines_of(order)
    user_id = order.user_id or 0
    before = points.balance_of(user_id)

    legs = []
    for number in range(3):
        made = give_back(order, {line.pk: 1}, str(number))
        legs.append(dict(made.legs.values_list("payment__method", "amount")))

    # Outside money first; points take what is left over.
    assert legs == [
        {"sandbox": 3_335},
        {"sandbox": 2_669, "points": 666},
        {"points": 3_335},
    ]
    assert points.balance_of(user_id) == before + 4_001
    settled = Payment.objects.settled().values_list("method", "amount", "refunded")
    assert set(settled) == {("sandbox", 6_004, 6_004), ("points", 4_001, 4_001)}
    assert_books_balance()


def test_pitfall_37_order_is_cancelled_or_shipped_and_the_other_is_told() -> None:
    order = packed_order(1)

    results = run_together(
        lambda number: (
            checkout.ship(order_id=order.pk, carrier="Post", actor_id=None)
            if number
            else checkout.cancel(
                order_id=order.pk, user_id=None, actor_id=None, reason="no"
            )
        ),
        times=2,
    )

    refused = [result for result in results if isinstance(result, Exception)]
    assert [type(error) for error in refused] in (
        [InvalidTransition],
        [OrderNotCancellable],
    )
    is_sent = Fulfilment.objects.exists()
    assert status_of(order) == (OrderStatus.SHIPPED if is_sent else "cancelled")
    assert_books_balance()


def test_pitfall_37_what_was_sent_takes_a_return() -> None:
    order = packed_order(2)
    [line] = lines_of(order)
    send(order, {line.pk: 1})

    with pytest.raises(OrderNotCancellable):
        checkout.cancel(order_id=order.pk, user_id=None, actor_id=None, reason="")
    with pytest.raises(NotRefundable):
        give_back(order, {line.pk: 2}, "1")

    assert not Refund.objects.exists()
    assert stock_of(line.product_id) == 18


def test_pitfall_38_unsent_goods_are_restocked_and_sent_ones_after_inspection() -> None:
    DeliveryMethodFactory.create(free_from=None)
    order = packed_order(3)
    [line] = lines_of(order)
    send(order, {line.pk: 2})

    unsent = give_back(order, {line.pk: 1}, "1")
    # Something was sent: the delivery was used.
    assert (unsent.amount, unsent.delivery_amount) == (10_000, 0)
    assert stock_of(line.product_id) == 18

    asked = returns.open_for_shopper(
        order_id=order.pk, quantities={line.pk: 2}, reason="too small"
    )
    returns.approve(return_id=asked.pk, answer="")
    assert stock_of(line.product_id) == 18
    returns.receive(return_id=asked.pk, restocked={line.pk: 1}, actor_id=None)

    assert stock_of(line.product_id) == 19
    assert sum(Refund.objects.values_list("amount", flat=True)) == 30_000
    assert_books_balance()


def test_pitfall_38_delivery_goes_back_in_full_only_if_nothing_was_sent() -> None:
    DeliveryMethodFactory.create(free_from=None)
    unsent, sent = paid_order(2), delivered_order(2)

    give_back(unsent, {lines_of(unsent)[0].pk: 2}, "1")
    asked = returns.open_for_shopper(
        order_id=sent.pk, quantities={lines_of(sent)[0].pk: 2}, reason="x"
    )
    returns.approve(return_id=asked.pk, answer="")
    returns.receive(return_id=asked.pk, restocked={}, actor_id=None)

    deliveries = Refund.objects.order_by("pk").values_list("delivery_amount", flat=True)
    assert list(deliveries) == [3_000, 0]
    assert_books_balance()
