"""What the hits of a search have in common, and how many of each there are."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.search_sql import PRICE_STEPS, Filter

MOST_RANGES = 5
RATINGS = (4, 3, 2, 1)
# The kinds of rows, as the statement numbers them.
_COLUMNS = ("category", "price", "rating", "in_stock", "on_sale", "options")
_KINDS = {
    0b0111: {"category"},
    0b1011: {"price"},
    0b1101: {"rating", "in_stock", "on_sale"},
    0b1110: {"options"},
}
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Prices from ``lowest`` (included) to ``highest`` (not), in minor units."""

    lowest: int
    # ``None``: no end.
    highest: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """How many hits each value would leave; a facet's own filter does not count.

    ``categories`` counts by the category the product stands in itself: whoever shows
    a tree adds up. ``ratings[4]`` are those with an average of 4 or more.
    """

    categories: Mapping[int, int]
    prices: tuple[PriceRange, ...]
    ratings: Mapping[int, int]
    in_stock: int
    on_sale: int
    attributes: Mapping[str, Mapping[str, int]]


def from_rows(rows: Sequence[Row], narrowing: Sequence[Filter]) -> tuple[int, Facets]:
    """Read the rows of a facet statement: the number of hits, and the facets.

    ``narrowing`` are the filters in the order of the bits of ``missed``.
    """
    bits = {one.facet: 1 << number for number, one in enumerate(narrowing)}
    steps = _counts(rows, "price", bits)
    ratings = _counts(rows, "rating", bits)
    facets = Facets(
        categories=_counts(rows, "category", bits),
        prices=_ranges(steps),
        ratings={
            least: sum(hits for rating, hits in ratings.items() if rating >= least)
            for least in RATINGS
        },
        in_stock=_counts(rows, "in_stock", bits)[True],
        on_sale=_counts(rows, "on_sale", bits)[True],
        attributes=_attributes(rows, bits),
    )
    return _counts(rows, "in_stock", {}).total(), facets


def _counts(rows: Sequence[Row], name: str, bits: Mapping[str, int]) -> Counter[Any]:
    own = bits.get(name, 0)
    place = 2 + _COLUMNS.index(name)
    counts: Counter[Any] = Counter()
    for row in rows:
        is_about = name in _KINDS.get(row[0], ()) and row[1] in {0, own}
        if is_about and row[place] is not None:
            counts[row[place]] += row[-1]
    return counts


def _attributes(
    rows: Sequence[Row], bits: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for row in rows:
        if "options" in _KINDS.get(row[0], ()):
            for key, value in _options(row[7]):
                if row[1] in {0, bits.get(f"options:{key}", 0)}:
                    found.setdefault(key, Counter())[value] += row[-1]
    return {
        key: dict(sorted(found[key].items(), key=lambda item: (-item[1], item[0])))
        for key in sorted(found)
    }


def _options(text: str) -> Iterator[tuple[str, str]]:
    """Yield keys and values as PostgreSQL's ``->>`` gives them."""
    for key, value in json.loads(text).items():
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, int | float):
            yield key, json.dumps(value)


def _ranges(steps: Mapping[int, int]) -> tuple[PriceRange, ...]:
    """Join neighbouring steps to a few ranges of about as many hits."""
    fair = sum(steps.values()) / MOST_RANGES
    ranges: list[PriceRange] = []
    start, held = None, 0
    for step in sorted(steps):
        start = step if start is None else start
        held += steps[step]
        if held >= fair:
            ranges.append(_range(start, step, held))
            start, held = None, 0
    if start is not None:
        ranges.append(_range(start, max(steps), held))
    return tuple(ranges)


def _range(first: int, last: int, count: int) -> PriceRange:
    return PriceRange(
        lowest=PRICE_STEPS[first - 1] if first else 0,
        highest=PRICE_STEPS[last] if last < len(PRICE_STEPS) else None,
        count=count,
    )
