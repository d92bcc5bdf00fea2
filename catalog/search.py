"""Finding products: full text, filters, facets, and help with what was typed.

The one engine behind the shop's lists, the API and the suggestions. ``find`` answers
an ``Asked`` with the ids of one page; whoever shows them reads their cards, and with
these the stock, live by id.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import takewhile
from typing import Any

from django.core.cache import cache

from catalog import facets as facet_rows
from catalog import fruitless, search_sql
from catalog.facets import Facets as Facets
from catalog.facets import PriceRange as PriceRange
from catalog.keyboards import keystrokes
from catalog.search_sql import MOST_HITS as MOST_HITS
from catalog.search_sql import Statement
from catalog.search_text import TextQuery, clean, to_query
from catalog.wordlists import synonyms, vocabulary
from common.replica import reading


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
    """What to offer while somebody types; all empty below two letters.

    ``product_ids`` are on sale and the best first. ``correction`` says that nothing
    begins as typed, and what the rest was looked for with instead.
    """

    queries: tuple[Prediction, ...] = ()
    product_ids: tuple[int, ...] = ()
    categories: tuple[CategoryHit, ...] = ()
    correction: Correction | None = None


# What is shown may be so old; the stock on a card never is.
KEPT_SECONDS = 60
SUGGESTED_PRODUCTS = 3
SUGGESTED_CATEGORIES = 3
# Keys struck before anything is suggested.
SHORTEST_START = 2


def find(asked: Asked) -> Found:
    """Return one page of the products on sale that match; no text is an error.

    Hits of a text by relevance, and facets, may be 60 seconds old. All else is live.
    A text without any hit is noted for the report, and answered as what it may have
    been meant to be.
    """
    asked = replace(asked, text=clean(asked.text))
    if not asked.text:
        return _listed(asked, None)
    query = to_query(asked.text, synonyms())
    if query is None:
        return _nothing(asked)
    found = _kept(asked, query)
    if found.count or not asked.may_correct or _has_hits(query):
        return found
    return _instead(asked) or found


def restriction(asked: Asked) -> Statement | None:
    """Return what a hit fulfils, as SQL over the aliases ``product`` and ``stock``.

    For lists that are read in one statement of their own. The text counts as typed:
    nothing is corrected. ``None``: there is no word in the text, so nothing is found.
    """
    text = clean(asked.text)
    query = to_query(text, synonyms()) if text else None
    return None if text and query is None else search_sql.restrict(asked, query)


def suggest(text: str, *, limit: int = 8) -> Suggestions:
    """Offer at most ``limit`` texts, some products and categories, for a beginning.

    A beginning that nothing goes on from is taken for a slip of the fingers or of the
    keyboard's layout. May be 60 seconds old.
    """
    text = clean(text).casefold()
    if len(keystrokes(text)) < SHORTEST_START:
        return Suggestions()
    key = _key("suggest", [text, limit])
    kept: Suggestions | None = cache.get(key)
    if kept is None:
        kept = _suggest(text, limit)
        if vocabulary().words:
            cache.set(key, kept, KEPT_SECONDS)
    return kept


def _kept(asked: Asked, query: TextQuery) -> Found:
    """Rank the hits of a text, or remember how they were ranked."""
    if asked.sort is not Sort.RELEVANCE:
        return _listed(asked, query)
    key = _key("page", [*_identity(asked, query), asked.offset, asked.limit])
    kept: Found | None = cache.get(key)
    if kept is None or (asked.facets and kept.facets is None):
        kept = _ranked(asked, query)
        cache.set(key, kept, KEPT_SECONDS)
    return kept


def _ranked(asked: Asked, query: TextQuery) -> Found:
    key = _key("facets", _identity(asked, query))
    kept: tuple[int, Facets] | None = cache.get(key) if asked.facets else None
    window = {"offset": asked.offset, "limit": asked.limit}
    if not asked.facets or kept:
        page = _rows(search_sql.ranked_page(asked, query, **window))
        return _found(page, _total(page), kept[1] if kept else None)
    rows = _rows(search_sql.ranked_page_and_facets(asked, query, **window))
    narrowing, _params = search_sql.filters(asked)
    if _total(rows) <= MOST_HITS:
        kept = facet_rows.from_rows(rows, narrowing)
        cache.set(key, kept, KEPT_SECONDS)
        return _found(rows, kept[0], kept[1])
    # The hits that were ranked are any of the text's: few may pass, none be wanted.
    page = _rows(search_sql.ranked_page(asked, query, **window))
    return _found(page, *_facets(asked, query))


def _listed(asked: Asked, query: TextQuery | None) -> Found:
    order = Sort.NEWEST if asked.sort is Sort.RELEVANCE else asked.sort
    window = {"offset": asked.offset, "limit": asked.limit}
    page = _rows(search_sql.page(asked, query, order=order, **window))
    if asked.facets:
        count, facets = _facets(asked, query)
    else:
        count, facets = _count(asked, query), None
    return _found([(0, product_id) for (product_id,) in page], count, facets)


def _facets(asked: Asked, query: TextQuery | None) -> tuple[int, Facets]:
    key = _key("facets", _identity(asked, query))
    kept: tuple[int, Facets] | None = cache.get(key)
    if kept is None:
        narrowing, _params = search_sql.filters(asked)
        kept = facet_rows.from_rows(_rows(search_sql.facets(asked, query)), narrowing)
        cache.set(key, kept, KEPT_SECONDS)
    return kept


def _count(asked: Asked, query: TextQuery | None) -> int:
    key = _key("count", _identity(asked, query))
    kept: int | None = cache.get(key)
    if kept is None:
        kept = int(_rows(search_sql.count(asked, query))[0][0])
        cache.set(key, kept, KEPT_SECONDS)
    return kept


def _total(rows: Sequence[Any]) -> int:
    return next(int(row[1]) for row in rows if row[0] == 1)


def _found(rows: Sequence[Any], count: int, facets: Facets | None) -> Found:
    return Found(
        product_ids=tuple(row[1] for row in rows if row[0] == 0),
        count=min(count, MOST_HITS),
        is_capped=count > MOST_HITS,
        facets=facets,
    )


def _nothing(asked: Asked) -> Found:
    none = facet_rows.from_rows([], [])[1] if asked.facets else None
    return Found(product_ids=(), count=0, is_capped=False, facets=none)


def _instead(asked: Asked) -> Found | None:
    """Look for what was meant, and note that there was nothing of what was typed."""
    meant = _meant(asked.text)
    if asked.offset == 0:
        fruitless.note(asked.text, corrected_to=meant or "")
    if meant is None:
        return None
    found = find(replace(asked, text=meant, may_correct=False))
    return replace(found, correction=Correction(typed=asked.text, used=meant))


def _meant(text: str) -> str | None:
    key = _key("meant", [text])
    kept: str | None = cache.get(key)
    if kept is None:
        known = vocabulary()
        if not known.words:
            return None
        queries = (
            (each, to_query(each, synonyms())) for each in known.corrections(text)
        )
        hit = (each for each, query in queries if query and _has_hits(query))
        kept = next(hit, "")
        cache.set(key, kept, KEPT_SECONDS)
    return kept or None


def _has_hits(query: TextQuery) -> bool:
    return bool(_rows(search_sql.exists(query)))


def _suggest(text: str, limit: int) -> Suggestions:
    phrases = vocabulary().beginning(text)
    products, shelves = _best(text), _shelves(text)
    if phrases:
        products = products or _best(phrases[0].text)
    elif not products and not shelves and (meant := _meant(text)):
        instead = _suggest(meant, limit)
        return replace(instead, correction=Correction(typed=text, used=meant))
    texts = dict.fromkeys(phrase.text for phrase in phrases[:limit])
    queries = tuple(_prediction(text, each) for each in texts)
    return Suggestions(queries, products, shelves)


def _best(text: str) -> tuple[int, ...]:
    query = to_query(text, synonyms())
    if query is None:
        return ()
    asked = Asked(text=text, limit=SUGGESTED_PRODUCTS, facets=False)
    return _kept(asked, query).product_ids


def _shelves(text: str) -> tuple[CategoryHit, ...]:
    shelves = vocabulary().shelves_beginning(text)[:SUGGESTED_CATEGORIES]
    return tuple(CategoryHit(*shelf) for shelf in shelves)


def _prediction(typed: str, text: str) -> Prediction:
    pairs = zip(typed, text, strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    pieces = ((text[:shared], True), (text[shared:], False))
    return Prediction(text, tuple(piece for piece in pieces if piece[0]))


def _identity(asked: Asked, query: TextQuery | None) -> list[Any]:
    """Return what makes a set of hits this one; synonyms are part of the query."""
    return [
        query and [query.sql, *query.params.values()],
        sorted(asked.category_ids),
        asked.price_min,
        asked.price_max,
        asked.rating_min,
        asked.in_stock,
        asked.on_sale,
        sorted((key, sorted(values)) for key, values in asked.attributes.items()),
    ]


def _key(kind: str, parts: Iterable[Any]) -> str:
    text = json.dumps(list(parts), ensure_ascii=True).encode()
    return f"search:{kind}:{hashlib.sha256(text).hexdigest()[:32]}"


def _rows(statement: Statement) -> list[tuple[Any, ...]]:
    with reading().cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
        return list(cursor.fetchall())
