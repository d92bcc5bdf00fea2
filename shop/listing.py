"""What a shopper may ask of a product list, and the page of it they get."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.postgres.search import SearchQuery
from django.db.models import F, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from catalog.models import Product
from common.money import from_major, to_major
from shop.cards import CardRow, card_rows
from shop.memo import Memo
from shop.shelves import Shelf

PER_PAGE = 24
# Beyond it a shopper filters; the database never skips more rows than this allows.
MAX_PAGE = 50
MAX_COUNT = PER_PAGE * MAX_PAGE

SORTS = {
    "newest": (_("Newest"), ("-created_at", "-id")),
    "price": (_("Price, low to high"), ("price", "id")),
    "-price": (_("Price, high to low"), ("-price", "-id")),
}

_counts: Memo[str, int] = Memo(seconds=30, size=2_000)


class ListingForm(forms.Form):
    """Filters and order of a product list; nonsense is ignored, not refused."""

    q = forms.CharField(required=False, max_length=100, strip=True)
    # As shoppers write prices: in whole units, with decimals where there are some.
    min_price = forms.DecimalField(
        required=False, min_value=0, max_value=10**12, label=_("From")
    )
    max_price = forms.DecimalField(
        required=False, min_value=0, max_value=10**12, label=_("To")
    )
    in_stock = forms.BooleanField(required=False, label=_("In stock only"))
    sort = forms.ChoiceField(
        required=False,
        choices=[(key, label) for key, (label, _order) in SORTS.items()],
        label=_("Sort"),
    )
    page = forms.IntegerField(required=False, min_value=1, max_value=MAX_PAGE)


@dataclass(frozen=True)
class Asked:
    """The cleaned wishes of a shopper."""

    text: str
    lowest: int | None
    highest: int | None
    in_stock: bool
    sort: str
    page: int
    # The bounds came the wrong way round and were swapped.
    is_swapped: bool

    @classmethod
    def from_query(cls, query: QueryDict) -> "Asked":
        form = ListingForm(query)
        form.is_valid()
        clean: dict[str, Any] = form.cleaned_data
        lowest, highest = _minor(clean, "min_price"), _minor(clean, "max_price")
        is_swapped = lowest is not None and highest is not None and lowest > highest
        if is_swapped:
            lowest, highest = highest, lowest
        return cls(
            text=clean.get("q", "").replace("\x00", ""),
            lowest=lowest,
            highest=highest,
            in_stock=clean.get("in_stock", False),
            sort=clean.get("sort") or "newest",
            page=clean.get("page") or 1,
            is_swapped=is_swapped,
        )

    @property
    def bounds(self) -> tuple[str, str]:
        """The price bounds as they are typed; empty for none."""
        return _typed(self.lowest) or "", _typed(self.highest) or ""

    @property
    def step(self) -> str:
        """By how much a typed price goes up or down."""
        return to_major(1)

    @property
    def filters(self) -> int:
        """How many filters narrow the list."""
        bounds = self.lowest is not None or self.highest is not None
        return bounds + self.in_stock

    def query(self, **changes: Any) -> str:
        """Return the query string of this list, with some of it changed."""
        parts: dict[str, Any] = {
            "q": self.text,
            "min_price": _typed(self.lowest),
            "max_price": _typed(self.highest),
            "in_stock": "on" if self.in_stock else None,
            "sort": None if self.sort == "newest" else self.sort,
            "page": None,
        } | changes
        kept = {name: value for name, value in parts.items() if value not in {None, ""}}
        return "?" + urlencode(kept)


@dataclass(frozen=True)
class Listing:
    """One page of a product list."""

    rows: list[CardRow]
    count: int
    page: int
    last_page: int

    @property
    def is_count_capped(self) -> bool:
        return self.count >= MAX_COUNT


def find(asked: Asked, shelf: Shelf | None) -> Listing:
    """Read one page: one statement, two when the count is not remembered."""
    products = _matching(asked, shelf)
    count = _count(asked, shelf, products)
    last_page = max(1, -(-count // PER_PAGE))
    page = min(asked.page, last_page)
    first = (page - 1) * PER_PAGE
    ordered = products.order_by(*SORTS[asked.sort][1])
    rows = card_rows(ordered[first : first + PER_PAGE])
    return Listing(rows=rows, count=count, page=page, last_page=last_page)


def _minor(clean: dict[str, Any], name: str) -> int | None:
    value: Decimal | None = clean.get(name)
    return None if value is None else from_major(value)


def _typed(amount: int | None) -> str | None:
    return None if amount is None else to_major(amount)


def _matching(asked: Asked, shelf: Shelf | None) -> QuerySet[Product]:
    products = (
        Product.objects.on_sale()
        .with_available()
        .priced_between(asked.lowest, asked.highest)
    )
    if shelf is not None:
        products = products.filter(category__in=sorted(shelf.family))
    if asked.in_stock:
        products = products.filter(stock__on_hand__gt=F("stock__reserved"))
    if asked.text:
        products = products.filter(
            search=SearchQuery(asked.text, search_type="websearch", config="simple")
        )
    return products


def _count(asked: Asked, shelf: Shelf | None, products: QuerySet[Product]) -> int:
    key = f"{shelf.id if shelf else 0}{asked.query(sort=None)}"
    capped = products.order_by().values("pk")[:MAX_COUNT]
    return _counts.get_or_make(key, capped.count)
