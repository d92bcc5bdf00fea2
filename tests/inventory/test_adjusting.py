"""Stock adjusted by staff: by a number or to a count, for a reason of six kinds."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import User
from inventory import services as inventory
from inventory.errors import AdjustmentInvalid
from inventory.models import STAFF_KINDS, MovementKind, Stock, StockMovement
from tests.admin.acting import act, allow, told
from tests.books import assert_books_balance
from tests.factories import ProductFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db
STOCK = "/admin/inventory/stock/"
PRODUCTS = "/admin/catalog/product/"
MOVEMENTS = "/admin/inventory/stockmovement/"


@pytest.fixture
def boss(client: Client) -> User:
    user = StaffFactory.create()
    client.force_login(user)
    return user


def on_hand() -> list[int]:
    return list(Stock.objects.order_by("pk").values_list("on_hand", flat=True))


def seen(page: str, pk: int) -> dict[str, str]:
    found = re.search(rf'name="seen-{pk}" value="(\d+)"', page)
    assert found is not None
    return {f"seen-{pk}": found[1]}


@pytest.mark.parametrize("kind", STAFF_KINDS)
def test_each_kind_goes_its_own_way(kind: MovementKind) -> None:
    product = ProductFactory.create(stock_on_hand=10)
    more = kind in {"received", "brought_back", "counted", "corrected"}
    fewer = kind in {"damaged", "lost", "counted", "corrected"}

    for delta, is_right in ((2, more), (-2, fewer)):
        said: dict[str, Any] = {"product_id": product.pk, "kind": kind, "delta": delta}
        if is_right:
            moved = inventory.adjust(
                **said, reason="why", reference="note 7", actor_id=None
            )
            assert (moved.kind, moved.reference) == (kind, "note 7")
            assert moved.on_hand_after == Stock.objects.get().on_hand
        else:
            with pytest.raises(AdjustmentInvalid):
                inventory.adjust(**said, reason="why", actor_id=None)

    assert on_hand() == [10 + 2 * more - 2 * fewer]
    assert_books_balance()


def test_movement_keeps_reference_note_actor_and_what_it_left(
    boss: User, client: Client
) -> None:
    product = ProductFactory.create(stock_on_hand=10)

    act(
        client,
        STOCK,
        "adjust",
        product.pk,
        kind="lost",
        delta=-3,
        reference="list 12",
        reason="not on the shelf",
    )

    moved = StockMovement.objects.latest("pk")
    assert (moved.kind, moved.reference, moved.reason, moved.actor) == (
        "lost",
        "list 12",
        "not on the shelf",
        boss,
    )
    assert (moved.on_hand_delta, moved.on_hand_after, moved.reserved_after) == (
        -3,
        7,
        0,
    )
    said = LogEntry.objects.get().change_message
    assert '"before": {"on_hand": 10, "reserved": 0}' in said
    assert '"after": {"on_hand": 7, "reserved": 0}' in said


def test_count_sets_what_lies_there(boss: User, client: Client) -> None:
    product = ProductFactory.create(stock_on_hand=10)
    page = act(client, STOCK, "adjust", product.pk).content.decode()
    given = {"kind": "counted", "counted": 8, "reason": "inventory"}

    act(client, STOCK, "adjust", product.pk, **given, **seen(page, product.pk))
    again = act(client, STOCK, "adjust", product.pk, **given)

    assert on_hand() == [8]
    assert told(again)[-1].endswith("nothing to change.")
    assert StockMovement.objects.filter(kind="counted").count() == 1


def test_count_does_not_wipe_out_what_was_sold_since(
    boss: User, client: Client
) -> None:
    product = ProductFactory.create(stock_on_hand=10)
    page = act(client, STOCK, "adjust", product.pk).content.decode()
    inventory.adjust(
        product_id=product.pk,
        kind=MovementKind.DAMAGED,
        delta=-1,
        reason="fell",
        actor_id=None,
    )

    given = {"kind": "counted", "counted": 10, "reason": "inventory"}
    response = act(
        client, STOCK, "adjust", product.pk, **given, **seen(page, product.pk)
    )

    assert "The stock has changed meanwhile." in told(response)[0]
    assert on_hand() == [9]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "counted"}, "Say how many more or fewer"),
        ({"kind": "counted", "delta": 1, "counted": 5}, "Say how many more or fewer"),
        ({"kind": "received", "counted": 5}, "This is for goods that were counted"),
        ({"kind": "sold", "delta": -1}, "Select a valid choice."),
        ({"kind": "received", "delta": 1, "reason": " "}, "This field is required."),
    ],
)
def test_adjustment_that_makes_no_sense_is_refused_beside_its_field(
    given: dict[str, Any], said: str, boss: User, client: Client
) -> None:
    product = ProductFactory.create(stock_on_hand=10)

    page = act(client, STOCK, "adjust", product.pk, **({"reason": "x"} | given))

    assert said in page.content.decode()
    assert on_hand() == [10]


def test_several_are_adjusted_by_the_same_number_and_never_counted(
    boss: User, client: Client
) -> None:
    products = ProductFactory.create_batch(2, stock_on_hand=10)
    pks = [product.pk for product in products]

    page = act(client, STOCK, "adjust", *pks).content.decode()
    act(client, STOCK, "adjust", *pks, kind="received", delta=5, reason="delivery")

    assert 'name="counted"' not in page
    assert on_hand() == [15, 15]


def test_page_of_a_product_shows_its_stock_and_leads_to_the_adjustment(
    boss: User, client: Client
) -> None:
    product = ProductFactory.create(stock_on_hand=10)
    own = f"{PRODUCTS}{product.pk}/change/"

    page = client.get(own).content.decode()
    asked = act(client, PRODUCTS, "adjust", product.pk).content.decode()

    assert ">Adjust stock…</button>" in page
    assert f"{MOVEMENTS}?product__id__exact={product.pk}" in page
    assert f'action="{STOCK}"' in asked
    assert seen(asked, product.pk)
    assert "on_hand" not in client.get(own).context["adminform"].form.fields


def test_product_that_never_was_in_stock_is_taken_in(
    boss: User, client: Client
) -> None:
    product = ProductFactory.create(stock_on_hand=0)

    response = act(client, PRODUCTS, "adjust", product.pk)
    page = client.get(response["Location"])

    assert response["Location"] == f"{STOCK}add/?product={product.pk}"
    assert page.context["adminform"].form["product"].value() == str(product.pk)


def test_list_of_products_shows_on_hand_reserved_and_available(
    boss: User, client: Client
) -> None:
    ProductFactory.create(stock_on_hand=7)
    ProductFactory.create(stock_on_hand=0)

    page = client.get(PRODUCTS).content.decode()

    rows = re.findall(r'field-(on_hand|reserved|available)">(\d+)<', page)
    assert sorted(rows) == sorted(
        [
            ("on_hand", "7"),
            ("reserved", "0"),
            ("available", "7"),
            ("on_hand", "0"),
            ("reserved", "0"),
            ("available", "0"),
        ]
    )


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("mover=me", 1),
        ("mover=staff", 1),
        ("mover=shop", 2),
        ("kind__exact=received", 2),
        ("q=list+12", 1),
        ("q=SKU-LAMP", 2),
    ],
)
def test_movements_are_filtered(
    query: str, count: int, boss: User, client: Client
) -> None:
    ProductFactory.create(stock_on_hand=3)
    lamp = ProductFactory.create(stock_on_hand=10, sku="SKU-LAMP")
    inventory.adjust(
        product_id=lamp.pk,
        kind=MovementKind.CORRECTED,
        delta=1,
        reason="typo",
        reference="list 12",
        actor_id=boss.pk,
    )

    listed = client.get(f"{MOVEMENTS}?{query}").context["cl"].result_list

    assert len(listed) == count


def test_who_may_not_change_stock_does_not_adjust_it(client: Client) -> None:
    clerk = UserFactory.create(is_staff=True)
    allow(clerk, "view_stock", "view_product", "change_product")
    product = ProductFactory.create(stock_on_hand=10)
    client.force_login(clerk)
    given = {"kind": "received", "delta": 5, "reason": "x"}

    page = client.get(f"{PRODUCTS}{product.pk}/change/").content.decode()
    act(client, STOCK, "adjust", product.pk, **given)
    act(client, PRODUCTS, "adjust", product.pk)

    assert "Adjust stock" not in page
    assert on_hand() == [10]
