"""Staff ship many orders by a list: they see what it would do, and then do it once."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from common import audit
from orders.models import Fulfilment, Order, OrderStatus
from outbox.models import Event
from tests.admin.acting import act
from tests.books import assert_books_balance
from tests.factories import UserFactory
from tests.parcels import packed_order, paid_order, status_of

pytestmark = pytest.mark.django_db
ORDERS = "/admin/orders/order/"
PAGE = f"{ORDERS}ship-many/"


def listed(*orders: Order) -> str:
    return "".join(f"{order.number},T-{n}\n" for n, order in enumerate(orders, 1))


def preview(client: Client, rows: str, **given: object) -> HttpResponse:
    data = {"rows": rows, "carrier": "CJ Logistics", "key": "k-1", **given}
    return client.post(PAGE, data)  # type: ignore[return-value]


def confirm(client: Client, seen: HttpResponse, key: str = "k-1") -> HttpResponse:
    """Press the button below a preview."""
    context = seen.context  # type: ignore[attr-defined]
    data = {"rows": context["confirmed"], "key": key, "confirmed": "Ship"}
    return client.post(PAGE, data)  # type: ignore[return-value]


def outcomes(response: HttpResponse) -> list[str]:
    results = response.context["results"]  # type: ignore[attr-defined]
    return [f"{result.outcome} {result.problem}" for result in results]


def test_list_is_seen_before_anything_is_shipped(boss: User, client: Client) -> None:
    good, unpaid = packed_order(1), paid_order(1)

    seen = preview(client, f"{listed(good, unpaid)}NOSUCH00,T-9\n")

    page = seen.content.decode()
    assert "Ship 1 order" in page
    assert "2 rows are left out." in page
    assert "The order is not being packed: Paid." in page
    assert "There is no such order." in page
    assert not Fulfilment.objects.exists()
    assert not LogEntry.objects.exists()


def test_good_rows_are_shipped_and_written_down(boss: User, client: Client) -> None:
    orders = [packed_order(1), packed_order(2)]
    unpacked = paid_order(1)

    done = confirm(client, preview(client, listed(*orders, unpacked)))

    assert [text.count("tag-good") for text in outcomes(done)] == [1, 1]
    assert [status_of(order) for order in orders] == [OrderStatus.SHIPPED] * 2
    assert status_of(unpacked) == OrderStatus.PAID
    parcels = Fulfilment.objects.order_by("pk").values_list(
        "carrier", "tracking_number"
    )
    assert list(parcels) == [("CJ Logistics", "T-1"), ("CJ Logistics", "T-2")]
    told = [audit.read(entry) for entry in LogEntry.objects.order_by("pk")]
    assert [(row.action, row.changes()) for row in told] == [
        ("Ship by list", [("status", "processing", "shipped")])
    ] * 2
    assert_books_balance()


def test_second_send_ships_nothing_twice(boss: User, client: Client) -> None:
    orders = [packed_order(1), packed_order(1)]
    seen = preview(client, listed(*orders))

    confirm(client, seen)
    again = confirm(client, seen)

    assert ["before" in text for text in outcomes(again)] == [True, True]
    assert Fulfilment.objects.count() == 2
    assert Event.objects.filter(topic="order.shipped").count() == 2
    assert LogEntry.objects.count() == 2


def test_same_list_on_another_day_is_refused_row_by_row(
    boss: User, client: Client
) -> None:
    order = packed_order(1)
    seen = preview(client, listed(order))
    confirm(client, seen)

    again = confirm(client, seen, key="k-2")

    assert "cannot become shipped" in outcomes(again)[0]
    assert Fulfilment.objects.count() == 1


def test_order_that_moved_on_since_the_preview_is_not_the_others_trouble(
    boss: User, client: Client
) -> None:
    first, second = packed_order(1), packed_order(1)
    seen = preview(client, listed(first, second))
    act(client, ORDERS, "cancel", first.pk, reason="called")

    done = confirm(client, seen)

    assert ["tag-good" in text for text in outcomes(done)] == [False, True]
    assert status_of(first) == OrderStatus.CANCELLED
    assert status_of(second) == OrderStatus.SHIPPED
    assert_books_balance()


def test_list_comes_as_a_file(boss: User, client: Client) -> None:
    order = packed_order(1)
    text = f"order;tracking;carrier\r\n{order.number};T-1;한진택배\r\n"
    file = SimpleUploadedFile("list.csv", text.encode("cp949"), "text/csv")

    confirm(client, preview(client, "", file=file))

    assert Fulfilment.objects.get().carrier == "한진택배"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", "There is no row in this list."),
        ("x" * 200_001, "The list is too long."),
        ("NOSUCH00,1\n" * 501, "At most 500 rows at once."),
        ("NOSUCH00,=1+1", "This is no tracking number."),
        ("<script>alert(1)</script>,T-1", "&lt;script&gt;".upper()),
        ('"NOSUCH00,T-1', "It has no tracking number."),
    ],
)
def test_hostile_list_is_answered_and_does_nothing(
    rows: str, words: str, boss: User, client: Client
) -> None:
    response = preview(client, rows)

    page = response.content.decode()
    assert response.status_code == 200
    assert words.lower() in page.lower()
    assert "<script>alert" not in page.lower()
    assert not Fulfilment.objects.exists()


def test_hostile_file_is_answered_and_does_nothing(boss: User, client: Client) -> None:
    file = SimpleUploadedFile("list.csv", b"\x89PNG\r\n\0\0" * 9, "text/csv")

    response = preview(client, "", file=file)

    assert response.status_code == 200
    assert not Fulfilment.objects.exists()


def test_rows_that_nobody_saw_are_judged_all_the_same(
    boss: User, client: Client
) -> None:
    unpacked, packed = paid_order(1), packed_order(1)
    rows = f"{unpacked.number},T-1,CJ\n{packed.number},=T-2,CJ\n"

    client.post(PAGE, {"rows": rows, "key": "k", "confirmed": "Ship"})

    assert not Fulfilment.objects.exists()
    assert not LogEntry.objects.exists()


def test_chosen_orders_are_in_the_list_already(boss: User, client: Client) -> None:
    one, two = packed_order(1), packed_order(1)

    page = act(client, ORDERS, "ship_many", one.pk, two.pk)

    form = page.context["form"]  # type: ignore[attr-defined]
    assert form.initial["rows"] == f"{one.number},\n{two.number},\n"


def test_page_takes_the_permission_to_ship(client: Client) -> None:
    looker = UserFactory.create(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_order"))
    client.force_login(looker)
    order = packed_order(1)

    codes = {
        client.get(PAGE).status_code,
        preview(client, listed(order)).status_code,
        client.post(
            PAGE, {"rows": f"{order.number},1,CJ", "confirmed": "y"}
        ).status_code,
    }
    act(client, ORDERS, "ship_many", order.pk)

    assert codes == {403}
    assert b"Ship many" not in client.get(ORDERS).content
    assert not Fulfilment.objects.exists()


def test_slips_of_many_orders_are_one_page_for_the_printer(
    boss: User, client: Client
) -> None:
    orders = [packed_order(1), packed_order(2)]

    response = act(client, ORDERS, "print_slips", *(order.pk for order in orders))

    page = response.content.decode()
    assert response.status_code == 200
    assert all(page.count(order.number) >= 1 for order in orders)
