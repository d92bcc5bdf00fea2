"""Reports as staff see them: figures, a chart, tables, and the same as CSV."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, auto
from typing import Any

from django.utils.formats import date_format, number_format

from common.admin import short
from common.charts import Chart as Chart
from common.charts import chart as chart
from common.money import money

# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Kind(Enum):
    """What a column holds; ``MONEY`` is in minor units, ``SHARE`` a part of one."""

    TEXT = auto()
    DAY = auto()
    TIME = auto()
    NUMBER = auto()
    DECIMAL = auto()
    MONEY = auto()
    SHARE = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """A column; a bar is drawn beside each number of the one that ``has_bar``."""

    label: Any
    kind: Kind = Kind.NUMBER
    has_bar: bool = False

    @property
    def is_number(self) -> bool:
        return self.kind not in {Kind.TEXT, Kind.DAY, Kind.TIME}


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as it is written; ``bar`` is its part of the highest, in percent."""

    text: str
    is_number: bool
    bar: int | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of values by column; the first names the row. ``urls`` lead from it."""

    title: Any
    columns: Sequence[Column]
    values: Sequence[Sequence[Any]]
    urls: Sequence[str] = ()

    def rows(self) -> Iterator[list[Cell]]:
        """Write the rows for a page."""
        highest = [
            max((row[place] or 0 for row in self.values), default=0)
            if column.has_bar
            else 0
            for place, column in enumerate(self.columns)
        ]
        for number, row in enumerate(self.values):
            yield [
                Cell(
                    text=written(value, column.kind),
                    is_number=column.is_number,
                    bar=_percent(value, most) if column.has_bar else None,
                    url=self.urls[number] if self.urls and place == 0 else "",
                )
                for place, (value, column, most) in enumerate(
                    zip(row, self.columns, highest, strict=True)
                )
            ]

    def csv_rows(self) -> Iterator[list[str]]:
        """Write the rows for a spreadsheet: plain numbers, money in minor units."""
        yield [str(column.label) for column in self.columns]
        for row in self.values:
            yield [plain(value) for value in row]


@dataclass(frozen=True, slots=True)
class Report:
    """A page: numbers at a glance, a chart, tables; ``notes`` say how to read them.

    With a chart the first table holds its data.
    """

    tables: Sequence[Table]
    figures: Sequence[tuple[Any, str]] = ()
    chart: Chart | None = None
    notes: Sequence[Any] = ()
    as_of: datetime | None = None


class Line:
    """A file that keeps what is written to it last, for ``csv``."""

    def write(self, text: str) -> str:
        return text


def csv_lines(table: Table) -> Iterator[str]:
    """Return the lines of a file that spreadsheets read as UTF-8."""
    writer = csv.writer(Line())
    yield "\N{ZERO WIDTH NO-BREAK SPACE}"
    for row in table.csv_rows():
        yield writer.writerow(row)  # what Line.write returned


def written(value: Any, kind: Kind) -> str:  # noqa: PLR0911 — one case per kind
    """Write a value as a page shows it; what there is none of is a dash."""
    if value is None:
        return "–"
    if kind is Kind.MONEY:
        return money(value)
    if kind is Kind.SHARE:
        return f"{number_format(100 * value, 1)} %"
    if kind is Kind.DAY:
        return date_format(value, "D, j M Y")
    if kind is Kind.TIME:
        return short(value)
    if kind is Kind.TEXT:
        return str(value)
    places = 2 if kind is Kind.DECIMAL else 0
    return number_format(value, places, force_grouping=True)


def _percent(value: Any, most: Any) -> int:
    return max(0, round(100 * (value or 0) / most)) if most > 0 else 0


def plain(value: Any) -> str:
    """Write a value for a spreadsheet, which may take it for nothing else."""
    if value is None:
        return ""
    if isinstance(value, date | datetime):
        return value.isoformat()
    text = str(value)
    # Numbers may be below zero; names that look like a formula are no formula.
    is_formula = not isinstance(value, int | float) and text.startswith(FORMULA)
    return f"'{text}" if is_formula else text
