"""The statements of the search: a page of hits, how many there are, and the facets.

A product counts as a hit while it is on sale. The aliases ``product`` and ``stock``
mean the same in every statement, here and where others use ``restrict``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from catalog.search_text import TextQuery

# So many hits are ranked and counted; with more than that, shoppers narrow the search.
MOST_HITS = 2_000
# With more hits than that, any of them are ranked, and these: what many want is there.
_MOST_POPULAR = """
    SELECT product_id FROM catalog_popularity
     ORDER BY score DESC, product_id DESC LIMIT 300
"""
# 1, 2 and 5 times each power of ten: ranges of prices begin at one of them.
PRICE_STEPS = [first * 10**power for power in range(12) for first in (1, 2, 5)]
# What a product is wanted for counts for more than how often its text has a word, up
# to about three times, but no popularity makes up for a hit in the description only.
_SCORE = "coalesce(popularity.score, 0)"
_WANTED = f"(1 + 0.25 * ln(1 + least(10000, {_SCORE})))"
_STOCK = "LEFT JOIN inventory_stock AS stock ON stock.product_id = product.id"
_POPULARITY = (
    "LEFT JOIN catalog_popularity AS popularity ON popularity.product_id = product.id"
)
# For each hit as it is found, and for all that were found: left to itself, PostgreSQL
# reads the tables whole, which costs ten times as much.
_STOCK_OF_EACH = """
    LEFT JOIN LATERAL (SELECT on_hand, reserved FROM inventory_stock
                        WHERE product_id = product.id OFFSET 0) AS stock ON true
"""
_OF_ALL_FOUND = """
    LEFT JOIN (SELECT product_id, on_hand, reserved FROM inventory_stock
                WHERE product_id = ANY (ARRAY(SELECT id FROM found))) AS stock
           ON stock.product_id = product.id
    LEFT JOIN (SELECT product_id, score FROM catalog_popularity
                WHERE product_id = ANY (ARRAY(SELECT id FROM found))) AS popularity
           ON popularity.product_id = product.id
"""
_IN_STOCK = "coalesce(stock.on_hand > stock.reserved, false)"
ORDERS = {
    "newest": "product.created_at DESC, product.id DESC",
    "price": "product.price, product.id",
    "-price": "product.price DESC, product.id DESC",
    "rating": "product.rating_average DESC NULLS LAST, product.rating_count DESC,"
    " product.id DESC",
    "popular": f"{_SCORE} DESC, product.created_at DESC, product.id DESC",
    "discount": "product.price::float8 / product.compare_at_price, product.id DESC",
}
_FACETS = """
    SELECT GROUPING(category_id, price_step, rating, options),
           missed, category_id, price_step, rating, in_stock, on_sale,
           options::text, count(*) AS hits
      FROM hit WHERE missed & (missed - 1) = 0
     GROUP BY GROUPING SETS ((missed, category_id), (missed, price_step),
              (missed, rating, in_stock, on_sale), (missed, options))
"""


class Wishes(Protocol):
    """What narrows a search; see ``catalog.search.Asked``."""

    @property
    def category_ids(self) -> frozenset[int]: ...
    @property
    def price_min(self) -> int | None: ...
    @property
    def price_max(self) -> int | None: ...
    @property
    def rating_min(self) -> int | None: ...
    @property
    def in_stock(self) -> bool: ...
    @property
    def on_sale(self) -> bool: ...
    @property
    def attributes(self) -> Mapping[str, Sequence[str]]: ...


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition, and the facet whose own filter it is."""

    facet: str
    sql: str


@dataclass(frozen=True, slots=True)
class Statement:
    """An SQL text with named placeholders, and their values."""

    sql: str
    params: dict[str, Any]


def filters(wishes: Wishes) -> tuple[list[Filter], dict[str, Any]]:
    """Return the conditions of what is asked, and the values they need."""
    params: dict[str, Any] = {
        "family": sorted(wishes.category_ids),
        "price_min": wishes.price_min,
        "price_max": wishes.price_max,
        "rating_min": wishes.rating_min,
    }
    prices = [
        condition
        for name, condition in (
            ("price_min", "product.price >= %(price_min)s"),
            ("price_max", "product.price <= %(price_max)s"),
        )
        if params[name] is not None
    ]
    wanted = [
        (wishes.category_ids, "category", "product.category_id = ANY(%(family)s)"),
        (prices, "price", " AND ".join(prices)),
        (wishes.rating_min, "rating", "product.rating_average >= %(rating_min)s"),
        (wishes.in_stock, "in_stock", _IN_STOCK),
        (wishes.on_sale, "on_sale", "product.compare_at_price IS NOT NULL"),
    ]
    found = [Filter(facet, sql) for is_wanted, facet, sql in wanted if is_wanted]
    for number, (key, values) in enumerate(sorted(wishes.attributes.items())):
        name = f"option{number}"
        params |= {name: key, f"{name}_values": list(values)}
        condition = f"product.options ->> %({name})s = ANY(%({name}_values)s)"
        found.append(Filter(f"options:{key}", condition))
    return found, params


def restrict(wishes: Wishes, query: TextQuery | None) -> Statement:
    """Return all that a hit must fulfil, as one condition."""
    narrowing, params = filters(wishes)
    conditions = [f"({one.sql})" for one in narrowing]
    return Statement(" AND ".join([_base(query), *conditions]), params | _words(query))


def page(
    wishes: Wishes, query: TextQuery | None, *, order: str, offset: int, limit: int
) -> Statement:
    """Read one page in an order that an index knows; what is sold out comes last."""
    hits = restrict(wishes, query)
    joins = f"{_STOCK} {_POPULARITY}" if order == "popular" else _STOCK
    # The second half is not begun before the first one is used up: a page of the
    # first reads as many rows of the index as it shows.
    halves = [_IN_STOCK] if wishes.in_stock else [_IN_STOCK, f"NOT {_IN_STOCK}"]
    sql = " UNION ALL ".join(
        f"""SELECT id FROM (
            SELECT product.id FROM catalog_product AS product {joins}
             WHERE {hits.sql} AND {half}
             ORDER BY {ORDERS[order]} LIMIT %(limit)s + %(offset)s) AS half"""  # noqa: S608 — our own text
        for half in halves
    )
    sql += " LIMIT %(limit)s OFFSET %(offset)s"
    return Statement(sql, hits.params | {"limit": limit, "offset": offset})


def count(wishes: Wishes, query: TextQuery | None) -> Statement:
    """Count the hits, or find out that there are more than ``MOST_HITS``."""
    hits = restrict(wishes, query)
    joins = _STOCK if wishes.in_stock else ""
    sql = f"""
        SELECT count(*) FROM (
            SELECT FROM catalog_product AS product {joins}
             WHERE {hits.sql} LIMIT {MOST_HITS + 1}
        ) AS hit
    """  # noqa: S608 — our own text
    return Statement(sql, hits.params)


def exists(query: TextQuery) -> Statement:
    """Read a row if a text has any hit at all."""
    sql = f"SELECT FROM catalog_product AS product WHERE {_base(query)} LIMIT 1"
    return Statement(sql, dict(query.params))


def ranked_page(
    wishes: Wishes, query: TextQuery, *, offset: int, limit: int
) -> Statement:
    """Read the best hits of a text: rows ``(0, id, …)``, and ``(1, hits, …)``."""
    hits = restrict(wishes, query)
    joins = _STOCK_OF_EACH if wishes.in_stock else ""
    matching = _matching("product.id", query, hits.sql, joins)
    sql = f"""
        WITH first AS MATERIALIZED ({matching} LIMIT {MOST_HITS + 1}),
        found AS MATERIALIZED (
            SELECT id, words FROM first
             UNION ALL
            {matching} AND (SELECT count(*) FROM first) > {MOST_HITS}
               AND product.id NOT IN (SELECT id FROM first)
               AND product.id = ANY (ARRAY({_MOST_POPULAR}))
        ),
        hit AS MATERIALIZED (
            SELECT product.id, {_IN_STOCK} AS in_stock, words * {_WANTED} AS rank,
                   0 AS missed
              FROM found AS product {_OF_ALL_FOUND}
        )
        SELECT 0, id FROM ({_BEST}) AS page
         UNION ALL SELECT 1, count(*) FROM first
    """  # noqa: S608 — our own text
    return Statement(sql, hits.params | {"limit": limit, "offset": offset})


def ranked_page_and_facets(
    wishes: Wishes, query: TextQuery, *, offset: int, limit: int
) -> Statement:
    """Read the best hits of a text and the facets in one pass over the hits.

    Rows are ``(0, id, …)``, ``(1, hits of the text, …)`` and those of ``facets``. If
    the text has more than ``MOST_HITS`` hits, all they tell is that.
    """
    narrowing, params = filters(wishes)
    sql = f"""
        WITH found AS MATERIALIZED (
            {_matching(_FACTS, query, _base(query))} LIMIT {MOST_HITS + 1}
        ),
        hit AS MATERIALIZED (
            SELECT product.id, words * {_WANTED} AS rank, {_facet_columns(narrowing)}
              FROM found AS product {_OF_ALL_FOUND}
             WHERE (SELECT count(*) FROM found) <= {MOST_HITS}
        )
        SELECT 0, id, NULL::bigint, NULL::int, NULL::int, NULL::bool, NULL::bool,
               NULL::text, NULL::bigint
          FROM ({_BEST}) AS page
         UNION ALL
        SELECT 1, count(*), NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM found
         UNION ALL {_FACETS}
    """  # noqa: S608 — our own text
    params |= {"limit": limit, "offset": offset, "steps": PRICE_STEPS}
    return Statement(sql, params | _words(query))


def facets(wishes: Wishes, query: TextQuery | None) -> Statement:
    """Count the hits by each facet: ``(kind, missed, category, …, count)``.

    ``kind`` is PostgreSQL's GROUPING(): it has one bit that is not set, that of the
    column the row is about, the category's being the highest; the rating's is that of
    the yes-or-no columns, too. ``missed`` has a bit for each filter that the hits do
    not pass, in the order of ``filters``.
    """
    narrowing, params = filters(wishes)
    sql = f"""
        WITH hit AS (
            SELECT {_facet_columns(narrowing)}
              FROM catalog_product AS product {_STOCK} WHERE {_base(query)}
        ) {_FACETS}
    """  # noqa: S608 — our own text
    return Statement(sql, params | {"steps": PRICE_STEPS} | _words(query))


# Those that are sold out last, the youngest first among equals.
_BEST = """
    SELECT id FROM hit WHERE missed = 0 ORDER BY in_stock DESC, rank DESC, id DESC
     LIMIT %(limit)s OFFSET %(offset)s
"""


# What facets and filters are made of.
_FACTS = """
    product.id, product.category_id, product.options, product.price,
    product.rating_average, product.compare_at_price
"""


def _matching(columns: str, query: TextQuery, hits: str, joins: str = "") -> str:
    return f"""
        SELECT {columns}, {_rank(query)} AS words
          FROM catalog_product AS product {joins} WHERE {hits}
    """  # noqa: S608 — our own text


def _base(query: TextQuery | None) -> str:
    on_sale = "product.published_at <= now()"
    return f"{on_sale} AND product.search @@ ({query.sql})" if query else on_sale


def _words(query: TextQuery | None) -> dict[str, str]:
    return dict(query.params) if query else {}


def _rank(query: TextQuery) -> str:
    ranks = (f"ts_rank(product.search, {sql})" for sql in query.ranks)
    return " + ".join(ranks)


def _facet_columns(narrowing: Sequence[Filter]) -> str:
    return f"""
        product.category_id, product.options,
        width_bucket(product.price, %(steps)s::bigint[]) AS price_step,
        floor(product.rating_average)::int AS rating, {_IN_STOCK} AS in_stock,
        product.compare_at_price IS NOT NULL AS on_sale,
        {" + ".join(_bits(narrowing)) or "0"} AS missed
    """


def _bits(narrowing: Sequence[Filter]) -> Iterator[str]:
    for number, one in enumerate(narrowing):
        yield f"CASE WHEN {one.sql} THEN 0 ELSE {1 << number} END"
