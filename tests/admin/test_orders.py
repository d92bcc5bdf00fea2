import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from common import audit
from orders.models import Fulfilment, Order, OrderEvent
from points import services as points
from tests.admin.acting import act, told
from tests.books import assert_books_balance
from tests.factories import UserFactory
from tests.shops import Shop

pytestmark = pytest.mark.django_db

ORDERS = "/admin/orders/order/"


def status(shop: Shop, name: str) -> str:
    return Order.objects.get(pk=shop.orders[name]).status


def test_order_is_packed_shipped_and_delivered(
    shop: Shop, boss: User, client: Client
) -> None:
    pk = shop.orders["paid"]

    act(client, ORDERS, "pack", pk)
    assert status(shop, "paid") == "processing"
    act(client, ORDERS, "ship", pk, carrier="CJ Logistics", tracking_number="T-1")
    assert status(shop, "paid") == "shipped"
    act(client, ORDERS, "deliver", pk)

    assert status(shop, "paid") == "delivered"
    parcel = Fulfilment.objects.get(order_id=pk)
    assert (parcel.carrier, parcel.tracking_number) == ("CJ Logistics", "T-1")
    actors = OrderEvent.objects.filter(order_id=pk).values_list("actor", flat=True)
    assert list(actors) == [shop.user.pk, shop.user.pk, boss.pk, boss.pk, boss.pk]
    assert_books_balance()


def test_shipping_asks_for_the_carrier_before_anything_happens(
    shop: Shop, boss: User, client: Client
) -> None:
    response = act(client, ORDERS, "ship", shop.orders["processing"])

    assert response.status_code == 200
    assert b'name="carrier"' in response.content
    assert str(shop.orders["processing"]).encode() in response.content
    assert status(shop, "processing") == "processing"


def test_shipping_without_a_carrier_asks_again(
    shop: Shop, boss: User, client: Client
) -> None:
    response = act(
        client, ORDERS, "ship", shop.orders["processing"], tracking_number="T-1"
    )

    assert response.status_code == 200
    assert b"This field is required." in response.content
    assert status(shop, "processing") == "processing"


def test_cancelling_gives_goods_and_money_back(
    shop: Shop, boss: User, client: Client
) -> None:
    before = points.balance_of(shop.user.pk)
    order = Order.objects.get(pk=shop.orders["paid"])

    response = act(client, ORDERS, "cancel", order.pk, reason="damaged in the store")

    assert told(response) == ["Cancel and give the money back: 1 done."]
    assert status(shop, "paid") == "cancelled"
    assert points.balance_of(shop.user.pk) == before + order.total
    last = OrderEvent.objects.filter(order=order).latest("pk")
    assert (last.reason, last.actor_id) == ("damaged in the store", boss.pk)
    assert_books_balance()


@pytest.mark.parametrize(
    ("action", "name", "given"),
    [
        ("pack", "pending", {}),
        ("pack", "delivered", {}),
        ("ship", "paid", {"carrier": "CJ", "tracking_number": "1"}),
        ("deliver", "processing", {}),
        ("cancel", "shipped", {"reason": "late"}),
        ("cancel", "expired", {"reason": "late"}),
    ],
)
def test_refused_step_is_shown_and_changes_nothing(
    action: str,
    name: str,
    given: dict[str, str],
    shop: Shop,
    boss: User,
    client: Client,
) -> None:
    order = Order.objects.get(pk=shop.orders[name])
    events = OrderEvent.objects.count()

    response = act(client, ORDERS, action, order.pk, **given)

    (message,) = told(response)
    # In words that say why, which differ by what was to be done.
    assert message.startswith(f"{order.number}: ")
    assert "cannot" in message
    assert status(shop, name) == order.status
    assert OrderEvent.objects.count() == events
    assert not LogEntry.objects.exists()


def test_one_refusal_does_not_stop_the_others(
    shop: Shop, boss: User, client: Client
) -> None:
    response = act(
        client, ORDERS, "pack", shop.orders["paid"], shop.orders["delivered"]
    )

    assert sorted(message.partition(":")[2] for message in told(response)) == [
        " 1 done.",
        " An order that is delivered cannot become processing.",
    ]
    assert status(shop, "paid") == "processing"


def test_action_is_written_down(shop: Shop, boss: User, client: Client) -> None:
    act(client, ORDERS, "pack", shop.orders["paid"])

    entry = LogEntry.objects.get()
    said = audit.read(entry)
    assert (entry.user, entry.object_id, said.action) == (
        boss,
        str(shop.orders["paid"]),
        "Begin to pack",
    )
    assert said.changes() == [("status", "paid", "processing")]


def test_order_page_offers_what_its_status_allows(
    shop: Shop, boss: User, client: Client
) -> None:
    offered = {
        name: [action for action, _ in client.get(url).context["object_actions"]]
        for name, order_id in shop.orders.items()
        for url in [f"{ORDERS}{order_id}/change/"]
    }

    again = ["replay", "add_note"]
    assert offered["pending"] == ["mark_paid", "cancel", "add_note"]
    assert offered["paid"] == ["pack", "cancel", "refund", *again]
    assert offered["processing"] == ["ship", "ship_part", "cancel", "refund", *again]
    assert offered["shipped"] == ["deliver", *again]
    assert offered["delivered"] == ["take_return", *again]
    assert offered["refunded"] == again
    assert offered["cancelled"] == ["add_note"]
    assert offered["expired"] == ["mark_paid", "add_note"]


def test_action_from_an_order_page_leads_back_there(
    shop: Shop, boss: User, client: Client
) -> None:
    here = f"{ORDERS}{shop.orders['paid']}/change/"

    response = act(client, ORDERS, "cancel", shop.orders["paid"], reason="x", next=here)
    elsewhere = act(
        client,
        ORDERS,
        "cancel",
        shop.orders["paid"],
        reason="x",
        next="https://elsewhere.example/",
    )

    assert response["Location"] == here
    assert elsewhere["Location"] == ORDERS


def test_staff_who_may_only_look_cannot_act(shop: Shop, client: Client) -> None:
    looker = UserFactory.create(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_order"))
    client.force_login(looker)

    page = client.get(f"{ORDERS}{shop.orders['paid']}/change/")
    act(client, ORDERS, "pack", shop.orders["paid"])

    assert page.status_code == 200
    assert page.context["object_actions"] == []
    assert status(shop, "paid") == "paid"


def test_staff_who_may_handle_orders_can_act(shop: Shop, client: Client) -> None:
    packer = UserFactory.create(is_staff=True)
    packer.user_permissions.set(
        Permission.objects.filter(codename__in=["view_order", "change_order"])
    )
    client.force_login(packer)

    act(client, ORDERS, "pack", shop.orders["paid"])

    assert status(shop, "paid") == "processing"


def test_order_is_found_by_number_mail_sku_and_tracking(
    shop: Shop, boss: User, client: Client
) -> None:
    order = Order.objects.get(pk=shop.orders["shipped"])
    line = Order.objects.get(pk=shop.orders["sold_alone"]).lines.get()

    def found(term: str) -> set[str]:
        listed = client.get(ORDERS, {"q": term}).context["cl"].result_list
        return {row.number for row in listed}

    assert found(order.number) == found(order.number.lower()) == {order.number}
    assert found("TRACK-shipped") == {order.number}
    assert found(line.sku) == {line.order.number}
    assert found(shop.user.email) == set(Order.objects.values_list("number", flat=True))
    assert found("nobody@example.com") == set()


def test_list_can_be_narrowed_to_late_orders(
    shop: Shop, boss: User, client: Client
) -> None:
    late = Order.objects.filter(pk=shop.orders["paid"])
    late.update(paid_at="2026-01-01T00:00Z")

    listed = client.get(ORDERS, {"attention": "late"}).context["cl"].result_list

    assert [order.pk for order in listed] == [shop.orders["paid"]]
