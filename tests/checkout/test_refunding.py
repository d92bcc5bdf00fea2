"""Giving back what was not sent: amounts, sources, goods, coupon and status."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from checkout import refunding
from checkout import services as checkout
from checkout.errors import DeliveryKept, OrderNotRefundable, RefundKeyReused
from checkout.providers import send_refunds
from coupons.models import Coupon, CouponState
from inventory.models import MovementKind, StockMovement
from orders.errors import OrderNotCancellable, OrderNotFound
from orders.models import Fulfilment, Order, OrderEvent, OrderStatus
from outbox.models import Event
from outbox.services import OutgoingEvent
from payments.errors import NothingToRefund, NotRefundable
from payments.models import LegState, Payment, Refund, RefundLeg
from points import services as points
from tests.books import assert_books_balance
from tests.factories import DeliveryMethodFactory
from tests.parcels import (
    delivered_order,
    lines_of,
    packed_order,
    paid_order,
    payload_of,
    send,
    status_of,
    stock_of,
    told_of,
)

pytestmark = pytest.mark.django_db


def give_back(
    order: Order, quantities: dict[int, int], key: str = "k", **more: Any
) -> Refund:
    return checkout.refund(
        order_id=order.pk,
        quantities=quantities,
        reason="broken in the store",
        actor_id=None,
        key=key,
        **more,
    )


def balance(order: Order) -> int:
    return points.balance_of(order.user_id or 0)


# --- Amounts -------------------------------------------------------------------------


def test_units_are_refunded_at_what_was_paid_for_them() -> None:
    DeliveryMethodFactory.create()
    order = paid_order(3, 1)
    first, second = lines_of(order)
    before = balance(order)

    made = give_back(order, {first.pk: 2})

    assert (made.amount, made.delivery_amount) == (20_000, 0)
    assert balance(order) == before + 20_000
    assert stock_of(first.product_id) == 19
    assert stock_of(second.product_id) == 19
    assert status_of(order) == OrderStatus.PAID
    assert payload_of(order, "order.refunded")["refund"] == {
        "id": made.pk,
        "amount": 20_000,
        "points": 20_000,
        "delivery": 0,
        "reason": "broken in the store",
        "refunded_at": made.refunded_at.isoformat(),
        "lines": [
            {
                "line_id": first.pk,
                "name": first.name,
                "quantity": 2,
                "amount": 20_000,
            }
        ],
    }
    assert_books_balance()


def test_discount_share_goes_along_to_the_last_unit() -> None:
    order = paid_order(3, price=3_333, coupon_percent=10)
    [line] = lines_of(order)
    assert (order.subtotal, order.discount, order.total) == (9_999, 999, 9_000)

    amounts = [
        give_back(order, {line.pk: 1}, key=str(number)).amount for number in range(3)
    ]

    assert amounts == [3_000, 3_000, 3_000]
    assert status_of(order) == OrderStatus.CANCELLED


def test_last_unit_takes_the_residue() -> None:
    order = paid_order(3, price=1_117, coupon_percent=10)
    [line] = lines_of(order)
    paid = line.line_total - line.discount_share
    assert paid == 3_016

    amounts = [
        give_back(order, {line.pk: 1}, key=str(number)).amount for number in range(3)
    ]

    assert amounts == [1_005, 1_005, 1_006]
    assert sum(amounts) == order.total
    assert_books_balance()


def test_delivery_goes_back_with_the_last_goods_if_nothing_was_sent() -> None:
    DeliveryMethodFactory.create()
    order = paid_order(2)
    [line] = lines_of(order)

    first = give_back(order, {line.pk: 1}, key="1")
    last = give_back(order, {line.pk: 1}, key="2")

    assert (first.amount, last.amount, last.delivery_amount) == (10_000, 13_000, 3_000)
    assert told_of(order)[-3:] == [
        "order.refunded",
        "order.refunded",
        "order.cancelled",
    ]
    assert_books_balance()


def test_delivery_stays_with_the_shop_once_something_was_sent() -> None:
    DeliveryMethodFactory.create()
    order = packed_order(2)
    [line] = lines_of(order)
    send(order, {line.pk: 1})

    made = give_back(order, {line.pk: 1})

    assert (made.amount, made.delivery_amount) == (10_000, 0)
    assert status_of(order) == OrderStatus.SHIPPED


def test_delivery_can_be_given_back_alone_and_once() -> None:
    DeliveryMethodFactory.create()
    order = delivered_order(1)

    assert give_back(order, {}, key="1", delivery=1_000).amount == 1_000
    with pytest.raises(NotRefundable) as refused:
        give_back(order, {}, key="2", delivery=2_001)
    assert give_back(order, {}, key="2", delivery=2_000).amount == 2_000

    assert refused.value.extra == {"line_id": None, "left": 2_000}
    assert status_of(order) == OrderStatus.DELIVERED
    assert_books_balance()


def test_delivery_of_what_is_never_sent_cannot_be_kept() -> None:
    DeliveryMethodFactory.create()
    order = paid_order(1)
    [line] = lines_of(order)

    with pytest.raises(DeliveryKept):
        give_back(order, {line.pk: 1}, delivery=0)

    assert not Refund.objects.exists()
    assert status_of(order) == OrderStatus.PAID


# --- Sources -------------------------------------------------------------------------


def test_outside_money_goes_back_first_and_points_last() -> None:
    order = paid_order(3, points_part=12_000)
    [line] = lines_of(order)
    before = balance(order)

    amounts = []
    for number in range(3):
        made = give_back(order, {line.pk: 1}, key=str(number))
        legs = made.legs.order_by("pk").values_list("payment__method", "amount")
        amounts.append(list(legs))

    assert amounts == [
        [("sandbox", 10_000)],
        [("sandbox", 8_000), ("points", 2_000)],
        [("points", 10_000)],
    ]
    assert balance(order) == before + 12_000
    assert payload_of(order, "order.refunded")["refund"]["points"] == 10_000  # type: ignore[index]
    assert {p.amount - p.refunded for p in Payment.objects.filter(order=order)} == {0}
    assert_books_balance()


def test_provider_is_asked_for_its_part_after_the_commit() -> None:
    order = paid_order(2, points_part=0)
    [line] = lines_of(order)
    give_back(order, {line.pk: 1})
    assert RefundLeg.objects.get().state == LegState.PENDING
    event = Event.objects.get(topic="refund.requested")

    send_refunds([_outgoing(event)])
    send_refunds([_outgoing(event)])

    leg = RefundLeg.objects.get()
    assert (leg.state, leg.amount) == (LegState.DONE, 10_000)
    assert leg.provider_reference
    assert_books_balance()


def _outgoing(event: Event) -> OutgoingEvent:
    return OutgoingEvent(
        id=event.pk,
        topic=event.topic,
        aggregate=event.aggregate,
        payload=event.payload,
        occurred_at=event.occurred_at,
        sequence=None,
        attempt=1,
    )


# --- What follows --------------------------------------------------------------------


def test_order_of_which_nothing_is_left_is_cancelled_with_its_coupon_back() -> None:
    order = paid_order(1, 1, coupon_percent=10)
    first, second = lines_of(order)

    give_back(order, {first.pk: 1}, key="1")
    assert Coupon.objects.get().state == CouponState.USED
    give_back(order, {second.pk: 1}, key="2")

    assert status_of(order) == OrderStatus.CANCELLED
    assert Coupon.objects.get().state == CouponState.ISSUED
    last = OrderEvent.objects.latest("pk")
    assert (last.to_status, last.reason) == ("cancelled", "broken in the store")
    assert_books_balance()


def test_coupon_is_not_given_back_once_something_was_sent() -> None:
    order = packed_order(2, coupon_percent=10)
    [line] = lines_of(order)
    send(order, {line.pk: 1})

    give_back(order, {line.pk: 1})

    assert Coupon.objects.get().state == CouponState.USED


def test_rest_of_a_sent_order_is_shipped_when_what_is_missing_is_refunded() -> None:
    order = packed_order(2)
    [line] = lines_of(order)
    send(order, {line.pk: 1})

    give_back(order, {line.pk: 1})

    assert status_of(order) == OrderStatus.SHIPPED
    assert told_of(order)[-1] == "order.refunded"
    assert payload_of(order, "order.refunded")["status"] == "shipped"
    assert_books_balance()


def test_order_whose_parcels_have_arrived_is_delivered_when_the_rest_is_refunded() -> (
    None
):
    order = packed_order(2)
    [line] = lines_of(order)
    parcel = send(order, {line.pk: 1})
    Fulfilment.objects.filter(pk=parcel.pk).update(
        stage="delivered", delivered_at=Now()
    )

    give_back(order, {line.pk: 1})

    assert status_of(order) == OrderStatus.DELIVERED
    assert told_of(order)[-2:] == ["order.refunded", "order.delivered"]
    assert_books_balance()


def test_cancelling_the_rest_gives_back_the_rest() -> None:
    DeliveryMethodFactory.create()
    order = paid_order(3, coupon_percent=10)
    [line] = lines_of(order)
    before = balance(order)
    give_back(order, {line.pk: 1})

    checkout.cancel(order_id=order.pk, user_id=None, actor_id=None, reason="gone")

    assert balance(order) == before + order.total
    assert stock_of(line.product_id) == 20
    assert status_of(order) == OrderStatus.CANCELLED
    assert_books_balance()


def test_broken_goods_are_written_off() -> None:
    order = paid_order(3)
    [line] = lines_of(order)

    made = give_back(order, {line.pk: 3}, restock={line.pk: 1})

    assert stock_of(line.product_id) == 18
    moved = StockMovement.objects.filter(product_id=line.product_id).order_by("pk")
    assert list(moved.values_list("kind", "on_hand_delta", "reference"))[2:] == [
        (MovementKind.RETURNED, 2, f"refund/{made.pk}/off"),
        (MovementKind.DAMAGED, -2, f"refund/{made.pk}/off"),
        (MovementKind.RETURNED, 1, f"refund/{made.pk}"),
    ]
    assert status_of(order) == OrderStatus.CANCELLED
    assert_books_balance()


# --- Refusals ------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", [-1, 4, 10**9])
def test_no_more_is_refunded_than_was_bought(quantity: int) -> None:
    order = paid_order(3)
    [line] = lines_of(order)

    with pytest.raises(NotRefundable) as refused:
        give_back(order, {line.pk: quantity})

    assert refused.value.extra == {"line_id": line.pk, "left": 3}
    assert not Refund.objects.exists()
    assert stock_of(line.product_id) == 17


def test_what_was_sent_is_not_refunded_without_coming_back() -> None:
    order = packed_order(3)
    [line] = lines_of(order)
    send(order, {line.pk: 2})

    with pytest.raises(NotRefundable) as refused:
        give_back(order, {line.pk: 2})

    assert refused.value.extra == {"line_id": line.pk, "left": 1}
    assert not Refund.objects.exists()


def test_refund_of_nothing_is_refused() -> None:
    order = paid_order(1)

    with pytest.raises(NothingToRefund):
        give_back(order, {lines_of(order)[0].pk: 0})

    assert not Refund.objects.exists()


@pytest.mark.parametrize("restock", [-1, 2])
def test_no_more_goes_on_the_shelf_than_is_refunded(restock: int) -> None:
    order = paid_order(3)
    [line] = lines_of(order)

    with pytest.raises(NotRefundable), transaction.atomic():
        give_back(order, {line.pk: 1}, restock={line.pk: restock})

    assert not Refund.objects.exists()
    assert stock_of(line.product_id) == 17


def test_only_what_is_paid_is_refunded() -> None:
    order = paid_order(1)
    [line] = lines_of(order)
    checkout.cancel(order_id=order.pk, user_id=None, actor_id=None, reason="")
    refunded = Refund.objects.count()

    with pytest.raises(OrderNotRefundable):
        give_back(order, {line.pk: 1})
    with pytest.raises(OrderNotFound):
        checkout.refund(
            order_id=uuid4(), quantities={}, reason="", actor_id=None, key="k"
        )

    assert Refund.objects.count() == refunded


def test_order_with_a_parcel_is_not_cancelled() -> None:
    order = packed_order(2)
    send(order, {lines_of(order)[0].pk: 1})

    with pytest.raises(OrderNotCancellable):
        checkout.cancel(order_id=order.pk, user_id=None, actor_id=None, reason="")

    assert status_of(order) == OrderStatus.PROCESSING


# --- Once ----------------------------------------------------------------------------


def test_same_key_is_the_same_refund() -> None:
    order = paid_order(3)
    [line] = lines_of(order)

    first, second = (give_back(order, {line.pk: 1}) for _ in range(2))

    assert first == second
    assert Refund.objects.count() == 1
    assert stock_of(line.product_id) == 18


def test_same_key_with_another_wish_is_refused() -> None:
    order = paid_order(3)
    [line] = lines_of(order)
    give_back(order, {line.pk: 1})

    for wish in ({line.pk: 2}, {}):
        with pytest.raises(RefundKeyReused):
            give_back(order, wish)
    with pytest.raises(RefundKeyReused):
        give_back(order, {line.pk: 1}, delivery=5)
    with pytest.raises(RefundKeyReused):
        give_back(order, {line.pk: 1}, restock={line.pk: 0})

    assert Refund.objects.count() == 1
    assert stock_of(line.product_id) == 18
    broken = give_back(order, {line.pk: 1}, "k2", restock={})
    assert give_back(order, {line.pk: 1}, "k2", restock={}) == broken


def test_same_key_of_another_order_is_another_refund() -> None:
    one, two = paid_order(1), paid_order(1)

    give_back(one, {lines_of(one)[0].pk: 1})
    give_back(two, {lines_of(two)[0].pk: 1})

    assert Refund.objects.count() == 2


def test_refund_is_never_changed() -> None:
    order = paid_order(1)
    give_back(order, {lines_of(order)[0].pk: 1})

    with pytest.raises(DatabaseError), transaction.atomic():
        Refund.objects.update(amount=1)


# --- Planning ------------------------------------------------------------------------


def test_plan_says_what_a_refund_does_and_writes_nothing() -> None:
    DeliveryMethodFactory.create()
    order = paid_order(2, points_part=5_000)
    [line] = lines_of(order)

    planned = refunding.plan(order_id=order.pk, quantities={line.pk: 2}, delivery=None)

    assert (planned.amount, planned.delivery, planned.points) == (23_000, 3_000, 5_000)
    assert [(leg.is_outside, leg.amount) for leg in planned.legs] == [
        (True, 18_000),
        (False, 5_000),
    ]
    assert planned.is_complete
    assert not Refund.objects.exists()
    assert status_of(order) == OrderStatus.PAID


def test_plan_refuses_what_a_refund_refuses() -> None:
    order = paid_order(2)
    [line] = lines_of(order)

    with pytest.raises(NotRefundable):
        refunding.plan(order_id=order.pk, quantities={line.pk: 3}, delivery=None)
    with pytest.raises(OrderNotFound):
        refunding.plan(order_id=uuid4(), quantities={}, delivery=None)
