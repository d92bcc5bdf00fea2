"""The search at 100,000 products, against the least that it is: counting the hits.

Compared is CPU, ours and that of our session at the database, which other work on the
machine disturbs least; the notes say how long it took.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from django.core.cache import cache
from django.db import connection

from benchmarks import data
from benchmarks.measure import PROC, Row
from benchmarks.runs import Plan, say
from catalog import wordlists
from catalog.search import Asked, Sort, find
from catalog.search_text import TextQuery, to_query

MANY = 100_000
REPEATS = 15
TYPOS = 400
PAGE = 20
# The bar is for what shoppers look through; "maker7" has more hits than that.
NARROW = ("walnut", "brass kettle", "walnut lamp", "maker77", "maker7")
NARROW_HITS = 2_000
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


@dataclass(frozen=True)
class Cost:
    """What a call costs, in ms: CPU, and how long it takes."""

    cpu: float
    wall: float


def search(_plan: Plan) -> Iterator[Row]:
    """Measure pages with facets, broad beginnings, corrections and growth."""
    data.fresh()
    small = _growing()
    say(f"{MANY:,} products …")
    data.add_products(data.PRODUCTS + 1, MANY)
    large = _growing()
    for name, before in small.items():
        title = f"{name} at {MANY:,} products, of 1,000's"
        yield _cost_row(title, large[name], before, 2)
    with connection.cursor() as cursor:
        cursor.execute(_VARY)
    data.tidy()
    for text in NARROW:
        yield _narrow_row(text)
    yield from _broad_rows()
    yield from _correction_rows()


def _growing() -> dict[str, Cost]:
    """Return what pages cost that a shopper waits for."""
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
    hits = _count(query)
    name = f"search: {text!r}, top {PAGE} and facets, of count(*)"
    bar = 4 if hits <= NARROW_HITS else None
    return _cost_row(name, whole, bare, bar, note=f"{hits:,} hits")


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
    yield _cost_row(f"{name}, of count(*)", page, bare, 1, note=hits)
    note = "once in 60 s"
    yield _cost_row(f"{name} and exact facets, of count(*)", first, bare, None, note)


def _correction_rows() -> Iterator[Row]:
    words = wordlists.refresh_vocabulary()
    rng = Random(1)
    known = [word.text for word in words.words if len(word.text) > 4]
    typed = [_mistyped(rng.choice(known), rng) for _ in range(TYPOS)]
    took = [_cost(partial(words.corrections, word)).cpu for word in typed]
    yield Row(
        name=f"search: correcting a word, {len(words.words):,} words",
        subject=f"{statistics.median(took):.2f} ms",
        limit="5 ms",
        ratio=statistics.median(took) / 5,
        bar=1,
        at_most=True,
        note=f"p99 {sorted(took)[len(took) * 99 // 100]:.1f} ms",
    )
    yield _limit_row(
        "search: reading the vocabulary anew", _cost(wordlists.refresh_vocabulary), 5000
    )
    cache.clear()
    slip = Asked(text="wlanut", limit=PAGE)
    yield _limit_row(
        "search: a slip when the cache is lost", _cost(lambda: find(slip)), 100
    )


def _limit_row(name: str, cost: Cost, limit: int) -> Row:
    return Row(
        name=name,
        subject=f"{cost.cpu:.0f} ms",
        limit=f"{limit:,} ms",
        ratio=cost.cpu / limit,
        bar=1,
        at_most=True,
        note=f"took {cost.wall:.0f} ms",
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


def _alternate(*calls: Callable[[], Any], keep: bool = False) -> list[Cost]:
    """Measure each call in turn, several times; return the medians.

    Unless they may ``keep`` what they find, each is the first to ask.
    """
    costs: list[list[Cost]] = [[] for _ in calls]
    for _ in range(REPEATS):
        for call, found in zip(calls, costs, strict=True):
            if not keep:
                cache.clear()
                wordlists.synonyms()
            found.append(_cost(call))
    return [
        Cost(
            cpu=statistics.median(cost.cpu for cost in found),
            wall=statistics.median(cost.wall for cost in found),
        )
        for found in costs
    ]


def _cost(call: Callable[[], Any]) -> Cost:
    connection.ensure_connection()
    session = PROC / str(connection.connection.info.backend_pid) / "schedstat"
    at_database = _seconds(session)
    own, begun = time.thread_time(), time.perf_counter()
    call()
    wall = time.perf_counter() - begun
    cpu = time.thread_time() - own + _seconds(session) - at_database
    return Cost(cpu=1000 * (cpu if session.exists() else wall), wall=1000 * wall)


def _seconds(session: Path) -> float:
    """Return the CPU that a process has had; where the system does not tell, 0."""
    return int(session.read_text().split()[0]) / 1e9 if session.exists() else 0.0


def _cost_row(
    name: str, subject: Cost, limit: Cost, bar: float | None, note: str = ""
) -> Row:
    took = f"took {subject.wall:.1f}, {limit.wall:.1f} ms"
    return Row(
        name=name,
        subject=f"{subject.cpu:.1f} ms",
        limit=f"{limit.cpu:.1f} ms",
        ratio=subject.cpu / limit.cpu,
        bar=bar,
        at_most=True,
        note=f"{note}; {took}" if note else took,
    )
