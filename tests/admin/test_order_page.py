"""The page of an order: all that is known of it, and what its status allows."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from common import audit
from notifications import services as notifications
from notifications.models import Message, MessageState
from orders import erasing
from orders.models import Order, OrderEvent, OrderNote, OrderStatus
from outbox.models import Dispatch, Event
from payments.models import Payment, Refund
from points import services as points
from tests.admin.acting import act, told
from tests.books import assert_books_balance
from tests.notifications.events import event
from tests.parcels import lines_of, packed_order, paid_order, send, status_of, stock_of
from tests.paying import unpaid
from tests.roles import make_roles, member

pytestmark = pytest.mark.django_db
ORDERS = "/admin/orders/order/"
MESSAGES = "/admin/notifications/message/"


def opened(client: Client, order: Order) -> HttpResponse:
    return client.get(f"{ORDERS}{order.pk}/change/")  # type: ignore[return-value]


def moments(client: Client, order: Order) -> list[tuple[str, str]]:
    found = opened(client, order).context["timeline"]  # type: ignore[attr-defined]
    return [(str(moment.what), moment.actor) for moment in found]


def panels(client: Client, order: Order) -> dict[str, int]:
    found = opened(client, order).context["panels"]  # type: ignore[attr-defined]
    return {str(panel.title): len(panel.rows) for panel in found}


def as_role(client: Client, role: str) -> User:
    make_roles()
    user = member(role)
    client.force_login(user)
    return user


def tell_paid(order: Order) -> Message:
    """Have the shop write its letter about a paid order."""
    paid = Event.objects.get(aggregate=f"order/{order.pk}", topic="order.paid")
    notifications.tell([event("order.paid", event_id=paid.pk, **paid.payload)])
    return Message.objects.get(event_id=paid.pk, channel="email")


# --- What is shown --------------------------------------------------------------------


def test_timeline_tells_all_in_one_order_of_time(boss: User, client: Client) -> None:
    order = paid_order(2, points_part=5_000)
    act(client, ORDERS, "pack", order.pk)
    act(client, ORDERS, "add_note", order.pk, text="call before noon")
    send(order, {lines_of(order)[0].pk: 1}, number="T-1")
    given = {f"line_{lines_of(order)[0].pk}": 1, "reason": "chipped", "key": "k"}
    page = f"{ORDERS}{order.pk}/refund/"
    seen = client.post(page, given).context["plan"]["expected"]
    client.post(page, {**given, "expected": seen})

    found = moments(client, order)

    # Steps of one moment stand in no order of their own.
    assert sorted(what for what, _actor in found) == [
        "Awaiting payment",
        "Being packed",
        "Note",
        "Paid",
        "Parcel",
        "Payment",
        "Payment",
        "Refund",
        "Shipped",
    ]
    at = [
        moment.at
        for moment in opened(client, order).context["timeline"]  # type: ignore[attr-defined]
    ]
    assert at == sorted(at)
    assert ("Being packed", boss.email) in found
    assert ("Note", boss.email) in found
    assert ("Refund", boss.email) in found
    text = opened(client, order).content.decode()
    assert "call before noon" in text
    assert "chipped" in text


def test_page_shows_the_ledger_the_letters_and_what_others_were_told(
    boss: User, client: Client
) -> None:
    order = paid_order(1)
    tell_paid(order)

    found = panels(client, order)

    assert found == {"Points": 1, "Messages": 2, "Told to others": 1}
    assert ("Message: order_paid", "") in moments(client, order)


def test_each_part_is_shown_to_those_who_may_see_it(client: Client) -> None:
    order = paid_order(1)
    tell_paid(order)

    as_role(client, "warehouse")
    warehouse = panels(client, order), {what for what, _ in moments(client, order)}
    as_role(client, "auditor")
    auditor = panels(client, order)

    assert warehouse[0] == {}
    assert "Payment" not in warehouse[1]
    assert "Paid" in warehouse[1]
    assert set(auditor) == {"Points", "Messages", "Told to others"}
    assert b"Send again" not in opened(client, order).content


# --- What is done ---------------------------------------------------------------------


def test_money_that_came_outside_pays_an_order(boss: User, client: Client) -> None:
    order, _user_id = unpaid()

    for _twice in range(2):
        act(client, ORDERS, "mark_paid", order.pk, reason="bank, ref. 77", key="k")

    assert status_of(order) == OrderStatus.PAID
    payment = Payment.objects.get()
    assert (payment.method, payment.amount, payment.note) == (
        "by_hand",
        order.total,
        "bank, ref. 77",
    )
    row = audit.read(LogEntry.objects.get())
    assert (row.action, row.reason, row.changes()) == (
        "Mark as paid",
        "bank, ref. 77",
        [("status", "pending", "paid")],
    )
    assert_books_balance()


def test_paid_order_is_not_marked_again(boss: User, client: Client) -> None:
    order = paid_order(1)

    response = act(client, ORDERS, "mark_paid", order.pk, reason="cash")

    assert "cannot become paid" in told(response)[0]
    assert Payment.objects.count() == 1
    assert not LogEntry.objects.exists()


def test_marking_as_paid_needs_a_reason(boss: User, client: Client) -> None:
    order, _user_id = unpaid()

    response = act(client, ORDERS, "mark_paid", order.pk, reason=" ")

    assert b"This field is required." in response.content
    assert status_of(order) == OrderStatus.PENDING


@pytest.mark.parametrize("role", ["warehouse", "support", "marketing", "auditor"])
def test_only_who_is_trusted_with_money_says_that_it_came(
    role: str, client: Client
) -> None:
    order, _user_id = unpaid()
    as_role(client, role)

    act(client, ORDERS, "mark_paid", order.pk, reason="cash")

    assert status_of(order) == OrderStatus.PENDING
    assert not Payment.objects.exists()


def test_cancelled_goods_can_be_written_off(boss: User, client: Client) -> None:
    order = packed_order(3)
    [line] = lines_of(order)

    act(client, ORDERS, "cancel", order.pk, reason="mould", writes_off="on", key="k")

    assert status_of(order) == OrderStatus.CANCELLED
    assert stock_of(line.product_id) == 17
    row = audit.read(LogEntry.objects.get())
    assert row.changes() == [
        ("status", "processing", "cancelled"),
        ("refunded", "0", f"{order.total:,}"),
    ]
    assert_books_balance()


def test_note_is_for_staff_and_kept_apart_from_the_log(
    boss: User, client: Client
) -> None:
    order = paid_order(1)

    for _twice in range(2):
        act(client, ORDERS, "add_note", order.pk, text="ask for Kim", key="k")

    note = OrderNote.objects.get()
    assert (note.order, note.author, note.text) == (order, boss, "ask for Kim")
    row = audit.read(LogEntry.objects.get())
    # What names a person must be able to go; the log stays.
    assert (row.action, row.reason, row.changes()) == ("Add a note", "", [])
    erasing.anonymise(user_id=order.user_id or 0, email="nobody@deleted.invalid")
    assert OrderNote.objects.get().text == ""


def test_data_platform_is_told_again(boss: User, client: Client) -> None:
    order = paid_order(1)
    fresh = act(client, ORDERS, "replay", order.pk)
    platform = _dispatch(order, "analytics.data_platform.push")
    letters = _dispatch(order, "notifications.tasks.tell")

    act(client, ORDERS, "replay", order.pk)

    platform.refresh_from_db()
    letters.refresh_from_db()
    assert "Nothing of this order was sent there yet." in told(fresh)[0]
    assert (platform.delivered_at, platform.attempts) == (None, 0)
    assert letters.delivered_at is not None
    assert (
        audit.read(LogEntry.objects.get()).action == "Send to the data platform again"
    )


def _dispatch(order: Order, subscriber: str) -> Dispatch:
    paid = Event.objects.get(aggregate=f"order/{order.pk}", topic="order.paid")
    return Dispatch.objects.create(
        event=paid,
        subscriber=subscriber,
        aggregate=paid.aggregate,
        attempts=3,
        delivered_at=paid.occurred_at,
    )


def test_letter_is_sent_again_from_the_page(boss: User, client: Client) -> None:
    order = paid_order(1)
    letter = tell_paid(order)
    Message.objects.update(state=MessageState.SENT, sent_at=letter.created_at)
    here = f"{ORDERS}{order.pk}/change/"
    page = opened(client, order).content.decode()
    offered = re.findall(r'name="_selected_action" value="(\d+)"', page)

    response = act(client, MESSAGES, "send_again", letter.pk, next=here)

    letter.refresh_from_db()
    assert str(letter.pk) in offered
    assert letter.state == MessageState.QUEUED
    assert response["Location"] == here


def test_refund_goes_as_points_if_the_shopper_wants_them(
    boss: User, client: Client
) -> None:
    order = paid_order(2, points_part=0)
    [line] = lines_of(order)
    before = points.balance_of(order.user_id or 0)
    page = f"{ORDERS}{order.pk}/refund/"
    given = {f"line_{line.pk}": 1, "way": "points", "reason": "as she wished"}

    seen = client.post(page, {**given, "key": "k"}).context["plan"]
    other_way = {**given, "way": "origin", "key": "k", "expected": seen["expected"]}
    client.post(page, other_way)
    assert not Refund.objects.exists()
    for _twice in range(2):
        client.post(page, {**given, "key": "k", "expected": seen["expected"]})

    assert seen["legs"] == [("Points", "₩10,000")]
    assert [(item.name, good, bad) for item, good, bad in seen["shelf"]] == [
        (line.name, 1, 0)
    ]
    assert Refund.objects.get().amount == 10_000
    assert points.balance_of(order.user_id or 0) == before + 10_000
    row = audit.read(LogEntry.objects.get())
    assert (row.reason, row.changes()) == (
        "as she wished",
        [("refunded", "0", "10,000")],
    )
    assert_books_balance()


def test_clerk_moves_an_order_on_without_seeing_its_money(client: Client) -> None:
    order = paid_order(1)
    packer = as_role(client, "warehouse")

    act(client, ORDERS, "pack", order.pk)

    last = OrderEvent.objects.latest("pk")
    assert (last.to_status, last.actor) == (OrderStatus.PROCESSING, packer)
    assert "Payment" not in {what for what, _actor in moments(client, order)}
