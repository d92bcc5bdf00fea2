"""What was given back was paid before, and reached the shopper."""

from common.invariants import Invariant

INVARIANTS = [
    Invariant(
        id="I10",
        title="Refunds are within the payment, and points' part is in the ledger once",
        sql="""
            WITH given AS (
                SELECT payment_id, sum(amount) AS amount
                  FROM payments_refundleg GROUP BY payment_id
            ), credited AS (
                SELECT idempotency_key AS key, amount, account_id AS user_id
                  FROM points_ledgerentry
                 WHERE kind = 'refund' AND starts_with(idempotency_key, 'refund/')
            ), leg AS (
                SELECT leg.id, 'refund/' || refund.idempotency_key AS key, leg.amount,
                       "order".number, "order".user_id
                  FROM payments_refundleg AS leg
                  JOIN payments_refund AS refund ON refund.id = leg.refund_id
                  JOIN payments_payment AS payment ON payment.id = leg.payment_id
                  JOIN orders_order AS "order" ON "order".id = payment.order_id
                 WHERE leg.amount > 0 AND payment.method = 'points'
            )
            SELECT 'payment ' || payment.id, format('of %%s (%%s) says refunded %%s;'
                       ' the refunds sum to %%s', payment.amount, payment.state,
                       payment.refunded, coalesce(given.amount, 0))
              FROM payments_payment AS payment
              LEFT JOIN given ON given.payment_id = payment.id
             WHERE payment.refunded <> coalesce(given.amount, 0)
                OR payment.refunded > payment.amount
                OR given.amount IS NOT NULL AND payment.state <> 'captured'
             UNION ALL
            SELECT coalesce('leg ' || leg.id, key),
                   format('order %%s: refund of %%s; %%s in the ledger',
                          coalesce(leg.number, 'none'), coalesce(leg.amount, 0),
                          coalesce(credited.amount, 0))
              FROM leg FULL JOIN credited USING (key)
             WHERE leg.amount IS DISTINCT FROM credited.amount
                OR leg.user_id IS DISTINCT FROM credited.user_id
        """,
        hint="Points went back twice, or not at all: compare the order's timeline.",
    ),
    Invariant(
        id="I10a",
        title="A refund is the sum of its legs",
        sql="""
            SELECT 'refund ' || refund.id, format('of %%s; its legs sum to %%s',
                       refund.amount, coalesce(sum(leg.amount), 0))
              FROM payments_refund AS refund
              LEFT JOIN payments_refundleg AS leg ON leg.refund_id = refund.id
             GROUP BY refund.id
            HAVING refund.amount <> coalesce(sum(leg.amount), 0)
        """,
        hint="Somebody wrote a refund past the service.",
    ),
    Invariant(
        id="I10b",
        title="A refund names goods of its order, at most for what they cost",
        sql="""
            WITH named AS (
                SELECT refund_id, sum(amount) AS amount
                  FROM payments_refundline GROUP BY refund_id
            ), returned AS (
                SELECT order_line_id, sum(amount) AS amount, sum(quantity) AS quantity
                  FROM payments_refundline GROUP BY order_line_id
            )
            SELECT 'refund ' || refund.id, format('of %%s names goods for %%s',
                       refund.amount, named.amount)
              FROM payments_refund AS refund
              JOIN named ON named.refund_id = refund.id
             WHERE named.amount <> refund.amount - refund.delivery_amount
             UNION ALL
            SELECT 'line ' || line.id, format('%%s for %%s, given back %%s for %%s',
                       line.quantity, line.line_total - line.discount_share,
                       returned.quantity, returned.amount)
              FROM orders_orderline AS line
              JOIN returned ON returned.order_line_id = line.id
             WHERE returned.quantity > line.quantity
                OR returned.amount > line.line_total - line.discount_share
             UNION ALL
            SELECT 'refund line ' || given.id, 'belongs to another order or time'
              FROM payments_refundline AS given
              JOIN payments_refund AS refund ON refund.id = given.refund_id
              JOIN orders_orderline AS line ON line.id = given.order_line_id
             WHERE line.order_id IS DISTINCT FROM refund.order_id
                OR line.product_id <> given.product_id
                OR refund.refunded_at <> given.refunded_at
        """,
        hint="The sales rollup counts refund lines: it is wrong on that day, too.",
    ),
    Invariant(
        id="I10c",
        title="What went back as points instead is in the ledger once",
        sql="""
            WITH leg AS (
                SELECT 'leg/' || leg.id AS key, leg.amount,
                       coalesce("order".user_id, payment.buyer_id) AS user_id
                  FROM payments_refundleg AS leg
                  JOIN payments_payment AS payment ON payment.id = leg.payment_id
                  LEFT JOIN orders_order AS "order" ON "order".id = payment.order_id
                 WHERE leg.state = 'done' AND leg.provider_reference = 'points'
            ), credited AS (
                SELECT idempotency_key AS key, amount, account_id AS user_id
                  FROM points_ledgerentry
                 WHERE kind = 'refund' AND starts_with(idempotency_key, 'leg/')
            )
            SELECT key, format('%%s due, %%s in the ledger',
                       coalesce(leg.amount, 0), coalesce(credited.amount, 0))
              FROM leg FULL JOIN credited USING (key)
             WHERE leg.amount IS DISTINCT FROM credited.amount
                OR leg.user_id IS DISTINCT FROM credited.user_id
        """,
        hint="Staff paid a refused refund in points; compare the leg's note.",
    ),
    Invariant(
        id="I10d",
        title="What goes back by a provider is asked for, and the rest is back at once",
        sql="""
            SELECT 'leg ' || leg.id, format('%%s of %%s by %%s, and nobody sees to it',
                       leg.state, leg.amount, payment.method)
              FROM payments_refundleg AS leg
              JOIN payments_payment AS payment ON payment.id = leg.payment_id
             WHERE payment.method IN ('points', 'free') AND leg.state <> 'done'
                OR leg.state = 'pending' AND NOT EXISTS (
                   SELECT FROM outbox_event AS event
                     LEFT JOIN outbox_dispatch AS dispatch
                       ON dispatch.event_id = event.id
                    WHERE event.aggregate = 'payment/' || payment.id
                      AND event.topic = 'refund.requested'
                      AND (event.payload ->> 'leg_id')::bigint = leg.id
                      AND dispatch.delivered_at IS NULL)
        """,
        hint="Its event was lost. Look at the provider's books before you pay it.",
    ),
]
