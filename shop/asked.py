"""What a shopper asks of a product list, as it stands in the address."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.money import from_major, to_major

# Beyond it a shopper filters; the database never skips more rows than this allows.
MAX_PAGE = 50
MAX_TEXT = 100
MAX_MAJOR, MAX_DIGITS = 10**12, 20
RATINGS = (4, 3, 2)
# More kinds of attributes, or values of one, nobody presses by hand.
MAX_OPTIONS, MAX_VALUES, MAX_WORD = 8, 20, 60
OPTION = "o."
ON, OFF = "on", "off"
MATCH, NEWEST = "match", "newest"
SORTS: Mapping[str, Promise] = {
    MATCH: _("Best match"),
    "best": _("Best selling"),
    NEWEST: _("Newest"),
    "price": _("Price, low to high"),
    "-price": _("Price, high to low"),
    "rating": _("Rating"),
    "discount": _("Discount"),
}

Options = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Asked:
    """The cleaned wishes of a shopper; nonsense is ignored, not refused."""

    text: str = ""
    # The slug of the category that a search is narrowed to.
    category: str = ""
    lowest: int | None = None
    highest: int | None = None
    rating: int | None = None
    # What is sold out is left out of lists unless asked for; a search finds it.
    in_stock: bool = False
    on_sale: bool = False
    options: Options = ()
    # Exactly these words, however few products have them.
    is_exact: bool = False
    sort: str = NEWEST
    page: int = 1
    # The bounds came the wrong way round and were swapped.
    is_swapped: bool = field(default=False, compare=False)

    @classmethod
    def from_query(cls, query: QueryDict) -> "Asked":
        if not query:
            return cls(in_stock=wants_stock(""))
        text = _text(query.get("q", ""))
        lowest, highest = _amount(query, "min_price"), _amount(query, "max_price")
        is_swapped = lowest is not None and highest is not None and lowest > highest
        if is_swapped:
            lowest, highest = highest, lowest
        rating = _whole(query.get("rating", ""))
        return cls(
            text=text,
            category=_text(query.get("category", "")),
            lowest=lowest,
            highest=highest,
            rating=rating if rating in RATINGS else None,
            in_stock=_in_stock(query.get("in_stock", ""), text=text),
            on_sale=bool(query.get("on_sale")),
            options=_options(query),
            is_exact=bool(text and query.get("exact")),
            sort=_sort(query.get("sort", ""), text=text),
            page=min(max(_whole(query.get("page", "")) or 1, 1), MAX_PAGE),
            is_swapped=is_swapped,
        )

    @property
    def bounds(self) -> tuple[str, str]:
        """The price bounds as they are typed; empty for none."""
        return _typed(self.lowest), _typed(self.highest)

    @property
    def step(self) -> str:
        """By how much a typed price goes up or down."""
        return to_major(1)

    @property
    def filters(self) -> int:
        """How many filters narrow the list."""
        values = sum(len(values) for _name, values in self.options)
        bounds = self.lowest is not None or self.highest is not None
        stock = self.in_stock and not self.is_stock_usual
        others = (self.category, self.rating, stock, self.on_sale, bounds)
        return values + sum(map(bool, others))

    @property
    def is_stock_usual(self) -> bool:
        """Tell whether what is sold out is dealt with as in every such list."""
        return self.in_stock == wants_stock(self.text)

    def without_filters(self) -> "Asked":
        """Return the same words in the same order, not narrowed by anything."""
        return Asked(
            text=self.text,
            is_exact=self.is_exact,
            sort=self.sort,
            in_stock=wants_stock(self.text),
        )

    def without_option(self, name: str, value: str) -> "Asked":
        """Return the same but for one value of an attribute."""
        kept = [
            (known, tuple(one for one in values if (known, one) != (name, value)))
            for known, values in self.options
        ]
        options = tuple((known, values) for known, values in kept if values)
        return replace(self, options=options)

    def url(self, **changes: Any) -> str:
        """Link from a list's page to this list, on its first page unless told."""
        query = replace(self, **{"page": 1} | changes).query()
        return f"?{query}" if query else "./"

    def query(self) -> str:
        """Return this page of the list as a query string without its ``?``."""
        low, high = self.bounds
        parts: dict[str, str | tuple[str, ...]] = {
            "q": self.text,
            "category": self.category,
            "min_price": low,
            "max_price": high,
            "rating": str(self.rating or ""),
            "in_stock": "" if self.is_stock_usual else ON if self.in_stock else OFF,
            "on_sale": _ticked(self.on_sale),
            "exact": _ticked(self.is_exact),
        }
        parts |= {f"{OPTION}{name}": values for name, values in self.options}
        parts["sort"] = "" if self.sort == default_sort(self.text) else self.sort
        parts["page"] = str(self.page) if self.page > 1 else ""
        kept = {name: value for name, value in parts.items() if value}
        return urlencode(kept, doseq=True)


def wants_stock(text: str) -> bool:
    """Tell whether a list has only what is in stock, unless asked for all."""
    return not text


def default_sort(text: str) -> str:
    """Return the order that a list has unless another one is asked for."""
    return MATCH if text else NEWEST


def sorts_for(text: str) -> list[tuple[str, Promise]]:
    """Return the orders to choose from: without words nothing matches best."""
    return [(key, label) for key, label in SORTS.items() if text or key != MATCH]


def _text(raw: str) -> str:
    return " ".join(raw.replace("\x00", "").split())[:MAX_TEXT]


def _sort(key: str, *, text: str) -> str:
    is_known = key in SORTS and (text or key != MATCH)
    return key if is_known else default_sort(text)


def _in_stock(answer: str, *, text: str) -> bool:
    return answer != OFF if answer else wants_stock(text)


def _whole(raw: str) -> int | None:
    is_number = raw.isascii() and raw.isdigit() and len(raw) <= MAX_DIGITS
    return int(raw) if is_number else None


def _amount(query: QueryDict, name: str) -> int | None:
    """Read a price as shoppers write it: in whole units, decimals where there are."""
    raw = query.get(name, "").strip()
    if not raw or len(raw) > MAX_DIGITS:
        return None
    try:
        value = Decimal(raw)
        return from_major(value) if 0 <= value <= MAX_MAJOR else None
    except (InvalidOperation, ValueError):
        return None


def _options(query: QueryDict) -> Options:
    names = sorted(name for name in query if name.startswith(OPTION))[:MAX_OPTIONS]
    found = []
    for name in names:
        values = {_text(value)[:MAX_WORD] for value in query.getlist(name)} - {""}
        known = _text(name.removeprefix(OPTION))[:MAX_WORD]
        if known and values:
            found.append((known, tuple(sorted(values)[:MAX_VALUES])))
    return tuple(found)


def _typed(amount: int | None) -> str:
    return "" if amount is None else to_major(amount)


def _ticked(flag: object) -> str:
    return ON if flag else ""
