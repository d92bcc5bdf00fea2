"""Tables that come in from anybody, and those that go out to a spreadsheet."""

import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from catalog.models import Product
from common import sheets
from common.sheets import SheetTooLarge, SheetUnreadable
from tests.factories import ProductFactory


def xlsx(*rows: list[Any]) -> bytes:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def packed(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return file.getvalue()


def with_part(content: bytes, name: str, part: bytes) -> bytes:
    """Return an XLSX file with one of its parts written anew."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            new.writestr(info, part if info.filename == name else old.read(info))
    return file.getvalue()


TABLE = [{"sku": "A-1", "price": "9000"}, {"sku": "B-2", "price": ""}]
BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [
<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">
<!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">
]><worksheet><sheetData><row><c t="str"><v>&e;</v></c></row></sheetData></worksheet>"""


@pytest.mark.parametrize(
    "content",
    [
        b"sku,price\nA-1,9000\nB-2,\n\n",
        "\N{ZERO WIDTH NO-BREAK SPACE}SKU; Price\r\nA-1;9000\r\nB-2;\r\n".encode(),
        "sku\tprice\nA-1\t9000\nB-2\t\n".encode("utf-16"),
        b'"sku","price"\n"A-1","9000"\n"B-2"\n',
        xlsx(["sku", "price"], ["A-1", 9000], ["B-2", None], [None, None]),
        xlsx(["sku", "price", None], ["A-1", 9000.0], ["B-2", ""]),
    ],
)
def test_table_is_read_as_spreadsheets_write_it(content: bytes) -> None:
    assert sheets.read(content).dict == TABLE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"sku,price\n",
        b"sku,sku\nA,B\n",
        b"sku,,price\nA,,1\n",
        b'sku\n"A',
        b"sku\n\x00\n",
        "sku\n가방\n".encode("cp949"),
        b"\xd0\xcf\x11\xe0" + bytes(600),
        b"PK\x03\x04" + bytes(600),
        packed(**{"a.txt": b"x"}),
        packed(**{"xl/workbook.xml": b"<workbook", "[Content_Types].xml": b""}),
        with_part(xlsx(["sku"], ["A"]), "xl/worksheets/sheet1.xml", BOMB),
        with_part(xlsx(["sku"], ["A"]), "xl/worksheets/sheet1.xml", b"<no"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(SheetUnreadable):
        sheets.read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"sku\n" + b"A" * sheets.MAX_BYTES,
        b"sku\n" + b"A\n" * (sheets.MAX_ROWS + 1),
        ",".join(f"c{n}" for n in range(sheets.MAX_COLUMNS + 1)).encode() + b"\nA\n",
        packed(**{"xl/worksheets/sheet1.xml": bytes(sheets.MAX_UNPACKED + 1)}),
        packed(**{f"{n}.xml": b"" for n in range(sheets.MAX_PARTS + 1)}),
    ],
)
def test_what_is_too_much_is_refused_before_it_is_read(content: bytes) -> None:
    with pytest.raises(SheetTooLarge):
        sheets.read(content)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+82 10", "'+82 10"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("Mug = cup", "Mug = cup"),
        (-5, -5),
        (Decimal("-1.50"), Decimal("-1.50")),
        (True, "yes"),
        (None, ""),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
        ("bell\x07", "bell\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_cell_is_calculated_by_nobody(value: Any, cell: Any) -> None:
    assert sheets.harmless(value) == cell


def test_what_goes_out_comes_in_the_same() -> None:
    rows = [["=1+1", "-x", 5], ["a,b", 'say "hi"\nyes', -7]]
    table = [{"name": "=1+1", "note": "-x", "n": "5"}]
    table += [{"name": "a,b", "note": 'say "hi"\nyes', "n": "-7"}]
    headers = ["name", "note", "n"]

    text = "".join(sheets.csv_lines(headers, rows))
    with sheets.xlsx_file(headers, rows) as file:
        content = file.read()

    assert sheets.read(text.encode()).dict == table
    assert sheets.read(content).dict == table
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s", "n"}


@pytest.mark.django_db
def test_large_tables_are_read_in_batches(django_assert_num_queries: Any) -> None:
    products = ProductFactory.create_batch(5, stock_on_hand=0)

    with django_assert_num_queries(3):
        found = list(sheets.by_batches(Product.objects.all(), size=2))

    assert found == products
