"""No coupon beyond the number of its batch, none on two orders."""

from common.invariants import Invariant

INVARIANTS = [
    Invariant(
        id="I6",
        title="A batch issued what it counts: one per shopper, numbered, within limit",
        sql="""
            SELECT batch.id, format('counts %%s of %%s; %%s coupons of %%s shoppers,'
                       ' the last is no. %%s', batch.issued, batch.quantity,
                       coalesce(coupons, 0), coalesce(holders, 0), coalesce(last, 0))
              FROM coupons_couponbatch AS batch
              LEFT JOIN (SELECT batch_id, count(*) AS coupons, max(serial) AS last,
                                count(DISTINCT serial) AS serials,
                                count(DISTINCT user_id) AS holders
                           FROM coupons_coupon GROUP BY batch_id) AS issued
                ON issued.batch_id = batch.id
             WHERE batch.issued > batch.quantity
                OR (coalesce(coupons, 0), coalesce(last, 0), coalesce(serials, 0),
                    coalesce(holders, 0))
                <> (batch.issued, batch.issued, batch.issued, batch.issued)
        """,
        hint="Keys are batches. The counter is only ever raised by a claim.",
    ),
    Invariant(
        id="I7",
        title="A coupon is where its order says, and an order has its own coupon",
        sql="""
            SELECT 'coupon ' || coupon.id, format('%%s on order %%s, which is %%s'
                       ' and has coupon %%s', coupon.state, "order".number,
                       "order".status, coalesce("order".coupon_id::text, 'none'))
              FROM coupons_coupon AS coupon
              JOIN orders_order AS "order" ON "order".id = coupon.order_id
             WHERE "order".coupon_id IS DISTINCT FROM coupon.id
                OR "order".user_id IS DISTINCT FROM coupon.user_id
                OR coupon.state IS DISTINCT FROM CASE
                       WHEN "order".status = 'pending' THEN 'reserved'
                       WHEN "order".status NOT IN ('cancelled', 'expired') THEN 'used'
                   END
             UNION ALL
            SELECT 'coupon ' || id, state || ', but on no order, or used at no time'
              FROM coupons_coupon
             WHERE (state IN ('reserved', 'used')) <> (order_id IS NOT NULL)
                OR (state = 'used') <> (used_at IS NOT NULL)
             UNION ALL
            SELECT 'order ' || "order".number, format('is %%s with coupon %%s, which is'
                       ' not on it', "order".status, "order".coupon_id)
              FROM orders_order AS "order"
              LEFT JOIN coupons_coupon AS coupon
                ON coupon.id = "order".coupon_id AND coupon.order_id = "order".id
             WHERE "order".coupon_id IS NOT NULL AND coupon.id IS NULL
               AND "order".status NOT IN ('cancelled', 'expired')
        """,
        hint="A coupon was not given back, given back twice, or put on two orders.",
    ),
]
