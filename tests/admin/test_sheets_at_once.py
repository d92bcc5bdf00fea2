"""Files of staff: many rows at once, rows that are refused, and what few may see."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog import editing
from catalog.errors import SkuTaken
from catalog.models import Product
from catalog.sheets import ProductSheet
from common import audit
from outbox.models import Event
from tests.admin.acting import allow, told
from tests.admin.test_sheets import (
    PRODUCT_FILE,
    PRODUCTS,
    STOCK_FILE,
    apply,
    lines,
    look,
    rows_of,
)
from tests.books import assert_books_balance
from tests.factories import CategoryFactory, ProductFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("what", ["stock", "products"])
def test_more_rows_do_not_need_more_statements(
    what: str, boss: User, client: Client
) -> None:
    def statements(rows: int) -> int:
        products = ProductFactory.create_batch(rows, stock_on_hand=10)
        shelf = products[0].category.slug
        texts = {
            "stock": "sku,change,counted\n"
            + "".join(
                f"{one.sku},{n % 2},{'' if n % 2 else 7}\n"
                for n, one in enumerate(products)
            ),
            "products": "sku,name,category,price,is_published\n"
            + "".join(
                f"{one.sku},Cup {n},,,no\nNEW-{one.sku},Jar,{shelf},5000,yes\n"
                for n, one in enumerate(products)
            ),
        }
        url = STOCK_FILE if what == "stock" else PRODUCT_FILE
        page = look(client, url, texts[what])
        with CaptureQueriesContext(connection) as queries:
            answer = apply(client, url, page)
        moved = rows if what == "stock" else 2 * rows
        assert told(answer)[-1] == f"Rows imported: {moved}."
        return len(queries)

    statements(2)
    few, many = statements(2), statements(30)

    assert many == few
    assert_books_balance()


def test_row_that_is_refused_keeps_none_of_the_others(
    boss: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = CategoryFactory.create(slug="lamps")
    known, other = ProductFactory.create_batch(2)
    content = (
        "sku,name,category,price\n"
        f"{known.sku},Cup,,\nNEW-1,Lamp,lamps,5000\n{other.sku},Bowl,,\n"
    )
    page = look(client, PRODUCT_FILE, content)
    write = ProductSheet.write

    def lose_race(sheet: ProductSheet, rows: Any, job: Any, place: str) -> Any:
        ProductFactory.create(sku="NEW-1", name="Theirs", category=shelf)
        return write(sheet, rows, job, place)

    monkeypatch.setattr(ProductSheet, "write", lose_race)
    answer = apply(client, PRODUCT_FILE, page)

    assert lines(answer) == [
        (2, "change", []),
        (3, "bad", [str(SkuTaken().detail)]),
        (4, "change", []),
    ]
    assert told(answer) == ["Some rows were refused; the others are done."]
    names = dict(Product.objects.values_list("sku", "name"))
    assert names == {known.sku: "Cup", other.sku: "Bowl", "NEW-1": "Theirs"}
    rows = LogEntry.objects.filter(change_message__contains="Import products")
    assert [audit.read(row).action for row in rows.order_by("pk")] == [
        "Import products"
    ] * 3


def test_costs_come_and_go_for_those_who_set_prices_only(
    boss: User, client: Client
) -> None:
    product = ProductFactory.create(price=10_000)
    content = f"sku,name,cost\n{product.sku},Cup,6000\n"
    clerk = UserFactory.create(is_staff=True)
    analyst = UserFactory.create(is_staff=True)
    allow(clerk, "view_product", "add_product", "change_product")
    allow(analyst, "add_product", "change_product", "view_product", "view_dailysales")

    apply(client, PRODUCT_FILE, look(client, PRODUCT_FILE, content))
    product.refresh_from_db()
    assert product.cost == 6_000
    row = LogEntry.objects.get(object_id=str(product.pk))
    assert ("cost", "–", "6,000") in audit.read(row).changes()

    client.force_login(clerk)
    unknown = look(client, PRODUCT_FILE, content.replace("6000", "5000"))
    hidden_one = rows_of(client.post(f"{PRODUCTS}export/products/", {"format": "csv"}))
    client.force_login(analyst)
    ignored = look(client, PRODUCT_FILE, content.replace("6000", "5000"))
    shown_one = rows_of(client.post(f"{PRODUCTS}export/products/", {"format": "csv"}))

    assert "Unknown columns: cost." in unknown.content.decode()
    assert lines(ignored) == [(2, "same", [])]
    assert "cost" not in hidden_one[0]
    assert shown_one[0]["cost"] == "6000"


def test_products_that_change_together_keep_what_their_rows_do_not_say(
    boss: User, client: Client
) -> None:
    shelf = CategoryFactory.create(slug="lamps")
    first, second, third = ProductFactory.create_batch(3, weight_grams=5, cost=7)
    editing.archive(product_id=third.pk)
    content = (
        "sku,name,category,weight_grams,is_published\n"
        f"{first.sku},Cup,,,no\n{second.sku},,lamps,9,\n{third.sku},,,,yes\n"
    )

    apply(client, PRODUCT_FILE, look(client, PRODUCT_FILE, content))

    told_of = Event.objects.filter(topic="product.changed").order_by("-position")[:3]
    for product, name, category, grams, is_published in (
        (first, "Cup", first.category, 5, False),
        (second, second.name, shelf, 9, True),
        (third, third.name, third.category, 5, True),
    ):
        before = product.version
        product.refresh_from_db()
        assert (product.name, product.category) == (name, category)
        assert (product.weight_grams, product.cost) == (grams, 7)
        assert (product.published_at is not None) is is_published
        assert product.archived_at is None
        assert product.version > before
    said = {event.payload["product_id"]: event.payload for event in told_of}
    assert said[first.pk]["is_on_sale"] is False
    assert said[third.pk]["is_on_sale"] is True
    assert said[second.pk]["version"] == second.version
