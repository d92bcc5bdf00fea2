"""Tables that leave the shop as CSV or XLSX, and tables that come in.

What comes in was written by a stranger or by a spreadsheet: it is told by its content,
limited before it is unpacked, and all text. What goes out holds no formulas.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from tempfile import TemporaryFile
from typing import IO, Any, TypeVar
from zipfile import BadZipFile, ZipFile

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _
from openpyxl import Workbook, load_workbook
from tablib import Dataset

from common.errors import Invalid

M = TypeVar("M", bound=Model)

MAX_BYTES = 2 * 1024 * 1024
# A small file can hold a table that fills the memory.
MAX_UNPACKED = 40 * 1024 * 1024
MAX_PARTS = 200
MAX_ROWS = 5_000
MAX_COLUMNS = 40
# A sheet of the program that most will open it with has no more.
MAX_XLSX_ROWS = 1_000_000
BATCH = 1_000
ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# What XML, and with it XLSX, cannot hold.
UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class SheetUnreadable(Invalid):
    """The file is no table that is understood here."""

    code = "sheet_unreadable"


class SheetTooLarge(Invalid):
    """The file holds more than is taken at a time, or than a sheet can hold."""

    code = "sheet_too_large"


def read(content: bytes) -> Dataset:
    """Return the table that a CSV or XLSX file holds: a row of headers, then text.

    Empty rows at its end are left out. Raises ``SheetUnreadable`` or ``SheetTooLarge``.
    """
    if len(content) > MAX_BYTES:
        raise SheetTooLarge(
            _("A file may have up to %(limit)s MB.") % {"limit": MAX_BYTES >> 20}
        )
    if content.startswith(OLD_EXCEL):
        raise SheetUnreadable(_("Please save it as XLSX or CSV: XLS is not read."))
    rows = _xlsx_rows(content) if content.startswith(ZIP) else _csv_rows(content)
    return _table([[_text(cell) for cell in row] for row in rows])


def harmless(value: Any) -> Any:
    """Return a value as a cell that no spreadsheet calculates; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, date | datetime):
        return value.isoformat()
    text = UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", str(value))
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_lines(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Write a table line by line as CSV that spreadsheets read as UTF-8."""
    writer = csv.writer(_Line())
    yield BOM + writer.writerow([harmless(header) for header in headers])
    for row in rows:
        yield writer.writerow([harmless(cell) for cell in row])


def xlsx_file(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> IO[bytes]:
    """Write a table as an XLSX file on the disk, row by row; the caller closes it.

    Raises ``SheetTooLarge`` for more rows than a sheet holds.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    sheet.append([harmless(header) for header in headers])
    for number, row in enumerate(rows, 1):
        if number > MAX_XLSX_ROWS:
            raise SheetTooLarge(_("A sheet has no room for so many rows. Take CSV."))
        sheet.append([harmless(cell) for cell in row])
    file = TemporaryFile()  # noqa: SIM115 — it outlives this function
    book.save(file)
    file.seek(0)
    return file


def by_batches(queryset: "QuerySet[M]", size: int = BATCH) -> Iterator[M]:
    """Yield all objects in the order of their keys, a batch in memory at a time.

    No cursor stays open on the server, so this works behind a pooler, too.
    """
    ordered = queryset.order_by("pk")
    batch = list(ordered[:size])
    yield from batch
    while len(batch) == size:
        batch = list(ordered.filter(pk__gt=batch[-1].pk)[:size])
        yield from batch


class _Line:
    """A file that keeps what is written to it last, for ``csv``."""

    def write(self, text: str) -> str:
        return text


def _csv_rows(content: bytes) -> Iterator[list[str]]:
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise SheetUnreadable(
            _("Please save it as CSV in UTF-8, or as XLSX.")
        ) from None
    if "\0" in text:
        raise SheetUnreadable(_("This is neither CSV nor XLSX."))
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from lines
    except csv.Error:
        raise SheetUnreadable(
            _("Line %(line)s is no CSV.") % {"line": lines.line_num}
        ) from None


def _xlsx_rows(content: bytes) -> Iterator[Sequence[Any]]:
    _check_package(content)
    try:
        book = load_workbook(
            io.BytesIO(content), read_only=True, data_only=True, keep_links=False
        )
        # The sizes that a sheet tells of itself are not to be believed.
        sheet: Any = book.worksheets[0]
        sheet.reset_dimensions()
        yield from sheet.iter_rows(
            max_row=MAX_ROWS + 2, max_col=MAX_COLUMNS + 1, values_only=True
        )
    except Exception:  # noqa: BLE001 — whatever a parser says to a stranger's file
        raise SheetUnreadable(_("This XLSX file cannot be read.")) from None


def _check_package(content: bytes) -> None:
    try:
        with ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
    except (BadZipFile, ValueError, OSError):
        raise SheetUnreadable(_("This XLSX file cannot be read.")) from None
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MAX_PARTS or unpacked > MAX_UNPACKED:
        raise SheetTooLarge(_("Unpacked, this file is too large."))


def _table(rows: list[list[str]]) -> Dataset:
    while rows and not any(rows[-1]):
        rows.pop()
    if len(rows) < 2:  # noqa: PLR2004 — headers and something below them
        raise SheetUnreadable(_("There are no rows in it."))
    headers = [cell.strip().lower() for cell in rows[0]]
    while headers and not headers[-1]:
        headers.pop()
    if len(rows) - 1 > MAX_ROWS or len(headers) > MAX_COLUMNS:
        raise SheetTooLarge(
            _("A file may have up to %(rows)s rows and %(columns)s columns.")
            % {"rows": MAX_ROWS, "columns": MAX_COLUMNS}
        )
    if not all(headers) or len(set(headers)) < len(headers):
        raise SheetUnreadable(
            _("Each column needs a name of its own in the first row.")
        )
    width = len(headers)
    table = Dataset(headers=headers)
    for row in rows[1:]:
        table.append((row + [""] * width)[:width])
    return table


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date | datetime):
        return cell.isoformat()
    text = str(cell).strip()
    # As we wrote it ourselves; see ``harmless``.
    return text[1:] if text.startswith("'") and text[1:2] in FORMULA else text
