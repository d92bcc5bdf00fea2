"""Finding products: full text, filters, facets, and help with what was typed.

The one engine behind the shop's lists, the API and the suggestions. ``find`` answers
an ``Asked`` with the ids of one page; whoever shows them reads their cards, and with
these the stock, live by id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from django.contrib.postgres.search import SearchQuery

from catalog.models import Product


class Sort(StrEnum):
    """The orders of a list; relevance without a text is the same as newest."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    PRICE = "price"
    PRICE_DOWN = "-price"
    RATING = "rating"
    POPULAR = "popular"
    DISCOUNT = "discount"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for. Every field has a default that does not narrow the list.

    Prices are in minor units, both ends included. ``category_ids`` are all the ids of
    a family of categories; empty is the whole shop. ``attributes`` holds, by key of
    ``Product.options``, the values of which one must be there.
    """

    text: str = ""
    category_ids: frozenset[int] = frozenset()
    price_min: int | None = None
    price_max: int | None = None
    rating_min: int | None = None
    in_stock: bool = False
    on_sale: bool = False
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: Sort = Sort.RELEVANCE
    offset: int = 0
    limit: int = 24
    # Whether ``Found.facets`` is wanted.
    facets: bool = True
    # Whether a text without hits may be answered as another that has some.
    may_correct: bool = True


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


@dataclass(frozen=True, slots=True)
class Correction:
    """The text that was typed had no hits; ``used`` is what was looked for instead."""

    typed: str
    used: str


@dataclass(frozen=True, slots=True)
class Found:
    """One page of hits, in order.

    ``count`` is exact unless ``is_capped``: then there are more than that.
    """

    product_ids: tuple[int, ...]
    count: int
    is_capped: bool
    facets: Facets | None = None
    correction: Correction | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A text that could be meant, in pieces: what was typed, and what is predicted."""

    text: str
    # (piece, whether it was typed); the pieces make up the text.
    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class CategoryHit:
    """A category whose name fits."""

    id: int
    name: str
    slug: str


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What to offer while somebody types; all empty below two letters."""

    queries: tuple[Prediction, ...] = ()
    product_ids: tuple[int, ...] = ()
    categories: tuple[CategoryHit, ...] = ()


_ORDERS: Mapping[Sort, tuple[str, ...]] = {
    Sort.RELEVANCE: ("-created_at", "-id"),
    Sort.NEWEST: ("-created_at", "-id"),
    Sort.PRICE: ("price", "id"),
    Sort.PRICE_DOWN: ("-price", "-id"),
    Sort.RATING: ("-rating_average", "-id"),
    Sort.POPULAR: ("-created_at", "-id"),
    Sort.DISCOUNT: ("-created_at", "-id"),
}


def find(asked: Asked) -> Found:
    """Return one page of the products on sale that match."""
    products = Product.objects.on_sale().priced_between(
        asked.price_min, asked.price_max
    )
    if asked.text:
        query = SearchQuery(asked.text, search_type="websearch", config="simple")
        products = products.filter(search=query)
    if asked.category_ids:
        products = products.filter(category__in=asked.category_ids)
    ids = products.order_by(*_ORDERS[asked.sort]).values_list("pk", flat=True)
    page = tuple(ids[asked.offset : asked.offset + asked.limit])
    return Found(product_ids=page, count=products.count(), is_capped=False)


def suggest(text: str, *, limit: int = 8) -> Suggestions:  # noqa: ARG001 — not yet
    """Offer texts, products and categories for what has been typed so far."""
    return Suggestions()
