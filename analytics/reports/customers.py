"""What customers prefer, and how recently, often and much they buy (RFM).

An order counts once it was paid, unless it was called off; money is what was kept of
it. Guests' orders belong to nobody until they are claimed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django.utils import timezone

from analytics.sql import rows
from common.days import shop_day, shop_zone
from payments.models import IS_OF_SALE_SQL

FAVOURITES = 3
SORTS = {
    "monetary": "monetary DESC, user_id",
    "frequency": "frequency DESC, user_id",
    "recency": "last_paid_at DESC, user_id",
}


class PriceBand(StrEnum):
    """Which third of the shop's prices somebody's middle price lies in."""

    LOW = "low"
    MIDDLE = "middle"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Favourite:
    """A category, and the units somebody bought of it."""

    category_id: int
    name: str
    units: int


@dataclass(frozen=True, slots=True)
class Preferences:
    """What one customer buys; unit prices are the quartiles of all their lines."""

    user_id: int
    email: str
    last_paid_on: date
    recency_days: int
    frequency: int
    monetary: int
    favourites: tuple[Favourite, ...]
    price_low: int
    price_middle: int
    price_high: int
    band: PriceBand


# Only the given customers' rows are read, by the indexes of their orders; without any
# given, it is one pass over all. The bands are thirds of what is on sale now.
_PREFERENCES = """
    WITH counted AS (
        SELECT id, user_id, total, paid_at FROM orders_order
         WHERE user_id = ANY(%(users)s::bigint[]) AND {settled}
    ), given AS (
        SELECT counted.user_id, sum(refund.amount) AS amount
          FROM counted JOIN payments_refund AS refund ON refund.order_id = counted.id
         WHERE {of_sale}
         GROUP BY counted.user_id
    ), rfm AS (
        SELECT user_id, max(paid_at) AS last_paid_at, count(*) AS frequency,
               sum(total)::bigint AS spent
          FROM counted GROUP BY user_id
    ), line AS (
        SELECT counted.user_id, product.category_id, line.unit_price, line.quantity
               - coalesce((SELECT sum(quantity) FROM payments_refundline AS back
                            WHERE back.order_line_id = line.id), 0) AS units
          FROM counted JOIN orders_orderline AS line ON line.order_id = counted.id
          JOIN catalog_product AS product ON product.id = line.product_id
    ), favourite AS (
        SELECT user_id, json_agg(json_build_array(category_id, category.name, units)
                   ORDER BY place) AS categories
          FROM (SELECT user_id, category_id, sum(units)::bigint AS units,
                       row_number() OVER (PARTITION BY user_id
                           ORDER BY sum(units) DESC, category_id) AS place
                  FROM line GROUP BY user_id, category_id) AS ranked
          JOIN catalog_category AS category ON category.id = category_id
         WHERE place <= %(favourites)s AND units > 0 GROUP BY user_id
    ), price AS (
        SELECT user_id, percentile_disc(ARRAY[0.25, 0.5, 0.75])
                   WITHIN GROUP (ORDER BY unit_price) AS quartiles
          FROM line GROUP BY user_id
    ), third AS (
        SELECT percentile_disc(ARRAY[1/3.0, 2/3.0])
                   WITHIN GROUP (ORDER BY product.price) AS bounds
          FROM catalog_product AS product WHERE published_at <= now()
    )
    SELECT rfm.user_id, person.email, rfm.last_paid_at, rfm.frequency,
           rfm.spent - coalesce(given.amount, 0), favourite.categories,
           price.quartiles[1], price.quartiles[2], price.quartiles[3], third.bounds
      FROM rfm JOIN accounts_user AS person ON person.id = rfm.user_id
      JOIN price ON price.user_id = rfm.user_id CROSS JOIN third
      LEFT JOIN given ON given.user_id = rfm.user_id
      LEFT JOIN favourite ON favourite.user_id = rfm.user_id
     ORDER BY array_position(%(users)s::bigint[], rfm.user_id)
"""
_SETTLED = "status IN ('paid', 'processing', 'shipped', 'delivered')"
_TOP = """
    SELECT user_id FROM (
        SELECT "order".user_id, max("order".paid_at) AS last_paid_at,
               count(*) AS frequency,
               sum("order".total - coalesce(given.amount, 0)) AS monetary
          FROM orders_order AS "order"
          LEFT JOIN (SELECT order_id, sum(amount) AS amount FROM payments_refund
                      WHERE {of_sale}
                      GROUP BY order_id) AS given ON given.order_id = "order".id
         WHERE {settled} AND "order".user_id IS NOT NULL
           AND "order".paid_at >= %(start)s AND "order".paid_at < %(end)s
         GROUP BY "order".user_id) AS customer
     ORDER BY {sort} LIMIT %(limit)s
"""


def preferences_of(user_ids: Collection[int]) -> list[Preferences]:
    """Return the customers' preferences in the given order, without who never bought.

    One statement, whether for one customer or for many.
    """
    now = timezone.now()
    params = {"users": list(user_ids), "favourites": FAVOURITES}
    found = rows(_PREFERENCES.format(settled=_SETTLED, of_sale=IS_OF_SALE_SQL), params)
    return [_preferences(row, shop_day(now)) for row in found]


def best_customers(
    *, start: datetime, end: datetime, sort: str, limit: int
) -> list[Preferences]:
    """Return who paid for orders in [start, end), the best first by one of ``SORTS``.

    The time decides who is listed and in which order; the numbers are of all time.
    """
    sql = _TOP.format(
        settled=f'"order".{_SETTLED}', of_sale=IS_OF_SALE_SQL, sort=SORTS[sort]
    )
    found = rows(sql, {"start": start, "end": end, "limit": limit})
    return preferences_of([user_id for (user_id,) in found])


def _preferences(row: tuple[Any, ...], today: date) -> Preferences:
    user_id, email, last_paid_at, frequency, monetary, categories, *prices, bounds = row
    last_paid_on = last_paid_at.astimezone(shop_zone()).date()
    low, middle, high = prices
    return Preferences(
        user_id=user_id,
        email=email,
        last_paid_on=last_paid_on,
        recency_days=(today - last_paid_on).days,
        frequency=frequency,
        monetary=int(monetary),
        favourites=tuple(Favourite(*one) for one in categories or ()),
        price_low=low,
        price_middle=middle,
        price_high=high,
        band=_band(middle, bounds),
    )


def _band(price: int, bounds: list[int] | None) -> PriceBand:
    if bounds is None or bounds[0] < price <= bounds[1]:
        return PriceBand.MIDDLE
    return PriceBand.LOW if price <= bounds[0] else PriceBand.HIGH
