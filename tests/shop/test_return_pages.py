"""Following parcels, confirming receipt, sending something back."""

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from checkout import returns
from checkout import services as checkout
from checkout.parcels import record_tracking
from orders.models import Order, OrderStatus, Return, ReturnState
from payments.models import Refund
from tests.parcels import (
    age_parcels,
    delivered_order,
    lines_of,
    packed_order,
    paid_order,
    send,
    status_of,
    tracking,
)
from tests.shop.pages import body_of, text_of

pytestmark = pytest.mark.django_db


def url(order: Order, rest: str = "") -> str:
    return f"/orders/{order.number}/{rest}"


def test_page_follows_each_parcel(signed_in: Client, shopper: User) -> None:
    order = packed_order(3, user=shopper)
    [line] = lines_of(order)
    send(order, {line.pk: 1}, number="T-1", code="sandbox")
    record_tracking("sandbox", tracking("T-1", "packed", "out_for_delivery"))

    page = text_of(signed_in.get(url(order)))

    assert f"Post T-1 Copy Out for delivery 1 × {line.name}" in page
    # The newest first.
    newest, oldest = "text of out_for_delivery", "text of packed"
    assert 0 < page.index(newest) < page.index(oldest)
    assert f"Still to be sent: 2 × {line.name}" in page
    assert "I have received everything" not in page


def test_shopper_confirms_receipt(signed_in: Client, shopper: User) -> None:
    order = packed_order(1, user=shopper)
    send(order)
    assert "I have received everything" in text_of(signed_in.get(url(order)))

    answer = signed_in.post(url(order, "received/"))
    again = signed_in.post(url(order, "received/"), follow=True)

    assert (answer.status_code, answer["Location"]) == (303, url(order))
    assert status_of(order) == OrderStatus.DELIVERED
    assert "cannot become delivered" in text_of(again)


def test_shopper_asks_for_a_return_and_withdraws_it(
    signed_in: Client, shopper: User
) -> None:
    order = delivered_order(2, user=shopper)
    [line] = lines_of(order)
    assert "Send something back" in text_of(signed_in.get(url(order)))
    form = signed_in.get(url(order, "return/"))
    assert line.name in text_of(form)

    answer = signed_in.post(
        url(order, "return/"), {f"line_{line.pk}": 1, "reason": "too <small>"}
    )

    assert (answer.status_code, answer["Location"]) == (303, url(order))
    asked = Return.objects.get()
    assert (asked.reason, asked.lines.get().quantity) == ("too <small>", 1)
    page = signed_in.get(url(order))
    assert f"Requested 1 × {line.name}" in text_of(page)
    assert url(order, "return/") + '"' not in body_of(page)

    returns.approve(return_id=asked.pk, answer="to our door")
    assert "Our answer: to our door" in text_of(signed_in.get(url(order)))
    signed_in.post(url(order, f"return/{asked.pk}/withdraw/"))

    asked.refresh_from_db()
    assert asked.state == ReturnState.WITHDRAWN
    assert "Send something back" in text_of(signed_in.get(url(order)))


@pytest.mark.parametrize(
    ("units", "reason", "words"),
    [
        (0, "x", "Please choose what to send back."),
        (1, "", "This field is required."),
        (3, "x", "Select a valid choice."),
        ("x", "x", "Select a valid choice."),
    ],
)
def test_return_that_makes_no_sense_is_asked_for_again(
    units: object, reason: str, words: str, signed_in: Client, shopper: User
) -> None:
    order = delivered_order(2, user=shopper)
    [line] = lines_of(order)

    answer = signed_in.post(
        url(order, "return/"), {f"line_{line.pk}": units, "reason": reason}
    )

    assert answer.status_code == 200
    assert words in text_of(answer)
    assert not Return.objects.exists()


def test_return_is_over_after_fourteen_days(signed_in: Client, shopper: User) -> None:
    order = delivered_order(1, user=shopper)
    age_parcels(order.pk, days=14)

    page = signed_in.get(url(order))
    answer = signed_in.get(url(order, "return/"), follow=True)

    assert "Send something back" not in text_of(page)
    assert "There is nothing to send back of this order any more." in text_of(answer)


def test_what_goes_back_is_shown_by_where_it_goes(
    signed_in: Client, shopper: User
) -> None:
    order = paid_order(3, user=shopper, points_part=5_000)
    [line] = lines_of(order)
    checkout.refund(
        order_id=order.pk, quantities={line.pk: 3}, reason="", actor_id=None, key="k"
    )

    page = text_of(signed_in.get(url(order)))

    assert "₩25,000 on its way back to Test card" in page
    assert "5,000 P refunded on" in page
    Refund.objects.get().legs.filter(state="pending").update(
        state="done", done_at=timezone.now()
    )
    assert "₩25,000 refunded to Test card on" in text_of(signed_in.get(url(order)))


def test_nobody_else_confirms_or_sends_back(signed_in: Client) -> None:
    order = packed_order(1)
    send(order)
    other = delivered_order(1)
    asked = returns.request(
        order_id=other.pk,
        user_id=other.user_id,
        quantities={lines_of(other)[0].pk: 1},
        reason="x",
    )

    assert signed_in.post(url(order, "received/")).status_code == 404
    assert signed_in.get(url(other, "return/")).status_code == 404
    withdraw = f"return/{asked.pk}/withdraw/"
    assert signed_in.post(url(other, withdraw)).status_code == 404
    asked.refresh_from_db()
    assert asked.state == ReturnState.REQUESTED
    assert status_of(order) == OrderStatus.SHIPPED


def test_page_takes_as_many_statements_for_many_parcels(
    signed_in: Client,
    shopper: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    order = packed_order(5, user=shopper)
    [line] = lines_of(order)
    for number in range(5):
        send(order, {line.pk: 1}, number=f"T-{number}", code="sandbox")
        record_tracking("sandbox", tracking(f"T-{number}", "packed", "in_transit"))
    signed_in.get(url(order))

    with django_assert_max_num_queries(16):
        signed_in.get(url(order))
