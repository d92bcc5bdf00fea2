"""Staff find any order in two actions, in a list that stays quick."""

from collections.abc import Callable, Iterator

import pytest
from django.core.paginator import Paginator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import User
from checkout import services as checkout
from checkout.finding import orders_named
from checkout.services import Purchase
from common.days import shop_day
from common.paging import QuickPaginator
from coupons.models import CouponBatch
from orders.models import Order, OrderLine
from outbox.models import Dispatch, Event
from tests.factories import AddressFactory, DeliveryMethodFactory, ProductFactory
from tests.shops import Shop, busy_shop
from tests.standing import standing

pytestmark = pytest.mark.django_db
ORDERS = "/admin/orders/order/"


@pytest.fixture(scope="module")
def standing_shop(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Callable[[], Shop]]:
    with standing(busy_shop, django_db_blocker) as shop:
        yield shop


@pytest.fixture
def shop(standing_shop: Callable[[], Shop]) -> Shop:
    return standing_shop()


def found(client: Client, **asked: str) -> set[str]:
    listed = client.get(ORDERS, asked).context["cl"].result_list
    return {row.number for row in listed}


def numbers(*names: str, shop: Shop) -> set[str]:
    chosen = Order.objects.filter(pk__in=[shop.orders[name] for name in names])
    return set(chosen.values_list("number", flat=True))


def with_address(shop: Shop, name: str, phone: str) -> Order:
    order = Order.objects.get(pk=shop.orders[name])
    order.address = AddressFactory.create(user=shop.user, phone=phone).snapshot()
    order.save(update_fields=["address"])
    return order


# --- The search -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "term", ["010-1234-5678", "+82 10 1234 5678", "01012345678", "1234-5678"]
)
def test_phone_is_found_however_it_is_written(
    term: str, shop: Shop, boss: User, client: Client
) -> None:
    order = with_address(shop, "paid", "+82 10-1234-5678")

    assert found(client, q=term) == {order.number}


def test_order_is_found_by_how_somebody_names_it(
    shop: Shop, boss: User, client: Client
) -> None:
    alone = OrderLine.objects.get(order=shop.orders["sold_alone"])

    assert found(client, q=alone.order.number.lower()) == {alone.order.number}
    assert found(client, q=alone.product.sku.lower()) == {alone.order.number}
    assert found(client, q=" TRACK-shipped ") == numbers("shipped", shop=shop)
    everything = set(Order.objects.values_list("number", flat=True))
    assert found(client, q=shop.user.email[:6].upper()) == everything


def test_old_order_is_found_by_its_shoppers_new_address(
    shop: Shop, boss: User, client: Client
) -> None:
    User.objects.filter(pk=shop.user.pk).update(email="moved@example.com")

    assert len(found(client, q="moved@example.com")) == len(shop.orders) + 1


@pytest.mark.parametrize("term", ["'", "%", "_", "\\", "  ", "x" * 500, "0", "1234567"])
def test_term_that_names_nothing_finds_nothing(
    term: str, shop: Shop, boss: User, client: Client
) -> None:
    expected = set() if term.strip() else found(client)

    assert found(client, q=term) == expected


@pytest.mark.parametrize(
    "term", ["someone@example.com", "010-9999-8888", "NOSUCHNO", "SKU-77", "TRACK-9"]
)
def test_search_reads_no_whole_table(term: str, shop: Shop) -> None:
    with connection.cursor() as cursor:
        # Not by what other tests left of the statistics; and a small table is read
        # whole whatever its indexes are.
        cursor.execute("ANALYZE")
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = orders_named(term).explain()

    assert "Seq Scan" not in plan
    assert "order_by_email" in plan


# --- Filters --------------------------------------------------------------------------


def test_list_is_narrowed_by_days_of_payment(
    shop: Shop, boss: User, client: Client
) -> None:
    Order.objects.filter(pk=shop.orders["paid"]).update(paid_at="2026-03-04T15:00Z")

    # In the shop's own zone it was the next day.
    assert found(client, paid_to="2026-03-04") == set()
    assert found(client, paid_from="2026-03-05", paid_to="2026-03-05") == numbers(
        "paid", shop=shop
    )


def test_list_is_narrowed_by_total(shop: Shop, boss: User, client: Client) -> None:
    totals = sorted(set(Order.objects.values_list("total", flat=True)))
    low, high = totals[1], totals[-2]

    got = found(client, total_from=str(low), total_to=str(high))

    wanted = Order.objects.filter(total__gte=low, total__lte=high)
    assert got == set(wanted.values_list("number", flat=True))
    assert len(got) < Order.objects.count()


def test_list_is_narrowed_by_delivery_and_coupon(
    shop: Shop, boss: User, client: Client
) -> None:
    way = DeliveryMethodFactory.create(code="drone", name="By drone")
    Order.objects.filter(pk=shop.orders["paid"]).update(delivery_method=way.code)
    batch = CouponBatch.objects.get(coupons__order=shop.orders["paid"])

    assert found(client, delivery="drone") == numbers("paid", shop=shop)
    assert found(client, coupon=str(batch.pk)) == numbers("paid", shop=shop)
    assert found(client, coupon="any") == numbers(
        "pending", "paid", "refunded", "free", shop=shop
    )
    assert found(client, coupon="any") & found(client, coupon="none") == set()


def test_attention_is_drawn_to_what_waits(
    shop: Shop, boss: User, client: Client
) -> None:
    Order.objects.filter(pk=shop.orders["paid"]).update(paid_at="2026-01-01T00:00Z")
    Dispatch.objects.filter(aggregate=f"order/{shop.orders['free']}").update(
        delivered_at=None, dead_at=timezone.now()
    )

    assert found(client, attention="late") == numbers("paid", shop=shop)
    assert found(client, attention="untold") == numbers("free", shop=shop)
    assert found(client, attention="return") == numbers("shipped", shop=shop)
    assert found(client, attention="refund") == numbers("too_late", shop=shop)


@pytest.mark.parametrize(
    "asked",
    [
        {"paid_from": "9999-12-31"},
        {"paid_to": "yesterday"},
        {"total_from": "1e99"},
        {"total_to": "-1"},
        {"coupon": "9" * 40},
        {"coupon": "²"},
        {"delivery": "<b>"},
        {"attention": "'"},
        {"p": "9999"},
        {"o": "99.-1"},
    ],
)
def test_filter_that_makes_no_sense_is_no_error(
    asked: dict[str, str], shop: Shop, boss: User, client: Client
) -> None:
    assert client.get(ORDERS, asked, follow=True).status_code == 200


def test_saved_lists_say_how_much_there_is_to_do(
    shop: Shop, boss: User, client: Client
) -> None:
    page = client.get(ORDERS, {"status__exact": "paid"})

    presets = {str(preset["label"]): preset for preset in page.context["presets"]}
    paid = Order.objects.filter(status="paid")
    assert presets["To pack today"]["count"] == paid.count()
    assert presets["Late"]["count"] == 0
    for preset in presets.values():
        assert client.get(f"{ORDERS}{preset['url']}").status_code == 200
    to_pack = client.get(f"{ORDERS}{presets['To pack today']['url']}").context["cl"]
    # Some were paid in one moment; those may come in any order.
    assert [row.paid_at for row in to_pack.result_list] == list(
        paid.order_by("paid_at").values_list("paid_at", flat=True)
    )
    assert {row.pk for row in to_pack.result_list} == {order.pk for order in paid}
    paid_today = client.get(f"{ORDERS}{presets['Paid today']['url']}").context["cl"]
    assert all(
        shop_day(row.paid_at) == shop_day(timezone.now())
        for row in paid_today.result_list
    )


# --- The rows -------------------------------------------------------------------------


def test_row_unfolds_to_its_lines(shop: Shop, boss: User, client: Client) -> None:
    line = OrderLine.objects.get(order=shop.orders["sold_alone"])

    page = client.get(ORDERS, {"q": line.order.number}).content.decode()

    assert "<summary>2 items</summary>" in page
    assert f"2 × {line.name}" in page
    assert line.sku in page


def test_row_says_whether_others_know(shop: Shop, boss: User, client: Client) -> None:
    told, waiting, fresh, dead = (
        shop.orders[name] for name in ("delivered", "paid", "pending", "free")
    )
    Dispatch.objects.update(delivered_at=timezone.now(), dead_at=None)
    Dispatch.objects.filter(aggregate=f"order/{waiting}").update(delivered_at=None)
    Event.objects.filter(aggregate=f"order/{fresh}").update(sequence=None)
    Dispatch.objects.filter(aggregate=f"order/{dead}").update(
        delivered_at=None, dead_at=timezone.now()
    )

    listed = client.get(ORDERS).context["cl"]
    said = {row.pk: str(listed.model_admin.told(row)) for row in listed.result_list}

    assert "Yes" in said[told]
    assert "On its way" in said[waiting]
    assert "On its way" in said[fresh]
    assert "Given up" in said[dead]


@pytest.mark.parametrize(
    "asked", [{}, {"q": "example.com"}, {"attention": "untold", "coupon": "any"}]
)
def test_list_needs_few_statements_however_long(
    asked: dict[str, str], shop: Shop, boss: User, client: Client
) -> None:
    product = ProductFactory.create(stock_on_hand=100)
    wish = Purchase(
        user_id=shop.user.pk, email=shop.user.email, quantities={product.pk: 1}
    )
    for _ in range(40):
        checkout.place_and_pay(wish)
    client.get(ORDERS)

    with CaptureQueriesContext(connection) as queries:
        client.get(ORDERS, asked)

    assert len(queries) <= 12


def test_count_goes_no_further_than_pages_do(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = Order.objects.order_by("-pk")
    everything = Paginator(orders, 5).count
    monkeypatch.setattr(QuickPaginator, "MOST", 7)

    short = QuickPaginator(orders.filter(pk=shop.orders["paid"]), 5)
    long = QuickPaginator(orders, 5)

    assert (short.count, short.is_capped) == (1, False)
    assert everything > 7
    assert (long.count, long.num_pages, long.is_capped) == (7, 2, True)


def test_list_says_that_there_are_more(
    shop: Shop, boss: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuickPaginator, "MOST", 7)

    assert "More than 7 orders" in client.get(ORDERS).content.decode()
