"""One page of a product list, from what a shopper asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from catalog import search
from catalog.search import Facets, Found, Sort
from common.db import run
from common.memo import Memo
from shop.asked import MAX_PAGE, NEWEST, Asked
from shop.cards import CardRow
from shop.facets import Chip, droppable
from shop.shelves import Shelf, find_shelf

PER_PAGE = 24
MAX_COUNT = PER_PAGE * MAX_PAGE

ENGINE_SORTS = {
    "match": Sort.RELEVANCE,
    "best": Sort.POPULAR,
    NEWEST: Sort.NEWEST,
    "price": Sort.PRICE,
    "-price": Sort.PRICE_DOWN,
    "rating": Sort.RATING,
    "discount": Sort.DISCOUNT,
}

# Every list asks this: as text it costs a fifth of what it costs as a queryset.
ROWS_SQL = """
    SELECT product.id, product.version, stock.on_hand - stock.reserved
      FROM catalog_product AS product
      LEFT JOIN inventory_stock AS stock ON stock.product_id = product.id
     WHERE product.id = ANY(%(ids)s) AND product.published_at <= now()
"""
NO_FACETS = Facets({}, (), {}, 0, 0, {})

# Which products a page has, and in which order, may be some seconds old. What their
# cards say never is: price and stock are read anew for every page.
_pages: Memo[tuple[Asked, int], Found] = Memo(seconds=15, size=500)


@dataclass(frozen=True)
class Listing:
    """One page of a product list."""

    rows: list[CardRow]
    count: int
    is_capped: bool
    facets: Facets
    page: int
    last_page: int
    # The words that were looked for, if they are not those that were typed.
    corrected: str | None = None

    @property
    def seen(self) -> int:
        """How many products this page and those before it have."""
        return min(self.page * PER_PAGE, self.count)


@dataclass(frozen=True)
class WayOut:
    """A filter to drop, and how many products there are without it."""

    chip: Chip
    count: int


def find(asked: Asked, shelf: Shelf | None) -> Listing:
    """Read one page: one statement while its order is remembered, else two."""
    found = _found(asked, shelf)
    last_page = max(1, -(-min(found.count, MAX_COUNT) // PER_PAGE))
    page = min(asked.page, last_page)
    if page != asked.page:
        found = _found(replace(asked, page=page), shelf)
    correction = found.correction
    return Listing(
        rows=rows_of(found.product_ids),
        count=found.count,
        is_capped=found.is_capped,
        facets=found.facets or NO_FACETS,
        page=page,
        last_page=last_page,
        corrected=correction.used if correction else None,
    )


def rows_of(product_ids: Sequence[int]) -> list[CardRow]:
    """Read what the cards of these products need, in this order; one statement."""
    if not product_ids:
        return []
    found = run(ROWS_SQL, {"ids": list(product_ids)}).rows()
    rows = {product_id: CardRow(product_id, *facts) for product_id, *facts in found}
    return [rows[pk] for pk in product_ids if pk in rows]


def ways_out(asked: Asked, shelf: Shelf | None) -> list[WayOut]:
    """Return the filters without which there are products, the best one first."""
    found = [
        WayOut(chip, search.find(_question(chip.without, shelf, limit=1)).count)
        for chip in droppable(asked)
    ]
    return sorted((way for way in found if way.count), key=lambda way: -way.count)


def unfiltered(asked: Asked, shelf: Shelf | None) -> int:
    """Count the products of a list that nothing narrows."""
    return search.find(_question(asked.without_filters(), shelf, limit=1)).count


def meant(asked: Asked) -> str | None:
    """Return the words that were probably meant, where these have no products."""
    question = _question(asked.without_filters(), None, limit=1)
    correction = search.find(replace(question, may_correct=True)).correction
    return correction.used if correction else None


def _found(asked: Asked, shelf: Shelf | None) -> Found:
    def look() -> Found:
        question = _question(asked, shelf, limit=PER_PAGE)
        return search.find(replace(question, facets=True))

    return _pages.get_or_make((asked, shelf.id if shelf else 0), look)


def _question(asked: Asked, shelf: Shelf | None, *, limit: int) -> search.Asked:
    within = (find_shelf(asked.category) if asked.category else None) or shelf
    return search.Asked(
        text=asked.text,
        category_ids=within.family if within else frozenset(),
        price_min=asked.lowest,
        price_max=asked.highest,
        rating_min=asked.rating,
        in_stock=asked.in_stock,
        on_sale=asked.on_sale,
        attributes=dict(asked.options),
        sort=ENGINE_SORTS[asked.sort],
        offset=(asked.page - 1) * PER_PAGE,
        limit=limit,
        facets=False,
        may_correct=not asked.is_exact,
    )
