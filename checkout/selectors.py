"""What checkout reads before it decides: one statement over several apps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from common.db import run
from coupons import services as coupons
from delivery import selectors as delivery_selectors
from delivery.carriers.base import Parcel
from delivery.promise import Promise, promise
from delivery.selectors import WAY_SQL, place_of, read_way
from promotions.models import REGULAR_DAYS
from promotions.pricing import (
    CouponTerms,
    DeliveryTerms,
    Item,
    PromotionTerms,
    Quote,
    quote,
    weight_of,
)
from promotions.selectors import IS_CHOOSY_SQL, RUNNING_SQL, Buyer, read_running

# Standing orders of the shopper, and those paid of late; null if nobody has to know.
BUYER_SQL = f"""
    CASE WHEN {IS_CHOOSY_SQL} THEN (
        SELECT ARRAY[count(*), count(*) FILTER (
                   WHERE paid_at > now() - make_interval(days => {REGULAR_DAYS}))]
          FROM orders_order
         WHERE user_id = %(user_id)s::bigint
           AND status NOT IN ('cancelled', 'expired'))
    END"""  # noqa: S608 — our own text
# One row per product that is on sale; what is for all of them stands in every row. The
# way of delivery and the promotions are one text each, found and written once.
OFFER_SQL = f"""
    SELECT product.id, product.sku, product.name, product.price, product.weight_grams,
           coalesce(stock.on_hand - stock.reserved, 0),
           (SELECT {WAY_SQL} FROM (
                   SELECT * FROM delivery_deliverymethod
                    WHERE is_active
                      AND code = coalesce(%(delivery_method)s::text, code)
                    ORDER BY position, id LIMIT 1) AS method),
           coupon.id, coupon.state, batch.name, batch.kind, batch.value,
           batch.max_discount, batch.min_spend, batch.is_active,
           batch.valid_from <= now(), batch.valid_until <= now(), batch.is_personal,
           now(),
           coalesce((SELECT sum(hold.quantity) FROM inventory_hold AS hold
                      WHERE hold.product_id = product.id AND hold.state = 'active'
                        AND hold.expires_at > now()
                        AND (hold.user_id = %(user_id)s::bigint OR hold.user_id IS NULL
                             AND hold.email = %(email)s::text)), 0)::bigint,
           ({RUNNING_SQL}), {BUYER_SQL}
      FROM catalog_product AS product
      LEFT JOIN inventory_stock AS stock ON stock.product_id = product.id
      LEFT JOIN coupons_coupon AS coupon
        ON coupon.id = %(coupon_id)s::bigint AND coupon.user_id = %(user_id)s::bigint
      LEFT JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
     WHERE product.id = ANY(%(product_ids)s::bigint[]) AND product.published_at <= now()
     ORDER BY product.id
"""  # noqa: S608 — our own text
NOWHERE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Offer:
    """What the shop offers right now for a list of products.

    ``available`` is the live stock by product id, with what is kept for this shopper,
    which ``held`` says again. Products that are not on sale are missing from ``items``.
    ``moment`` is the database's clock when it was read. ``promotions`` are all that
    run, whether they apply or not.
    ``is_delivered`` is false if the shop has ways of delivery, but none as asked for
    that takes these products to the address; ``delivery`` is ``None`` then.
    """

    items: tuple[Item, ...]
    available: Mapping[int, int]
    delivery: DeliveryTerms | None
    is_delivered: bool
    coupon: CouponTerms | None
    moment: datetime
    held: Mapping[int, int] = field(default_factory=dict)
    promotions: tuple[PromotionTerms, ...] = ()

    def quote(self, *, coupon: CouponTerms | None = None) -> Quote:
        """Price it with its own coupon, or with another one."""
        return quote(
            self.items,
            promotions=self.promotions,
            coupon=coupon or self.coupon,
            delivery=self.delivery,
        )

    @property
    def promised(self) -> Promise | None:
        """The shop days on which it arrives if it is ordered now."""
        if self.delivery is None:
            return None
        return promise(self.delivery.schedule, now=self.moment)

    def parcel(self, address: Mapping[str, str]) -> Parcel:
        """Return the items as one parcel to ``address``."""
        value = sum(item.total for item in self.items)
        return Parcel(weight_of(self.items), value, address)


def offer(
    quantities: Mapping[int, int],
    *,
    user_id: int | None,
    email: str,
    coupon_id: int | None,
    delivery_method: str | None,
    address: Mapping[str, str] = NOWHERE,
) -> Offer:
    """Read prices, stock, coupon and delivery for ``quantities`` (by product id).

    ``email`` is of whom things may be kept for, empty while a guest's is not known.
    Takes no lock: whatever is decided on it is checked again by the statements that
    write. ``delivery_method`` ``None`` means the first one that takes the products to
    ``address``; an empty one is in the shop's own country.
    """
    params = {
        "product_ids": list(quantities),
        "user_id": user_id,
        "email": email.strip().lower(),
        "coupon_id": coupon_id,
        "delivery_method": delivery_method,
        **place_of(address),
    }
    rows = run(OFFER_SQL, params).rows()
    items = tuple(
        Item(
            product_id=row[0],
            sku=row[1],
            name=row[2],
            unit_price=row[3],
            quantity=quantities[row[0]],
            weight=row[4],
        )
        for row in rows
    )
    first = read_way(rows[0][6]) if rows and rows[0][6] else None
    delivery = _serving(first, items, address, is_free_choice=delivery_method is None)
    return Offer(
        items=items,
        available={row[0]: row[5] + row[19] for row in rows},
        delivery=delivery,
        # A shop without any way of delivery sells what needs none.
        is_delivered=delivery is not None
        or (first is None and delivery_method is None),
        coupon=_coupon(rows),
        moment=rows[0][18] if rows else timezone.now(),
        held={row[0]: row[19] for row in rows if row[19]},
        promotions=_promotions(rows, user_id),
    )


def _promotions(
    rows: list[tuple[Any, ...]], user_id: int | None
) -> tuple[PromotionTerms, ...]:
    if not rows or rows[0][20] is None:
        return ()
    counts = rows[0][21] or (0, 0)
    return read_running(rows[0][20], Buyer(user_id is not None, *counts))


def _serving(
    first: DeliveryTerms | None,
    items: Sequence[Item],
    address: Mapping[str, str],
    *,
    is_free_choice: bool,
) -> DeliveryTerms | None:
    """Return the way that takes the parcel, with the price it has for an order."""
    if first is None:
        return None
    parcel = Parcel(weight_of(items), sum(item.total for item in items), address)
    others: Sequence[DeliveryTerms] = ()
    if first.table_cost(parcel.weight, parcel.value) is None and is_free_choice:
        # Rare enough for a second look: the usual way does not go there.
        others = delivery_selectors.ways(address)
    for way in (first, *others):
        if way.table_cost(parcel.weight, parcel.value) is not None:
            return delivery_selectors.priced(way, parcel)
    return None


def _coupon(rows: list[tuple[Any, ...]]) -> CouponTerms | None:
    if not rows or rows[0][7] is None:
        return None
    coupon_id, state, *batch = rows[0][7:18]
    names = (
        "name",
        "kind",
        "value",
        "max_discount",
        "min_spend",
        "is_active",
        "is_started",
        "is_over",
        "is_personal",
    )
    return coupons.terms(
        coupon_id=coupon_id, state=state, batch=dict(zip(names, batch, strict=True))
    )
