"""The search at 100,000 products, against the least that it is: counting the hits."""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

from django.core.cache import cache
from django.db import connection

from benchmarks import data
from benchmarks.measure import Row
from benchmarks.runs import Plan, say
from catalog import wordlists
from catalog.search import Asked, Sort, find
from catalog.search_text import TextQuery, to_query
from catalog.vocabulary import Vocabulary

MANY = 100_000
REPEATS = 15
TYPOS = 400
PAGE = 20
# What has from some hundred to 2,000 hits, and what has most of the shop.
NARROW = ("walnut", "brass kettle", "walnut lamp", "maker7")
BROAD = "mak"
_COLOURS = "(ARRAY['red', 'blue', 'green', 'black', 'white'])[1 + id % 5]"
# Names of makers, woods and metals, so that words are as rare as those of a shop.
_VARY = f"""
    UPDATE catalog_product
       SET name = concat_ws(' ', 'Maker' || id % 400,
               (ARRAY['walnut', 'brass', 'birch', 'glass', 'linen', 'copper', 'cedar',
                      'marble', 'cotton', 'bamboo'])[1 + id * 7 % 53 % 10], name),
           options = jsonb_build_object('colour', {_COLOURS}),
           compare_at_price = CASE WHEN id % 6 = 0 THEN price + 1000 END;
    UPDATE catalog_product SET name = replace(name, 'walnut', 'oiled')
     WHERE id % 7 <> 0 AND name LIKE '%walnut%';
    INSERT INTO catalog_popularity (product_id, score)
    SELECT id, 1 + id * 31 % 97 FROM catalog_product WHERE id % 3 = 0;
"""


def search(_plan: Plan) -> Iterator[Row]:
    """Measure pages with facets, broad beginnings, corrections and growth."""
    data.fresh()
    small = _growing()
    say(f"{MANY:,} products …")
    data.add_products(data.PRODUCTS + 1, MANY)
    large = _growing()
    for name, before in small.items():
        title = f"{name} at {MANY:,} products, p50 of 1,000's"
        yield _times_row(title, large[name], before, 2)
    with connection.cursor() as cursor:
        cursor.execute(_VARY)
    data.tidy()
    for text in NARROW:
        yield _narrow_row(text)
    yield from _broad_rows()
    yield from _correction_rows()


def _growing() -> dict[str, float]:
    """Return how long pages take that a shopper waits for, in ms; ranks not kept."""
    asked = {
        "list": Asked(facets=False, limit=PAGE),
        "list by price": Asked(facets=False, limit=PAGE, sort=Sort.PRICE),
        "search": Asked(text="lamp", facets=False, limit=PAGE),
    }
    return {
        f"{name}, {kind}": _alternate(partial(find, one), keep=keep)[0]
        for name, one in asked.items()
        for kind, keep in (("kept", True), ("for the first time", False))
    }


def _narrow_row(text: str) -> Row:
    asked = Asked(text=text, limit=PAGE)
    query = _query(text)
    bare, whole = _alternate(lambda: _count(query), lambda: find(asked))
    name = f"search: {text!r}, top {PAGE} and facets, of count(*)"
    return _times_row(name, whole, bare, 4, note=f"{_count(query):,} hits")


def _broad_rows() -> Iterator[Row]:
    query = _query(BROAD)
    plain = Asked(text=BROAD, limit=PAGE, facets=False)
    bare, page, first = _alternate(
        lambda: _count(query),
        lambda: find(plain),
        lambda: find(Asked(text=BROAD, limit=PAGE)),
    )
    hits = f"{_count(query):,} hits"
    name = f"search: {BROAD!r}…, a page"
    yield _times_row(f"{name}, of count(*)", page, bare, 1, note=hits)
    note = "once in 60 s"
    yield _times_row(f"{name} and exact facets, of count(*)", first, bare, None, note)


def _correction_rows() -> Iterator[Row]:
    words = wordlists.refresh_vocabulary()
    rng = Random(1)
    known = [word.text for word in words.words if len(word.text) > 4]
    typed = [_mistyped(rng.choice(known), rng) for _ in range(TYPOS)]
    took = [_ms(partial(words.corrections, word)) for word in typed]
    yield Row(
        name=f"search: correcting a word, {len(words.words):,} words",
        subject=f"{statistics.median(took):.2f} ms",
        limit="5 ms",
        ratio=statistics.median(took) / 5,
        bar=1,
        at_most=True,
        note=f"p99 {sorted(took)[len(took) * 99 // 100]:.1f} ms",
    )
    yield _whole_vocabulary_row(words)


def _whole_vocabulary_row(words: Vocabulary) -> Row:
    took = _ms(wordlists.refresh_vocabulary)
    return Row(
        name="search: reading the vocabulary anew",
        subject=f"{took:.0f} ms",
        limit="",
        ratio=None,
        bar=None,
        note=f"{len(words.phrases):,} phrases",
    )


def _mistyped(word: str, rng: Random) -> str:
    place = rng.randrange(len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _query(text: str) -> TextQuery:
    query = to_query(text, {})
    assert query is not None
    return query


def _count(query: TextQuery) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM catalog_product AS product"
            f" WHERE product.search @@ ({query.sql})",
            query.params,
        )
        return int(cursor.fetchall()[0][0])


def _alternate(*calls: Callable[[], Any], keep: bool = False) -> list[float]:
    """Time each call in turn, several times; return their medians in ms.

    Unless they may ``keep`` what they find, each is the first to ask.
    """
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(REPEATS):
        for call, took in zip(calls, times, strict=True):
            if not keep:
                cache.clear()
                wordlists.synonyms()
            took.append(_ms(call))
    return [statistics.median(took) for took in times]


def _ms(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000


def _times_row(
    name: str, subject: float, limit: float, bar: float | None, note: str = ""
) -> Row:
    return Row(
        name=name,
        subject=f"{subject:.1f} ms",
        limit=f"{limit:.1f} ms",
        ratio=subject / limit,
        bar=bar,
        at_most=True,
        note=note,
    )
