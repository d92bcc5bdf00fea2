"""Lists of parcels, as carriers' programs and spreadsheets write them.

Each row is an order's number, its tracking number, and maybe the carrier. Nothing here
writes: what is wrong with a row is said, and the others are not its victims.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from checkout.errors import ManifestInvalid
from orders.models import Fulfilment, Order, OrderStatus

MOST_ROWS = 500
MOST_BYTES = 200_000
LONGEST_TRACKING, LONGEST_CARRIER = 80, 60
DELIMITERS = ",;\t"
# What a program may call its first column; such a row is a heading.
HEADINGS = {"number", "order", "order number", "주문번호", "номер", "номер заказа"}
# How spreadsheets of our countries save a list, after the one way that is right.
ENCODINGS = ("utf-8-sig", "cp949", "cp1251")
# A number of a carrier, and no formula for whoever opens our lists in a spreadsheet.
TRACKING = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_-]*")


@dataclass(frozen=True, slots=True)
class Row:
    """A parcel as the list has it; ``place`` counts its rows from 1."""

    place: int
    number: str
    tracking_number: str
    carrier: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A row, whose order it names, and what is wrong with it ("" is nothing).

    What is wrong with the order's status is in ``refusal``: it may be different when
    the row is carried out.
    """

    row: Row
    order: Order | None
    error: str = ""
    refusal: str = ""

    @property
    def problem(self) -> str:
        """Return why this row would not be carried out, if anything."""
        return self.error or self.refusal


def decoded(data: bytes) -> str:
    """Return the text of a file; raise ``ManifestInvalid`` for what is no text."""
    if len(data) > MOST_BYTES:
        raise ManifestInvalid(_("The file is too long."))
    for encoding in ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ManifestInvalid(_("The file is no text."))


def read(text: str, *, carrier: str = "") -> list[Row]:
    """Read a list; ``carrier`` is for rows that name none.

    Raises ``ManifestInvalid`` for what is no list at all, or too long a one.
    """
    if len(text) > MOST_BYTES:
        raise ManifestInvalid(_("The list is too long."))
    if "\0" in text:
        raise ManifestInvalid(_("The file is no text."))
    rows: list[Row] = []
    try:
        for cells in csv.reader(io.StringIO(text), delimiter=_delimiter(text)):
            fields = [cell.strip() for cell in cells]
            if not any(fields) or (not rows and fields[0].lower() in HEADINGS):
                continue
            rows.append(_row(len(rows) + 1, fields, carrier))
    except csv.Error:
        raise ManifestInvalid(_("The list cannot be read.")) from None
    if len(rows) > MOST_ROWS:
        raise ManifestInvalid(_("At most %(n)s rows at once.") % {"n": MOST_ROWS})
    if not rows:
        raise ManifestInvalid(_("There is no row in this list."))
    return rows


def check(rows: Sequence[Row]) -> list[Checked]:
    """Say of each row whether it can be carried out as things stand; two statements."""
    numbers = Counter(row.number for row in rows)
    trackings = Counter(row.tracking_number for row in rows)
    orders = {
        order.number: order for order in Order.objects.filter(number__in=list(numbers))
    }
    taken = _taken([number for number in trackings if number])
    checked = []
    for row in rows:
        order = orders.get(row.number)
        error = _own_error(row) or _error_among(row, order, numbers, trackings, taken)
        refusal = _refusal(order) if order and not error else ""
        checked.append(Checked(row, order, error, refusal))
    return checked


def write(rows: Sequence[Row]) -> str:
    """Write rows as ``read`` reads them."""
    lines = io.StringIO()
    csv.writer(lines).writerows(
        [row.number, row.tracking_number, row.carrier] for row in rows
    )
    return lines.getvalue()


def _delimiter(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    return max(DELIMITERS, key=first.count)


def _row(place: int, fields: list[str], carrier: str) -> Row:
    number, tracking_number, own_carrier = [*fields, "", ""][:3]
    number = number.lstrip("#").upper()
    return Row(place, number, tracking_number, own_carrier or carrier)


def _own_error(row: Row) -> str:
    if not row.tracking_number:
        return _("It has no tracking number.")
    if len(row.tracking_number) > LONGEST_TRACKING:
        return _("Its tracking number is too long.")
    if not TRACKING.fullmatch(row.tracking_number):
        return _("This is no tracking number.")
    if not row.carrier:
        return _("It names no carrier.")
    if len(row.carrier) > LONGEST_CARRIER or not row.carrier.isprintable():
        return _("This is no carrier’s name.")
    return ""


def _error_among(
    row: Row,
    order: Order | None,
    numbers: Mapping[str, int],
    trackings: Mapping[str, int],
    taken: Mapping[str, set[Any]],
) -> str:
    if order is None:
        return _("There is no such order.")
    if numbers[row.number] > 1:
        return _("The order is in the list more than once.")
    if trackings[row.tracking_number] > 1:
        return _("The tracking number is in the list more than once.")
    if taken.get(row.tracking_number, set()) - {order.pk}:
        return _("Another order has this tracking number.")
    return ""


def _refusal(order: Order) -> str:
    if order.can_become(OrderStatus.SHIPPED):
        return ""
    status = OrderStatus(order.status).label
    return _("The order is not being packed: %(status)s.") % {"status": status}


def _taken(trackings: list[str]) -> dict[str, set[Any]]:
    found: dict[str, set[Any]] = {}
    parcels = Fulfilment.objects.filter(tracking_number__in=trackings).order_by()
    for number, order_id in parcels.values_list("tracking_number", "order_id"):
        found.setdefault(number, set()).add(order_id)
    return found
