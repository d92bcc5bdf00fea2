"""The ledger as its owner reads it: by month, as a line, and as a file."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from common.days import shop_day, shop_zone
from points.models import LedgerEntry

# Of the line: in units of its own view box.
WIDTH, HEIGHT, EDGE = 320, 64, 4
# Movements that the line shows.
ON_THE_LINE = 30
AT_ONCE = 500
# How a cell begins that a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Month:
    """The movements of one shop month that are on the page."""

    first_day: date
    entries: list[LedgerEntry]


@dataclass(frozen=True)
class Line:
    """The balance over the last movements, drawn."""

    points: str
    lowest: int
    highest: int
    width: int = WIDTH
    height: int = HEIGHT


def by_month(entries: Sequence[LedgerEntry]) -> list[Month]:
    """Group movements by shop month, in the order they come in."""
    months: list[Month] = []
    for entry in entries:
        first = shop_day(entry.created_at).replace(day=1)
        if not months or months[-1].first_day != first:
            months.append(Month(first, []))
        months[-1].entries.append(entry)
    return months


def line_of(entries: QuerySet[LedgerEntry]) -> Line | None:
    """Draw the balance after each of the last movements; nothing for fewer than two."""
    newest = entries.order_by("-sequence").values_list("balance_after", flat=True)
    balances = list(newest[:ON_THE_LINE])[::-1]
    if len(balances) < 2:  # noqa: PLR2004 — a line has two ends
        return None
    lowest, highest = min(balances), max(balances)
    spread = max(1, highest - lowest)
    step = (WIDTH - 2 * EDGE) / (len(balances) - 1)
    drawn = " ".join(
        f"{EDGE + place * step:.1f},"
        f"{HEIGHT - EDGE - (balance - lowest) * (HEIGHT - 2 * EDGE) / spread:.1f}"
        for place, balance in enumerate(balances)
    )
    return Line(points=drawn, lowest=lowest, highest=highest)


def as_csv(entries: QuerySet[LedgerEntry]) -> Iterator[str]:
    """Write movements as lines of CSV, as they are read."""
    head = [_("Time"), _("What"), _("Reference"), _("Amount"), _("Balance after")]
    yield "\ufeff" + _row(head)
    for entry in entries.iterator(chunk_size=AT_ONCE):
        moment = entry.created_at.astimezone(shop_zone())
        yield _row(
            [
                moment.isoformat(timespec="seconds"),
                str(entry.get_kind_display()),
                _harmless(entry.reference),
                entry.amount,
                entry.balance_after,
            ]
        )


class _Echo:
    """Gives back what is written to it."""

    def write(self, value: str) -> str:
        return value


def _row(cells: Iterable[object]) -> str:
    written: str = csv.writer(_Echo()).writerow(cells)
    return written


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text
