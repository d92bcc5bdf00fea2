"""Staff send parts of orders, give money back and take goods in."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from checkout import returns
from checkout.following import breaker
from orders.models import Fulfilment, Order, OrderStatus, Return, ReturnState
from payments.models import Refund
from points import services as points
from tests.admin.acting import act, told
from tests.books import assert_books_balance
from tests.factories import DeliveryMethodFactory, UserFactory
from tests.parcels import (
    delivered_order,
    lines_of,
    packed_order,
    paid_order,
    send,
    status_of,
    stock_of,
)

pytestmark = pytest.mark.django_db
ORDERS, RETURNS = "/admin/orders/order/", "/admin/orders/return/"


@pytest.fixture(autouse=True)
def _carriers_are_forgotten() -> None:
    breaker.forget()


def page(order: Order, name: str) -> str:
    return reverse(f"admin:orders_order_{name}", args=[order.pk])


def offered(client: Client, order: Order) -> list[str]:
    seen = client.get(f"{ORDERS}{order.pk}/change/")
    return [name for name, _label in seen.context["object_actions"]]


def asked_for(order: Order, units: int) -> Return:
    return returns.request(
        order_id=order.pk,
        user_id=order.user_id,
        quantities={lines_of(order)[0].pk: units},
        reason="too small",
    )


def test_page_offers_what_the_goods_allow(boss: User, client: Client) -> None:
    packed, partly, done = packed_order(2), packed_order(2), delivered_order(1)
    send(partly, {lines_of(partly)[0].pk: 1})

    again = ["replay", "add_note"]
    sends = ["ship", "ship_part"]
    assert offered(client, packed) == [*sends, "cancel", "refund", *again]
    assert offered(client, partly) == [*sends, "refund", "take_return", *again]
    assert offered(client, done) == ["take_return", *again]


def test_action_leads_to_the_page_of_one_order(boss: User, client: Client) -> None:
    one, two = packed_order(1), packed_order(1)

    for action, name in (
        ("ship_part", "ship"),
        ("refund", "refund"),
        ("take_return", "return"),
    ):
        assert act(client, ORDERS, action, one.pk)["Location"] == page(one, name)
        assert client.get(page(one, name)).status_code == 200
        both = act(client, ORDERS, action, one.pk, two.pk)
        assert told(both)[-1] == "One order at a time."


def test_part_is_sent_once_however_often_the_page_is(
    boss: User, client: Client
) -> None:
    order = packed_order(3)
    [line] = lines_of(order)
    given = {f"line_{line.pk}": 1, "carrier": "CJ", "tracking_number": "7", "key": "k"}

    for _ in range(2):
        answer = client.post(page(order, "ship"), given)
        assert answer["Location"] == f"{ORDERS}{order.pk}/change/"

    parcel = Fulfilment.objects.get()
    assert (parcel.carrier, parcel.tracking_number) == ("CJ", "7")
    assert parcel.lines.get().quantity == 1
    assert status_of(order) == OrderStatus.PROCESSING
    shown = client.get(f"{ORDERS}{order.pk}/change/").content.decode()
    assert f"1 × {line.name}" in shown


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"carrier": ""}, "This field is required."),
        ({"carrier": "CJ", "units": 4}, "less than or equal to 3"),
        ({"carrier": "CJ", "units": 0}, "nothing left to send"),
        ({"carrier_code": "pigeon"}, "Select a valid choice"),
        ({"carrier_code": "sandbox", "service": "teleport"}, "does not take this"),
    ],
)
def test_parcel_that_makes_no_sense_is_refused(
    given: dict[str, object], words: str, boss: User, client: Client
) -> None:
    order = packed_order(3)
    [line] = lines_of(order)

    answer = client.post(
        page(order, "ship"),
        {f"line_{line.pk}": given.pop("units", 1), "key": "k", **given},
    )

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not Fulfilment.objects.exists()
    assert not LogEntry.objects.exists()


def test_carrier_gives_the_parcel_its_number(boss: User, client: Client) -> None:
    order, other = packed_order(2), packed_order(1)
    [line] = lines_of(order)

    given = {f"line_{line.pk}": 1, "carrier_code": "sandbox", "key": "k"}
    client.post(page(order, "ship"), given)
    act(client, ORDERS, "ship", other.pk, carrier_code="sandbox")

    parcels = Fulfilment.objects.order_by("pk")
    assert {parcel.carrier_code for parcel in parcels} == {"sandbox"}
    assert all(parcel.tracking_number.startswith("SB") for parcel in parcels)
    assert (status_of(order), status_of(other)) == ("processing", "shipped")


def test_refund_is_seen_before_it_is_made(boss: User, client: Client) -> None:
    DeliveryMethodFactory.create()
    order = paid_order(3, points_part=5_000)
    [line] = lines_of(order)
    here, before = page(order, "refund"), points.balance_of(order.user_id or 0)
    given = {f"line_{line.pk}": 2, f"broken_{line.pk}": 1, "reason": "chipped"}

    preview = client.post(here, {**given, "key": "k"})

    assert not Refund.objects.exists()
    assert preview.context["plan"]["amount"] == 20_000
    assert preview.context["plan"]["legs"] == [("Test card", "₩20,000")]
    assert "Refund ₩20,000" in preview.content.decode()

    other_amount = client.post(
        here, {**given, "key": "k", "expected": "10000/origin/1"}
    )
    assert (other_amount.status_code, Refund.objects.count()) == (200, 0)

    for _ in range(2):
        client.post(here, {**given, "key": "k", "expected": "20000/origin/1"})

    refund = Refund.objects.get()
    assert (refund.amount, refund.reason, refund.actor) == (20_000, "chipped", boss)
    assert stock_of(line.product_id) == 18
    assert points.balance_of(order.user_id or 0) == before
    assert_books_balance()


def test_refund_takes_its_permission(client: Client) -> None:
    packer = UserFactory.create(is_staff=True)
    packer.user_permissions.set(
        Permission.objects.filter(codename__in=["view_order", "change_order"])
    )
    client.force_login(packer)
    order = packed_order(1)

    assert offered(client, order) == [
        "ship",
        "ship_part",
        "cancel",
        "replay",
        "add_note",
    ]
    assert client.get(page(order, "refund")).status_code == 403
    assert client.get(page(order, "ship")).status_code == 200


def test_return_is_answered_and_taken_in(boss: User, client: Client) -> None:
    order = delivered_order(2)
    [line] = lines_of(order)
    asked = asked_for(order, 2)
    act(client, RETURNS, "approve", asked.pk, answer="send it to our door")
    assert (
        act(client, RETURNS, "receive", asked.pk)["Location"]
        == f"{RETURNS}{asked.pk}/receive/"
    )

    seen = client.get(f"{RETURNS}{asked.pk}/receive/")
    given = {f"line_{line.pk}": 1, "reason": "came back"}
    client.post(f"{RETURNS}{asked.pk}/receive/", given)
    again = client.post(f"{RETURNS}{asked.pk}/receive/", given)

    assert "too small" in seen.content.decode()
    assert "cannot become received" in again.content.decode()
    assert Refund.objects.get().amount == 20_000
    assert stock_of(line.product_id) == 19
    asked.refresh_from_db()
    assert (asked.state, asked.answer) == ("received", "send it to our door")
    assert client.get(RETURNS).status_code == 200
    assert client.get(f"{RETURNS}{asked.pk}/change/").status_code == 200
    assert_books_balance()


def test_return_is_rejected_or_closed(boss: User, client: Client) -> None:
    first, second = asked_for(delivered_order(1), 1), asked_for(delivered_order(1), 1)

    act(client, RETURNS, "reject", first.pk, answer="it was used")
    act(client, RETURNS, "approve", second.pk, answer="yes")
    act(client, RETURNS, "close", second.pk)
    refused = act(client, RETURNS, "approve", first.pk, answer="after all")

    states = Return.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [ReturnState.REJECTED, ReturnState.WITHDRAWN]
    assert "cannot become approved" in told(refused)[-1]


def test_staff_note_a_return_for_a_shopper(boss: User, client: Client) -> None:
    order = delivered_order(2)
    [line] = lines_of(order)

    client.post(page(order, "return"), {f"line_{line.pk}": 1, "reason": "by phone"})

    asked = Return.objects.get()
    assert (asked.reason, asked.lines.get().quantity) == ("by phone", 1)


def test_taking_in_takes_the_permission_to_refund(client: Client) -> None:
    packer = UserFactory.create(is_staff=True)
    packer.user_permissions.set(
        Permission.objects.filter(codename__in=["view_return", "change_return"])
    )
    asked = asked_for(delivered_order(1), 1)
    returns.approve(return_id=asked.pk, answer="")
    client.force_login(packer)

    assert client.post(f"{RETURNS}{asked.pk}/receive/", {}).status_code == 403
    asked.refresh_from_db()
    assert asked.state == ReturnState.APPROVED
