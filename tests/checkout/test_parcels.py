"""Sending orders in one parcel or several, and following them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from checkout import services as checkout
from checkout.parcels import record_tracking
from checkout.standing import standing_of
from delivery.carriers.base import ParcelState, Scan, Tracking
from orders.errors import InvalidTransition, NotShippable, OrderNotFound
from orders.models import (
    Fulfilment,
    FulfilmentEvent,
    FulfilmentLine,
    OrderEvent,
    OrderStatus,
)
from outbox.models import Event
from tests.books import assert_books_balance
from tests.factories import UserFactory
from tests.parcels import (
    delivered_order,
    lines_of,
    packed_order,
    paid_order,
    payload_of,
    send,
    status_of,
    told_of,
    tracking,
)

pytestmark = pytest.mark.django_db


def test_order_in_two_parcels_is_shipped_with_the_last() -> None:
    order = packed_order(3, 1)
    first, second = lines_of(order)

    one = send(order, {first.pk: 2}, number="A-1")

    assert status_of(order) == OrderStatus.PROCESSING
    assert payload_of(order, "order.shipped")["parcel"] == {
        "id": one.pk,
        "carrier": "Post",
        "tracking_number": "A-1",
        "tracking_url": "",
        "lines": [{"line_id": first.pk, "name": first.name, "quantity": 2}],
        "is_last": False,
    }

    two = send(order, number="A-2")

    assert status_of(order) == OrderStatus.SHIPPED
    assert dict(two.lines.values_list("order_line", "quantity")) == {
        first.pk: 1,
        second.pk: 1,
    }
    last = payload_of(order, "order.shipped")
    assert (last["status"], last["parcel"]["is_last"]) == ("shipped", True)  # type: ignore[index]
    assert told_of(order).count("order.shipped") == 2
    assert_books_balance()


@pytest.mark.parametrize("quantity", [0, -1, 4, 10**9])
def test_no_more_is_sent_than_is_left(quantity: int) -> None:
    order = packed_order(3)
    [line] = lines_of(order)

    with pytest.raises(NotShippable) as refused:
        send(order, {line.pk: quantity})

    assert refused.value.extra["left"] == (3 if quantity else 0)
    assert not Fulfilment.objects.exists()
    assert status_of(order) == OrderStatus.PROCESSING
    assert "order.shipped" not in told_of(order)


def test_what_is_sent_cannot_be_sent_again() -> None:
    order = packed_order(3)
    [line] = lines_of(order)
    send(order, {line.pk: 2})

    with pytest.raises(NotShippable) as refused:
        send(order, {line.pk: 2})

    assert refused.value.extra == {"line_id": line.pk, "left": 1}
    assert FulfilmentLine.objects.count() == 1


def test_line_of_another_order_is_not_sent() -> None:
    order, other = packed_order(1), packed_order(1)

    with pytest.raises(NotShippable):
        send(order, {lines_of(other)[0].pk: 1})

    assert not Fulfilment.objects.exists()


def test_unknown_order_has_no_parcel() -> None:
    with pytest.raises(OrderNotFound):
        checkout.ship(order_id=uuid4(), carrier="Post", actor_id=None)


def test_order_is_packed_before_it_is_sent() -> None:
    order = paid_order(1)

    with pytest.raises(InvalidTransition):
        send(order)

    assert not Fulfilment.objects.exists()


def test_database_keeps_what_is_in_a_parcel() -> None:
    order = packed_order(1)
    send(order)

    for change in ({"quantity": 2}, {"order_line_id": lines_of(order)[0].pk}):
        with pytest.raises(DatabaseError), transaction.atomic():
            FulfilmentLine.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        FulfilmentLine.objects.all().delete()


# --- The way of a parcel -------------------------------------------------------------


def test_scans_move_a_parcel_on_and_the_last_one_delivers_the_order() -> None:
    order = packed_order(1)
    parcel = send(order, number="T-1", code="sandbox")

    assert record_tracking("sandbox", tracking("T-1", "packed", "in_transit")) == 1

    parcel.refresh_from_db()
    assert (parcel.stage, parcel.delivered_at) == ("in_transit", None)
    assert status_of(order) == OrderStatus.SHIPPED

    Fulfilment.objects.update(shipped_at=timezone.now() - timedelta(hours=5))
    told = tracking("T-1", "out_for_delivery", "delivered")
    record_tracking("sandbox", told)

    parcel.refresh_from_db()
    assert (parcel.stage, parcel.next_look_at) == ("delivered", None)
    assert parcel.delivered_at == told.scans[-1].happened_at
    assert status_of(order) == OrderStatus.DELIVERED
    # Who has it need not hear that it was in the van.
    assert told_of(order)[-2:] == ["order.shipped", "order.delivered"]
    assert set(FulfilmentEvent.objects.values_list("stage", "text", "place")) == {
        ("shipped", "text of packed", "Seoul"),
        ("in_transit", "text of in_transit", "Seoul"),
        ("out_for_delivery", "text of out_for_delivery", "Seoul"),
        ("delivered", "text of delivered", "Seoul"),
    }
    assert_books_balance()


def test_parcel_in_the_van_is_told_once() -> None:
    order = packed_order(1)
    send(order, number="T-1", code="sandbox")
    van = tracking("T-1", "out_for_delivery")

    for _ in range(2):
        record_tracking("sandbox", van)

    assert told_of(order).count("order.out_for_delivery") == 1
    assert payload_of(order, "order.out_for_delivery")["parcel"]["tracking_number"] == (  # type: ignore[index]
        "T-1"
    )


def test_scans_that_come_twice_or_in_disorder_change_nothing() -> None:
    order = packed_order(1)
    send(order, number="T-1", code="sandbox")
    whole = tracking("T-1", "packed", "in_transit", "out_for_delivery", "delivered")
    record_tracking("sandbox", whole)
    before = Fulfilment.objects.values().get()

    record_tracking("sandbox", whole)
    record_tracking("sandbox", Tracking("T-1", whole.scans[:1]))
    record_tracking("sandbox", Tracking("T-1", list(reversed(whole.scans))))

    assert Fulfilment.objects.values().get() == before
    assert FulfilmentEvent.objects.count() == 4
    assert told_of(order).count("order.delivered") == 1


def test_late_scan_is_kept_but_does_not_move_a_parcel_back() -> None:
    order = packed_order(1)
    send(order, number="T-1", code="sandbox")
    record_tracking("sandbox", tracking("T-1", "out_for_delivery"))

    record_tracking("sandbox", tracking("T-1", "in_transit"))

    assert Fulfilment.objects.get().stage == "out_for_delivery"
    assert FulfilmentEvent.objects.count() == 2


def test_database_moves_no_parcel_back() -> None:
    send(packed_order(1), number="T-1")
    Fulfilment.objects.update(stage="in_transit")

    with pytest.raises(DatabaseError), transaction.atomic():
        Fulfilment.objects.update(stage="shipped")


@pytest.mark.parametrize(
    ("code", "number"), [("sandbox", "T-2"), ("easypost", "T-1"), ("sandbox", "")]
)
def test_number_that_is_not_ours_is_ignored(code: str, number: str) -> None:
    order = packed_order(1)
    send(order, number="T-1", code="sandbox")

    assert record_tracking(code, tracking(number, "delivered")) == 0

    assert not FulfilmentEvent.objects.exists()
    assert status_of(order) == OrderStatus.SHIPPED


def test_scans_nobody_can_mean_are_left_out() -> None:
    send(packed_order(1), number="T-1", code="sandbox")
    moments = (timezone.now() + timedelta(days=9), timezone.now().replace(year=1970))
    odd = [
        Scan(f"s{place}", ParcelState.DELIVERED, "a\0b" * 200, "x" * 500, moment)
        for place, moment in enumerate(moments)
    ]
    usable = Scan("ok", ParcelState.IN_TRANSIT, "a\0b" * 200, "x" * 500, timezone.now())

    record_tracking("sandbox", Tracking("T-1", [*odd, usable]))

    event = FulfilmentEvent.objects.get()
    assert (event.text[:4], len(event.text), len(event.place)) == ("abab", 200, 120)
    assert Fulfilment.objects.get().stage == "in_transit"


def test_order_is_delivered_with_its_last_parcel_and_not_before_all_is_sent() -> None:
    order = packed_order(2)
    [line] = lines_of(order)
    send(order, {line.pk: 1}, number="T-1", code="sandbox")

    record_tracking("sandbox", tracking("T-1", "delivered"))
    assert status_of(order) == OrderStatus.PROCESSING

    send(order, number="T-2", code="sandbox")
    assert status_of(order) == OrderStatus.SHIPPED

    record_tracking("sandbox", tracking("T-2", "delivered"))
    assert status_of(order) == OrderStatus.DELIVERED
    assert_books_balance()


def test_staff_note_that_everything_has_arrived() -> None:
    order = packed_order(2)
    [line] = lines_of(order)
    send(order, {line.pk: 1})
    send(order)

    checkout.deliver(order_id=order.pk, actor_id=None)

    assert status_of(order) == OrderStatus.DELIVERED
    assert not Fulfilment.objects.under_way().exists()
    events = FulfilmentEvent.objects.values_list("event_id", "stage")
    assert list(events) == [("shop/staff", "delivered")] * 2
    assert_books_balance()


def test_shopper_confirms_receipt() -> None:
    order = packed_order(1)
    send(order)

    checkout.confirm_receipt(order_id=order.pk, user_id=order.user_id)

    assert status_of(order) == OrderStatus.DELIVERED
    assert OrderEvent.objects.latest("pk").actor_id == order.user_id
    assert FulfilmentEvent.objects.get().event_id == "shop/shopper"


def test_receipt_is_confirmed_by_nobody_else_and_not_before_it_is_shipped() -> None:
    order, stranger = packed_order(1), UserFactory.create()

    with pytest.raises(InvalidTransition):
        checkout.confirm_receipt(order_id=order.pk, user_id=order.user_id)
    send(order)
    for nobody in (stranger.pk, None):
        with pytest.raises(OrderNotFound):
            checkout.confirm_receipt(order_id=order.pk, user_id=nobody)

    assert status_of(order) == OrderStatus.SHIPPED


def test_delivered_order_is_not_delivered_again() -> None:
    order = delivered_order(1)
    events = Event.objects.count()

    with pytest.raises(InvalidTransition):
        checkout.deliver(order_id=order.pk, actor_id=None)

    assert Event.objects.count() == events


def test_standing_counts_each_unit_once() -> None:
    order = packed_order(5)
    [line] = lines_of(order)
    send(order, {line.pk: 2})
    checkout.refund(
        order_id=order.pk, quantities={line.pk: 1}, reason="", actor_id=None, key="a"
    )

    [standing] = standing_of(order.pk).lines

    assert (standing.sent, standing.refunded, standing.returned) == (2, 1, 0)
    assert (standing.left_to_send, standing.returnable) == (2, 2)


def test_parcel_with_the_same_label_is_sent_once() -> None:
    order = packed_order(4)
    [line] = lines_of(order)

    # Somebody pressed twice: both got the carrier's one label for it.
    for _ in range(2):
        parcel = send(order, {line.pk: 2}, number="SB1", code="sandbox")

    assert Fulfilment.objects.get() == parcel
    assert told_of(order).count("order.shipped") == 1
    assert standing_of(order.pk).to_send == {line.pk: 2}
    assert_books_balance()
