"""Lists of products with a reason for each: what is shown beside what, and to whom.

Whatever the lists were made from, a product is shown only if it is on sale and in stock
at the moment of the question, and nobody is shown what they do not want to see.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from analytics.models import PairKind
from common.db import run

# More candidates than places: some are of one kind, or sold out by now.
SPARE = 60
PER_GROUP = 2
BOUGHT_LATELY = timedelta(days=30)
# What a shopper's own past counts.
SEED_DAYS = 180
SEEDS_OF_A_KIND = 20

BOUGHT_TOGETHER = "bought_together"
BOUGHT_BY_SAME = "bought_by_same"
VIEWED_TOGETHER = "viewed_together"
BECAUSE_VIEWED = "because_viewed"
BECAUSE_BOUGHT = "because_bought"
BECAUSE_IN_CART = "because_in_cart"
BECAUSE_WAITED = "because_waited_for"
POPULAR = "popular_in_category"
TRENDING = "trending"
SHELF = "same_category"
VIEWED = "viewed"
BOUGHT_BEFORE = "bought_before"

# The end of every statement below: ``candidate`` becomes a list that may be shown.
_LIVE_SQL = """
    best AS (
        SELECT DISTINCT ON (product.id)
               product.id, product.version, stock.on_hand - stock.reserved AS available,
               product.category_id, product.group_id, candidate.tier, candidate.why,
               candidate.number,
               sum(candidate.score) OVER (PARTITION BY product.id, candidate.tier)
               AS total, candidate.name
          FROM candidate
          JOIN catalog_product AS product ON product.id = candidate.product_id
          JOIN inventory_stock AS stock ON stock.product_id = product.id
         WHERE product.published_at <= now() AND stock.on_hand > stock.reserved
           AND product.id <> ALL(%(without)s::bigint[])
           AND NOT EXISTS (SELECT FROM seed WHERE seed.product_id = product.id)
           AND NOT EXISTS (
               SELECT FROM analytics_notinterested AS dismissed
                WHERE dismissed.user_id = %(user_id)s::bigint
                  AND dismissed.product_id = product.id)
           {only}
         ORDER BY product.id, candidate.tier, candidate.score DESC, candidate.name
    )
    SELECT id, version, available, category_id, group_id, tier, why, number, name
      FROM best ORDER BY tier, total DESC, id LIMIT %(spare)s
"""
_SHELF_SQL = """
        SELECT newest.id, 4, 'same_category', 0::float8, 0::bigint, shelf.name
          FROM (SELECT DISTINCT category_id FROM seed) AS own
          JOIN catalog_category AS shelf ON shelf.id = own.category_id
         CROSS JOIN LATERAL (
               SELECT product.id FROM catalog_product AS product
                JOIN inventory_stock AS stock ON stock.product_id = product.id
                WHERE product.category_id = own.category_id
                  AND product.published_at IS NOT NULL
                  AND product.published_at <= now() AND stock.on_hand > stock.reserved
                ORDER BY product.created_at DESC, product.id DESC LIMIT 24) AS newest
"""
_FAVOURITES_SQL = """
        SELECT favourite.product_id, 3, 'popular_in_category', favourite.score,
               favourite.units, shelf.name
          FROM (SELECT DISTINCT category_id FROM seed) AS own
          JOIN analytics_categoryfavourite AS favourite
            ON favourite.category_id = own.category_id
          JOIN catalog_category AS shelf ON shelf.id = own.category_id
         WHERE %(clever)s::boolean
"""
RELATED_SQL = f"""
    WITH seed AS (
        SELECT id AS product_id, category_id, group_id FROM catalog_product
         WHERE id = ANY(%(seeds)s::bigint[])
    ), candidate (product_id, tier, why, score, number, name) AS (
        SELECT pair.other_id, CASE pair.kind WHEN 'also_bought' THEN 1 ELSE 2 END,
               CASE WHEN pair.kind = 'also_viewed' THEN 'viewed_together'
                    WHEN pair.orders > 1 THEN 'bought_together'
                    ELSE 'bought_by_same' END,
               ln(pair.score),
               (CASE WHEN pair.kind = 'also_bought' AND pair.orders > 1
                     THEN pair.orders ELSE pair.together END)::bigint, ''
          FROM analytics_itempair AS pair
          JOIN seed ON seed.product_id = pair.product_id
         WHERE %(clever)s::boolean AND pair.kind = ANY(%(kinds)s::text[])
         UNION ALL {_FAVOURITES_SQL} AND %(fill)s::boolean
         UNION ALL {_SHELF_SQL} WHERE %(fill)s::boolean
    ), {
    _LIVE_SQL.format(
        only=(
            "AND NOT EXISTS (SELECT FROM seed WHERE seed.group_id = product.group_id)"
        )
    )
}"""  # noqa: S608 — our own text
# Wishes count most, what one has counts least. The seeds themselves are left out, with
# the exception of what was bought long ago and goes well with something.
FOR_YOU_SQL = f"""
    WITH bought AS (
        SELECT line.product_id, max(line.paid_at) AS at
          FROM orders_order AS own
          JOIN orders_orderline AS line ON line.order_id = own.id
         WHERE own.user_id = %(user_id)s::bigint
           AND own.status IN ('paid', 'processing', 'shipped', 'delivered')
           AND line.paid_at > now() - make_interval(days => %(seed_days)s::int)
         GROUP BY line.product_id
    ), seen AS (
        SELECT product_id, max(at) AS at FROM (
            SELECT product_id, at FROM analytics_behaviourevent
             WHERE actor = %(actor)s::uuid AND kind IN ('view', 'add')
             ORDER BY actor, at DESC LIMIT 200) AS late
         GROUP BY product_id
    ), wished AS (
        (SELECT product_id, 1.0 AS weight, 'because_viewed' AS why FROM seen
          ORDER BY at DESC, product_id LIMIT %(seeds_of_a_kind)s)
         UNION ALL
        (SELECT product_id, 0.8, 'because_bought' FROM bought
          ORDER BY at DESC, product_id LIMIT %(seeds_of_a_kind)s)
         UNION ALL
        SELECT item.product_id, 1.3, 'because_in_cart'
          FROM cart_cart AS cart JOIN cart_cartitem AS item ON item.cart_id = cart.id
         WHERE cart.user_id = %(user_id)s::bigint
         UNION ALL
        SELECT product_id, 1.2, 'because_waited_for' FROM inventory_restockalert
         WHERE user_id = %(user_id)s::bigint AND state IN ('waiting', 'offered')
    ), seed AS (
        SELECT DISTINCT ON (wished.product_id) wished.product_id, wished.weight,
               wished.why, product.category_id, product.name
          FROM wished JOIN catalog_product AS product ON product.id = wished.product_id
         ORDER BY wished.product_id, wished.weight DESC
    ), candidate (product_id, tier, why, score, number, name) AS (
        SELECT pair.other_id, 1, seed.why, seed.weight * ln(pair.score),
               pair.together::bigint, seed.name
          FROM analytics_itempair AS pair
          JOIN seed ON seed.product_id = pair.product_id
         WHERE %(clever)s::boolean
         UNION ALL {_FAVOURITES_SQL}
         UNION ALL {_SHELF_SQL} WHERE NOT %(clever)s::boolean
    ), {
    _LIVE_SQL.format(
        only=(
            "AND NOT EXISTS (SELECT FROM bought WHERE bought.product_id = product.id"
            " AND bought.at > now() - %(lately)s::interval)"
        )
    )
}"""  # noqa: S608 — our own text
POPULAR_SQL = f"""
    WITH seed AS (
        SELECT NULL::bigint AS product_id WHERE false
    ), candidate (product_id, tier, why, score, number, name) AS (
        (SELECT product_id, 1, 'trending', score, units_month, ''
           FROM analytics_productscore
          WHERE score > 0 ORDER BY score DESC, product_id LIMIT 100)
         UNION ALL
        SELECT favourite.product_id, 3, 'popular_in_category', favourite.score,
               favourite.units::bigint, shelf.name
          FROM analytics_categoryfavourite AS favourite
          JOIN catalog_category AS shelf ON shelf.id = favourite.category_id
    ), {_LIVE_SQL.format(only="")}"""  # noqa: S608 — our own text
# What one has looked at is shown also when it is sold out.
RECENT_SQL = """
    SELECT product.id, product.version,
           coalesce(stock.on_hand - stock.reserved, 0), product.category_id,
           product.group_id, 1, 'viewed', 0::bigint, ''
      FROM (SELECT product_id, max(at) AS at FROM (
                SELECT product_id, at FROM analytics_behaviourevent
                 WHERE actor = %(actor)s::uuid AND kind = 'view'
                 ORDER BY actor, at DESC LIMIT 200) AS late
             GROUP BY product_id) AS seen
      JOIN catalog_product AS product ON product.id = seen.product_id
      LEFT JOIN inventory_stock AS stock ON stock.product_id = product.id
     WHERE product.published_at <= now()
       AND product.id <> ALL(%(without)s::bigint[])
       AND NOT EXISTS (
           SELECT FROM analytics_notinterested AS dismissed
            WHERE dismissed.user_id = %(user_id)s::bigint
              AND dismissed.product_id = product.id)
     ORDER BY seen.at DESC, product.id LIMIT %(limit)s
"""
# What one bought before, the most often first, if it can be bought again right now.
AGAIN_SQL = """
    SELECT product.id, product.version, stock.on_hand - stock.reserved,
           product.category_id, product.group_id, 2, 'bought_before', before.times, ''
      FROM (SELECT line.product_id, count(*) AS times, max(line.paid_at) AS at
              FROM orders_order AS own
              JOIN orders_orderline AS line ON line.order_id = own.id
             WHERE own.user_id = %(user_id)s::bigint
               AND own.status IN ('paid', 'processing', 'shipped', 'delivered')
               AND line.paid_at > now() - make_interval(days => %(seed_days)s::int)
             GROUP BY line.product_id) AS before
      JOIN catalog_product AS product ON product.id = before.product_id
      JOIN inventory_stock AS stock ON stock.product_id = product.id
     WHERE product.published_at <= now() AND stock.on_hand > stock.reserved
       AND NOT EXISTS (
           SELECT FROM analytics_notinterested AS dismissed
            WHERE dismissed.user_id = %(user_id)s::bigint
              AND dismissed.product_id = product.id)
     ORDER BY before.times DESC, before.at DESC, product.id LIMIT %(limit)s
"""
PAST_SQL = f"({RECENT_SQL}) UNION ALL ({AGAIN_SQL})"


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a list is for. ``actor`` is set only if they consent to be observed."""

    user_id: int | None = None
    actor: UUID | None = None
    # Products that a visitor without an account does not want to see.
    without: tuple[int, ...] = ()
    # ``False`` for who wants no recommendations, or is shown plain lists as a test.
    clever: bool = True


@dataclass(frozen=True, slots=True)
class Pick:
    """A product that may be shown, and why.

    ``number`` are orders, shoppers or units, ``name`` is a product or a category: what
    the reason ``why`` is worded with.
    """

    id: int
    version: int
    available: int
    category_id: int
    group_id: int | None
    tier: int
    why: str
    number: int
    name: str


def related(
    product_ids: Sequence[int],
    audience: Audience,
    *,
    kinds: Iterable[PairKind] = tuple(PairKind),
    fill: bool = True,
) -> list[Pick]:
    """Return what goes with products, the best first, more than any page shows.

    ``fill`` adds what their categories sell this week, and then what is new there.
    """
    return _picks(
        RELATED_SQL,
        audience,
        seeds=list(product_ids),
        kinds=[kind.value for kind in kinds],
        fill=fill,
    )


def for_you(audience: Audience, limit: int) -> list[Pick]:
    """Return what fits somebody's own past; nothing for who has none."""
    if audience.user_id is None and audience.actor is None:
        return []
    found = _picks(
        FOR_YOU_SQL,
        audience,
        lately=BOUGHT_LATELY,
        seed_days=SEED_DAYS,
        seeds_of_a_kind=SEEDS_OF_A_KIND,
    )
    return varied(found, limit)


def popular(audience: Audience, limit: int) -> list[Pick]:
    """Return what is asked for most now, then what each category sells this week."""
    return varied(_picks(POPULAR_SQL, audience), limit)


def recently_viewed(audience: Audience, limit: int) -> list[Pick]:
    """Return what somebody looked at, the last first; nothing without consent."""
    if audience.actor is None:
        return []
    return _picks(RECENT_SQL, audience, limit=limit)


def past(audience: Audience, limit: int) -> tuple[list[Pick], list[Pick]]:
    """Return what somebody looked at, the last first, and what they may buy again.

    One statement; without consent nothing was looked at, and guests bought nothing.
    """
    if audience.user_id is None:
        return recently_viewed(audience, limit), []
    found = _picks(PAST_SQL, audience, limit=limit, seed_days=SEED_DAYS)
    seen = [pick for pick in found if pick.why == VIEWED]
    return seen, [pick for pick in found if pick.why == BOUGHT_BEFORE]


def varied(picks: Sequence[Pick], limit: int) -> list[Pick]:
    """Keep the best ``limit``: at most two that differ only in size or colour.

    No category gets more than half of the places as long as others have something.
    """
    groups: Counter[int] = Counter()
    categories: Counter[int] = Counter()
    chosen: list[Pick] = []
    passed_over: list[Pick] = []
    for pick in picks:
        if pick.group_id is not None:
            groups[pick.group_id] += 1
            if groups[pick.group_id] > PER_GROUP:
                continue
        if categories[pick.category_id] >= max(1, limit // 2):
            passed_over.append(pick)
            continue
        categories[pick.category_id] += 1
        chosen.append(pick)
    chosen = chosen[:limit]
    chosen += passed_over[: limit - len(chosen)]
    # In the order of the list again.
    place = {pick.id: number for number, pick in enumerate(picks)}
    return sorted(chosen, key=lambda pick: place[pick.id])


def _picks(sql: str, audience: Audience, **params: Any) -> list[Pick]:
    shared = {
        "user_id": audience.user_id,
        "actor": audience.actor,
        "without": list(audience.without),
        "clever": audience.clever,
        "spare": SPARE,
    }
    return [Pick(*row) for row in run(sql, shared | params).rows()]
