"""What checkout reads before it decides: one statement over several apps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from common.db import run
from coupons import services as coupons
from promotions.pricing import CouponTerms, DeliveryTerms, Item

# One row per product that is on sale; delivery and coupon stand in every row.
OFFER_SQL = """
    SELECT product.id, product.sku, product.name, product.price,
           coalesce(stock.on_hand - stock.reserved, 0),
           method.code, method.name, method.cost, method.free_from,
           coupon.id, coupon.state, batch.name, batch.kind, batch.value,
           batch.max_discount, batch.min_spend, batch.is_active,
           batch.valid_from <= now(), batch.valid_until <= now(), now()
      FROM catalog_product AS product
      LEFT JOIN inventory_stock AS stock ON stock.product_id = product.id
      LEFT JOIN LATERAL (
           SELECT code, name, cost, free_from FROM delivery_deliverymethod
            WHERE is_active AND code = coalesce(%(delivery_method)s::text, code)
            ORDER BY position, id LIMIT 1) AS method ON true
      LEFT JOIN coupons_coupon AS coupon
        ON coupon.id = %(coupon_id)s::bigint AND coupon.user_id = %(user_id)s::bigint
      LEFT JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
     WHERE product.id = ANY(%(product_ids)s::bigint[]) AND product.published_at <= now()
     ORDER BY product.id
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the shop offers right now for a list of products.

    ``available`` is the live stock by product id. Products that are not on sale are
    missing from ``items``. ``moment`` is the database's clock when it was read.
    """

    items: tuple[Item, ...]
    available: Mapping[int, int]
    delivery: DeliveryTerms | None
    coupon: CouponTerms | None
    moment: datetime


def offer(
    quantities: Mapping[int, int],
    *,
    user_id: int | None,
    coupon_id: int | None,
    delivery_method: str | None,
) -> Offer:
    """Read prices, stock, coupon and delivery for ``quantities`` (by product id).

    Takes no lock: whatever is decided on it is checked again by the statements that
    write. ``delivery_method`` ``None`` means the shop's first one.
    """
    params = {
        "product_ids": list(quantities),
        "user_id": user_id,
        "coupon_id": coupon_id,
        "delivery_method": delivery_method,
    }
    rows = run(OFFER_SQL, params).rows()
    items = tuple(
        Item(
            product_id=row[0],
            sku=row[1],
            name=row[2],
            unit_price=row[3],
            quantity=quantities[row[0]],
        )
        for row in rows
    )
    return Offer(
        items=items,
        available={row[0]: row[4] for row in rows},
        delivery=_delivery(rows),
        coupon=_coupon(rows),
        moment=rows[0][19] if rows else timezone.now(),
    )


def _delivery(rows: list[tuple[Any, ...]]) -> DeliveryTerms | None:
    if not rows or rows[0][5] is None:
        return None
    code, name, cost, free_from = rows[0][5:9]
    return DeliveryTerms(code=code, name=name, cost=cost, free_from=free_from)


def _coupon(rows: list[tuple[Any, ...]]) -> CouponTerms | None:
    if not rows or rows[0][9] is None:
        return None
    coupon_id, state, *batch = rows[0][9:19]
    names = (
        "name",
        "kind",
        "value",
        "max_discount",
        "min_spend",
        "is_active",
        "is_started",
        "is_over",
    )
    return coupons.terms(
        coupon_id=coupon_id, state=state, batch=dict(zip(names, batch, strict=True))
    )
