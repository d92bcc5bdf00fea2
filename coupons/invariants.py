"""No coupon beyond its batch's number or its rule's budget, none on two orders."""

from common.invariants import Invariant
from coupons.personal import COST_SQL

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
        id="I6b",
        title="A personal coupon was offered to its holder, who has no other open one",
        sql="""
            SELECT 'coupon ' || coupon.id, format('of user %%s in batch %%s, offered'
                       ' to %%s', coupon.user_id, batch.name,
                       coalesce(offer.user_id::text, 'nobody'))
              FROM coupons_coupon AS coupon
              JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
              LEFT JOIN coupons_personaloffer AS offer ON offer.coupon_id = coupon.id
             WHERE batch.is_personal <> (offer.id IS NOT NULL)
                OR offer.user_id <> coupon.user_id
             UNION ALL
            SELECT 'user ' || offer.user_id, count(*) || ' open personal coupons'
              FROM coupons_personaloffer AS offer
              JOIN coupons_coupon AS coupon ON coupon.id = offer.coupon_id
              JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
             WHERE coupon.state = 'issued' AND batch.valid_until > now()
               AND NOT EXISTS (SELECT FROM orders_order AS dead
                                WHERE dead.user_id = coupon.user_id
                                  AND dead.coupon_id = coupon.id)
             GROUP BY offer.user_id HAVING count(*) > 1
        """,
        hint="One that came back from a dead order may be open beside a newer one.",
    ),
    Invariant(
        id="I6c",
        title="No rule has given or promised more than its budget",
        sql=f"""
            SELECT 'rule ' || rule.id, format('%%s of %%s', sum({COST_SQL}),
                       rule.budget)
              FROM coupons_personalrule AS rule
              JOIN coupons_personaloffer AS offer ON offer.rule_id = rule.id
              JOIN coupons_coupon AS coupon ON coupon.id = offer.coupon_id
              JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
             GROUP BY rule.id, rule.budget
            HAVING sum({COST_SQL}) > rule.budget
        """,  # noqa: S608 — our own text
        hint="Given past the service, or the budget was lowered past the form.",
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
