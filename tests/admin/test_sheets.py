"""Tables that staff take out of the shop and bring in."""

import csv
import io
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import load_workbook

from accounts.models import User
from catalog.models import PriceChange, PriceRevision, Product
from inventory import services as inventory
from inventory.models import MovementKind, Stock, StockMovement
from orders.models import Order
from tests.admin.acting import allow, told
from tests.admin.test_prices import hidden
from tests.books import assert_books_balance
from tests.factories import CategoryFactory, ProductFactory, UserFactory
from tests.shops import Shop

pytestmark = pytest.mark.django_db
PRODUCTS = "/admin/catalog/product/"
STOCK = "/admin/inventory/stock/"
PRICE_FILE = f"{PRODUCTS}import/prices/"
PRODUCT_FILE = f"{PRODUCTS}import/products/"
STOCK_FILE = f"{STOCK}import/stock/"
EXPORTS = {
    f"{PRODUCTS}export/products/": "view_product",
    f"{PRODUCTS}export/prices/": "view_product",
    f"{STOCK}export/stock/": "view_stock",
    "/admin/orders/order/export/orders/": "view_order",
    "/admin/points/ledgerentry/export/ledger/": "view_ledgerentry",
}
Row = dict[str, str]


def look(client: Client, url: str, content: str | bytes, reason: str = "file 7") -> Any:
    """Upload a file; return the page that says what it would do."""
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("table.csv", data)
    return client.post(url, {"file": file, "reason": reason, "step": "preview"})


def apply(client: Client, url: str, page: Any, reason: str = "file 7") -> Any:
    """Press the button below what was shown."""
    key = hidden(page.content.decode(), "key")
    return client.post(url, {"key": key, "reason": reason, "step": "apply"})


def lines(page: Any) -> list[tuple[int, str, list[str]]]:
    checked = page.context["checked"]
    return [(line.number, line.kind, line.errors) for line in checked.lines]


def rows_of(response: Any) -> list[Row]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def prices() -> list[int]:
    return list(Product.objects.order_by("pk").values_list("price", flat=True))


# --- Out ------------------------------------------------------------------------------


def test_products_and_prices_go_out_with_harmless_cells(
    boss: User, client: Client
) -> None:
    product = ProductFactory.create(
        name="=1+1", price=12_000, compare_at_price=15_000, cost=7_000
    )

    products = rows_of(client.post(f"{PRODUCTS}export/products/", {"format": "csv"}))
    costs = rows_of(client.post(f"{PRODUCTS}export/prices/", {"format": "csv"}))

    assert [(row["sku"], row["name"], row["category"]) for row in products] == [
        (product.sku, "'=1+1", product.category.slug)
    ]
    assert (products[0]["is_published"], products[0]["price"]) == ("yes", "12000")
    assert (costs[0]["price"], costs[0]["compare_at_price"]) == ("12000", "15000")
    assert (products[0]["cost"], costs[0]["cost"]) == ("7000", "7000")


def test_orders_stock_and_ledger_go_out(shop: Shop, boss: User, client: Client) -> None:
    tables = {url: rows_of(client.post(url, {"format": "csv"})) for url in EXPORTS}

    orders = {
        row["number"]: row for row in tables["/admin/orders/order/export/orders/"]
    }
    paid = orders[shop_number(shop, "paid")]
    assert len(orders) == len(shop.orders) + 1
    assert (paid["status"], paid["units"]) == ("paid", "3")
    assert int(paid["total"]) == int(paid["subtotal"]) - int(paid["discount"]) + int(
        paid["delivery_cost"]
    )
    ledger = tables["/admin/points/ledgerentry/export/ledger/"]
    assert {row["user"] for row in ledger} >= {shop.user.email}
    assert all(len(row["own_hash"]) == 64 for row in ledger)
    stock = tables[f"{STOCK}export/stock/"]
    assert len(stock) == Stock.objects.count()
    assert all(
        int(row["available"]) == int(row["on_hand"]) - int(row["reserved"])
        for row in stock
    )


def shop_number(shop: Shop, name: str) -> str:
    return Order.objects.get(pk=shop.orders[name]).number


def test_sheet_of_a_spreadsheet_holds_numbers(boss: User, client: Client) -> None:
    ProductFactory.create(price=12_000)

    response = client.post(f"{PRODUCTS}export/prices/", {"format": "xlsx"})

    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    header, row = sheet.iter_rows(values_only=True)
    assert dict(zip(header, row, strict=True))["price"] == 12_000
    assert response["Content-Disposition"].endswith('.xlsx"')


def test_export_is_of_what_the_list_shows_and_is_written_down(
    boss: User, client: Client
) -> None:
    low = ProductFactory.create(stock_on_hand=2)
    ProductFactory.create(stock_on_hand=50)
    url = f"{STOCK}export/stock/?level=low"

    page = client.get(url).content.decode()
    rows = rows_of(client.post(url, {"format": "csv"}))

    assert "1 row, as the list is filtered." in page
    assert [row["sku"] for row in rows] == [low.sku]
    said = LogEntry.objects.get().change_message
    assert '"action": "Export stock"' in said
    assert '"rows": 1' in said


@pytest.mark.parametrize(("url", "permission"), EXPORTS.items())
def test_export_needs_the_permission_to_see(
    url: str, permission: str, client: Client
) -> None:
    clerk = UserFactory.create(is_staff=True)
    client.force_login(clerk)

    refused = [client.get(url), client.post(url, {"format": "csv"})]
    allow(clerk, permission)
    allowed = client.post(url, {"format": "csv"})

    assert [answer.status_code for answer in refused] == [403, 403]
    assert allowed.status_code == 200
    assert client.get(f"{url.partition('export/')[0]}export/x/").status_code == 404


# --- Prices in ------------------------------------------------------------------------


def test_prices_of_a_file_change_together_and_only_once(
    boss: User, client: Client
) -> None:
    first, second, third = ProductFactory.create_batch(3, price=10_000)
    content = f"sku,price\n{first.sku},9000\n{second.sku},10000\n{third.sku},\n"

    page = look(client, PRICE_FILE, content)
    assert lines(page) == [(2, "change", []), (3, "same", []), (4, "same", [])]
    assert prices() == [10_000] * 3
    answers = [apply(client, PRICE_FILE, page) for _ in range(2)]

    assert prices() == [9_000, 10_000, 10_000]
    change = PriceChange.objects.get()
    assert (change.cause, change.actor) == ("file 7", boss)
    assert PriceRevision.objects.get().lines.count() == 1
    assert told(answers[0])[-1] == "Rows imported: 1."
    assert (
        told(answers[1])[-1] == "This file was imported before: nothing was done twice."
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{sku},0", "A price is more than nothing."),
        ("{sku},-5", "A price is more than nothing."),
        ("{sku},cheap", "price: “cheap” is no amount."),
        ("{sku},NaN", "price: “NaN” is no amount."),
        ("{sku},0.5", "price: The currency has no such small change."),
        ("{sku},1e40", "price: “1e40” is no amount."),
        ("nobody,5", "There is no product with this SKU."),
        (",5", "There is no SKU."),
        ("{sku},5\n{sku},6", "This SKU is in the file twice."),
    ],
)
def test_bad_row_is_named_and_nothing_is_imported(
    row: str, said: str, boss: User, client: Client
) -> None:
    product, other = ProductFactory.create_batch(2, price=10_000)
    content = f"sku,price\n{other.sku},9000\n{row.format(sku=product.sku)}\n"

    page = look(client, PRICE_FILE, content)
    apply(client, PRICE_FILE, page)

    assert any(said in " ".join(errors) for _number, _kind, errors in lines(page))
    assert 'value="apply"' not in page.content.decode()
    assert prices() == [10_000, 10_000]
    assert not PriceChange.objects.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "The submitted file is empty."),
        ("sku,price\n", "There are no rows in it."),
        ("sku,prcie\nA,1\n", "Unknown columns: prcie."),
        ("sku\nA\n", "These columns are missing: price."),
        (b"PK\x03\x04 no zip", "This XLSX file cannot be read."),
        ("sku,price\n" + "A,1\n" * 5_001, "A file may have up to"),
    ],
)
def test_wrong_file_is_refused_with_the_reason(
    content: str | bytes, said: str, boss: User, client: Client
) -> None:
    page = look(client, PRICE_FILE, content)

    assert said in page.content.decode()
    assert 'value="apply"' not in page.content.decode()


def test_another_file_is_looked_at_before_it_is_applied(
    boss: User, client: Client
) -> None:
    product = ProductFactory.create(price=10_000)
    page = look(client, PRICE_FILE, f"sku,price\n{product.sku},9000\n")
    key = hidden(page.content.decode(), "key")
    file = SimpleUploadedFile("other.csv", f"sku,price\n{product.sku},1\n".encode())

    client.post(PRICE_FILE, {"key": key, "reason": "x", "step": "apply", "file": file})

    assert prices() == [10_000]


def test_file_of_somebody_else_is_not_applied(boss: User, client: Client) -> None:
    product = ProductFactory.create(price=10_000)
    page = look(client, PRICE_FILE, f"sku,price\n{product.sku},9000\n")
    other = UserFactory.create(is_staff=True, is_superuser=True)
    client.force_login(other)

    response = apply(client, PRICE_FILE, page)

    assert "Choose a file." in response.content.decode()
    assert prices() == [10_000]


# --- Stock in -------------------------------------------------------------------------


def test_rows_of_stock_are_movements_and_count_once(boss: User, client: Client) -> None:
    mug, bowl, spoon = ProductFactory.create_batch(3, stock_on_hand=10)
    new = ProductFactory.create(stock_on_hand=0)
    content = (
        "sku,kind,change,counted,reference,note\n"
        f"{mug.sku},,5,,DN-1,\n"
        f"{bowl.sku},damaged,-2,,,fell\n"
        f"{spoon.sku},,,9,,\n"
        f"{new.sku},received,4,,,\n"
    )

    page = look(client, STOCK_FILE, content)
    assert Stock.objects.get(pk=mug.pk).on_hand == 10
    inventory.adjust(
        product_id=spoon.pk,
        kind=MovementKind.LOST,
        delta=-1,
        reason="meanwhile",
        actor_id=None,
    )
    answers = [apply(client, STOCK_FILE, page) for _ in range(2)]

    left = dict(Stock.objects.values_list("product__sku", "on_hand"))
    # What was lost since the file came is taken off what was counted.
    assert left == {mug.sku: 15, bowl.sku: 8, spoon.sku: 8, new.sku: 4}
    moved = StockMovement.objects.filter(actor=boss).order_by("pk")
    assert [
        (one.kind, one.on_hand_delta, one.reference, one.reason) for one in moved
    ] == [
        ("received", 5, "DN-1", "file 7"),
        ("damaged", -2, "", "fell"),
        ("counted", -1, "", "file 7"),
        ("received", 4, "", "file 7"),
    ]
    assert told(answers[0])[-1] == "Rows imported: 4."
    assert told(answers[1])[-1].startswith("This file was imported before")
    assert_books_balance()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("sold,-1,", "Not one of received"),
        ("received,-1,", "needs another amount"),
        ("damaged,-11,", "That is more than is available."),
        (",1,5", "Say how many more or fewer"),
        (",,-1", "This is no number of pieces."),
        ("lost,,5", "What was counted is of the kind counted."),
        (",1.5,", "“1.5” is no whole number."),
    ],
)
def test_bad_row_of_stock_is_named(
    row: str, said: str, boss: User, client: Client
) -> None:
    product = ProductFactory.create(stock_on_hand=10)

    page = look(client, STOCK_FILE, f"sku,kind,change,counted\n{product.sku},{row}\n")

    assert said in lines(page)[0][2][0]
    assert Stock.objects.get().on_hand == 10


def test_row_that_is_refused_in_the_end_is_named(boss: User, client: Client) -> None:
    first, second = ProductFactory.create_batch(2, stock_on_hand=10)
    content = f"sku,kind,change\n{first.sku},lost,-9\n{second.sku},lost,-9\n"
    page = look(client, STOCK_FILE, content)
    inventory.adjust(
        product_id=first.pk,
        kind=MovementKind.LOST,
        delta=-1,
        reason="thief",
        actor_id=None,
    )
    Stock.objects.filter(pk=first.pk).update(reserved=0)

    # Checked again before anything is done: nothing is.
    inventory.adjust(
        product_id=first.pk,
        kind=MovementKind.LOST,
        delta=-1,
        reason="thief",
        actor_id=None,
    )
    response = apply(client, STOCK_FILE, page)

    assert lines(response)[0][1:] == (
        "bad",
        ["change: That is more than is available."],
    )
    assert list(Stock.objects.order_by("pk").values_list("on_hand", flat=True)) == [
        8,
        10,
    ]


# --- Products in ----------------------------------------------------------------------


def test_products_are_entered_and_changed(boss: User, client: Client) -> None:
    shelf = CategoryFactory.create(slug="lamps")
    known = ProductFactory.create(name="Mug", price=10_000)
    content = (
        "sku,name,category,price,is_published,weight_grams\n"
        f"{known.sku},Cup,,10000,no,300\n"
        "NEW-1,Lamp,lamps,5000,yes,\n"
    )

    page = look(client, PRODUCT_FILE, content)
    response = apply(client, PRODUCT_FILE, page)

    assert told(response)[-1] == "Rows imported: 2."
    known.refresh_from_db()
    assert (known.name, known.weight_grams, known.published_at) == ("Cup", 300, None)
    new = Product.objects.get(sku="NEW-1")
    assert (new.name, new.category, new.price) == ("Lamp", shelf, 5_000)
    assert new.published_at is not None
    assert new.slug == "lamp"
    assert LogEntry.objects.filter(object_id=str(new.pk)).count() == 1


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("sku,cost", "{sku},-1", "This must not be below zero."),
        ("sku,price", "{sku},9000", "Prices are changed by the table of prices"),
        ("sku,name", "NEW-1,Lamp", "category: A new product needs this."),
        ("sku,category", "{sku},nowhere", "There is no category with this slug."),
        ("sku,slug", "{sku},a/b", "slug:"),
        ("sku,weight_grams", "{sku},-1", "This must not be below zero."),
        ("sku,is_published", "{sku},maybe", "Write yes or no."),
    ],
)
def test_bad_row_of_products_is_named(
    header: str, row: str, said: str, boss: User, client: Client
) -> None:
    product = ProductFactory.create(price=10_000)

    page = look(client, PRODUCT_FILE, f"{header}\n{row.format(sku=product.sku)}\n")

    assert said in " ".join(lines(page)[0][2])
    assert Product.objects.count() == 1


def test_exported_products_come_back_without_a_change(
    boss: User, client: Client
) -> None:
    ProductFactory.create(name="=cmd", compare_at_price=12_000)
    ProductFactory.create(published_at=None)
    response: Any = client.post(f"{PRODUCTS}export/products/", {"format": "xlsx"})

    page = look(client, PRODUCT_FILE, b"".join(response.streaming_content))

    assert [kind for _number, kind, _errors in lines(page)] == ["same", "same"]


@pytest.mark.parametrize(
    ("url", "permissions"),
    [
        (PRICE_FILE, ("view_product", "change_product")),
        (PRODUCT_FILE, ("view_product", "change_product", "change_price")),
        (STOCK_FILE, ("view_stock", "view_stockmovement")),
    ],
)
def test_import_needs_its_permission(
    url: str, permissions: tuple[str, ...], client: Client
) -> None:
    clerk = UserFactory.create(is_staff=True)
    allow(clerk, *permissions)
    product = ProductFactory.create(price=10_000)
    client.force_login(clerk)

    answers = [client.get(url), look(client, url, f"sku,price\n{product.sku},1\n")]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert url not in client.get(url.partition("import/")[0]).content.decode()
