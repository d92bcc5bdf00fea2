"""No order without its money, no money without its order; it spans every app below."""

from common.invariants import Invariant

INVARIANTS = [
    Invariant(
        id="I9",
        title="A paid order has its total in payments and one event; others have none",
        sql="""
            WITH purchase AS (
                SELECT id, 'order/' || id AS key, number, status, total,
                       (paid_at IS NOT NULL)::int AS paid
                  FROM orders_order
            ), settled AS (
                SELECT order_id, count(*) AS payments, sum(amount) AS amount
                  FROM payments_payment
                 WHERE settled_at IS NOT NULL AND order_id IS NOT NULL
                 GROUP BY order_id
            ), told AS (
                SELECT aggregate AS key, count(*) AS events
                  FROM outbox_event WHERE topic = 'order.paid' GROUP BY aggregate
            )
            SELECT coalesce(purchase.number, key),
                   format('%%s order of %%s: %%s payments of %%s, %%s events',
                          coalesce(purchase.status, 'no'), coalesce(purchase.total, 0),
                          coalesce(payments, 0), coalesce(settled.amount, 0),
                          coalesce(events, 0))
              FROM purchase
              LEFT JOIN settled ON settled.order_id = purchase.id
              FULL JOIN told USING (key)
             WHERE purchase.id IS NULL
                OR (coalesce(payments, 0) > 0)::int <> purchase.paid
                OR settled.amount <> purchase.total
                OR coalesce(events, 0) <> purchase.paid
        """,
        hint="Keys are order numbers. The payment did not happen as a whole.",
    ),
    Invariant(
        id="I9a",
        title="What points pay or hold is in the ledger once, for the same amount",
        sql="""
            WITH part AS (
                SELECT payment.id, "order".user_id, payment.amount, payment.state,
                       CASE WHEN entry.id IS NULL THEN 'hold/' || payment.id
                            ELSE 'order/' || payment.order_id END AS key
                  FROM payments_payment AS payment
                  JOIN orders_order AS "order" ON "order".id = payment.order_id
                  LEFT JOIN points_ledgerentry AS entry
                    ON entry.account_id = "order".user_id
                   AND entry.idempotency_key = 'order/' || payment.order_id
                   AND payment.settled_at IS NOT NULL
                 WHERE payment.method = 'points'
            ), used AS (
                SELECT idempotency_key AS key, -amount AS amount, account_id AS user_id
                  FROM points_ledgerentry
                 WHERE kind = 'use' AND (starts_with(idempotency_key, 'order/')
                       OR starts_with(idempotency_key, 'hold/'))
            ), released AS (
                SELECT substr(idempotency_key, 9) AS id, amount
                  FROM points_ledgerentry
                 WHERE kind = 'refund' AND starts_with(idempotency_key, 'release/')
            )
            SELECT coalesce('payment ' || part.id, key),
                   format('%%s of %%s points; the ledger took %%s and gave back %%s',
                          coalesce(part.state, 'none'), coalesce(part.amount, 0),
                          coalesce(used.amount, 0), coalesce(released.amount, 0))
              FROM part
              FULL JOIN used USING (key)
              FULL JOIN released ON released.id = part.id::text
             WHERE used.amount IS DISTINCT FROM part.amount
                OR used.user_id IS DISTINCT FROM part.user_id
                OR (part.state = 'voided') <> (released.id IS NOT NULL)
                OR released.amount <> part.amount
        """,
        hint="Points were taken without a payment, twice, or not given back.",
    ),
    Invariant(
        id="I9b",
        title="A cancelled order's money is back; no other order's goods and money are",
        sql="""
            SELECT "order".number, format('is %%s, %%s of %%s given back',
                       "order".status, sum(payment.refunded), sum(payment.amount))
              FROM payments_payment AS payment
              JOIN orders_order AS "order" ON "order".id = payment.order_id
             WHERE payment.settled_at IS NOT NULL AND payment.amount > 0
             GROUP BY "order".id
            HAVING "order".status = 'cancelled'
               AND sum(payment.refunded) <> sum(payment.amount)
        """,
        hint="Keys are order numbers. Goods are back on the shelf, the money is not.",
    ),
    Invariant(
        id="I9c",
        title="Captured money is a paid order, or points, or on its way back whole",
        sql="""
            SELECT 'payment ' || payment.id,
                   format('%%s captured %%s, settled %%s, given back %%s, charged %%s',
                          payment.method, payment.amount,
                          coalesce(payment.settled_at::text, 'never'),
                          payment.refunded, coalesce(entry.amount, 0))
              FROM payments_payment AS payment
              LEFT JOIN points_ledgerentry AS entry
                ON entry.account_id = payment.buyer_id
               AND entry.idempotency_key = 'payment/' || payment.id
             WHERE payment.state = 'captured'
               AND (payment.settled_at IS NULL AND payment.refunded <> payment.amount
                    OR payment.buyer_id IS NOT NULL AND coalesce(entry.amount, 0)
                       <> CASE WHEN payment.settled_at IS NULL THEN 0
                               ELSE payment.amount END)
                OR payment.state <> 'captured' AND entry.id IS NOT NULL
             UNION ALL
            SELECT entry.idempotency_key, 'points were charged for no payment'
              FROM points_ledgerentry AS entry
             WHERE starts_with(entry.idempotency_key, 'payment/')
               AND NOT EXISTS (SELECT FROM payments_payment AS payment
                                WHERE 'payment/' || payment.id = entry.idempotency_key)
        """,
        hint="Money without goods or points: look the payment up at its provider.",
    ),
    Invariant(
        id="I9d",
        title="Each unit is sent, refunded unsent, or waits; none is two of these",
        sql="""
            WITH unit AS (
                SELECT line.id, line.order_id, line.quantity,
                       (SELECT coalesce(sum(quantity), 0) FROM orders_fulfilmentline
                         WHERE order_line_id = line.id) AS sent,
                       (SELECT coalesce(sum(quantity), 0) FROM payments_refundline
                         WHERE order_line_id = line.id) AS refunded,
                       (SELECT coalesce(sum(item.quantity), 0)
                          FROM orders_returnline AS item
                          JOIN orders_return AS parent ON parent.id = item.parent_id
                         WHERE item.order_line_id = line.id
                           AND parent.state = 'received') AS returned
                  FROM orders_orderline AS line
            )
            SELECT "order".number || '/' || unit.id, format('%%s of a %%s order: %%s'
                       ' sent, %%s refunded, %%s returned', unit.quantity,
                       "order".status, sent, refunded, returned)
              FROM unit JOIN orders_order AS "order" ON "order".id = unit.order_id
             WHERE sent + refunded - returned > unit.quantity
                OR returned > refunded
                OR status IN ('shipped', 'delivered')
                   AND sent + refunded - returned <> unit.quantity
                OR status = 'cancelled' AND paid_at IS NOT NULL
                   AND refunded <> unit.quantity
        """,
        hint="Keys are number/line. Goods and money of the order went apart.",
    ),
    Invariant(
        id="I9f",
        title="Points are held, and payments open, only for orders that wait for both",
        sql="""
            WITH attempt AS (
                SELECT id, order_id, amount FROM payments_payment
                 WHERE state IN ('created', 'processing', 'authorised')
                   AND method NOT IN ('points', 'free') AND order_id IS NOT NULL
            ), held AS (
                SELECT id, order_id, amount FROM payments_payment
                 WHERE state = 'authorised' AND method = 'points'
            )
            SELECT 'payment ' || coalesce(attempt.id, held.id),
                   format('%%s order of %%s: %%s asked for, %%s points held',
                          "order".status, "order".total, coalesce(attempt.amount, 0),
                          coalesce(held.amount, 0))
              FROM attempt FULL JOIN held USING (order_id)
              JOIN orders_order AS "order" ON "order".id = order_id
             WHERE "order".status <> 'pending' OR attempt.id IS NULL
                OR attempt.amount + coalesce(held.amount, 0) <> "order".total
        """,
        hint="An attempt was given up, and what it held was not given back.",
    ),
    Invariant(
        id="I9e",
        title="A received return is paid back once, and its goods are accounted for",
        sql="""
            WITH expected AS (
                SELECT parent.id AS return_id, parent.order_id, item.order_line_id,
                       line.product_id, item.quantity, item.restocked
                  FROM orders_return AS parent
                  JOIN orders_returnline AS item ON item.parent_id = parent.id
                  JOIN orders_orderline AS line ON line.id = item.order_line_id
                 WHERE parent.state = 'received'
            ), paid AS (
                SELECT substr(refund.idempotency_key, 8)::bigint AS return_id,
                       line.order_line_id, line.quantity
                  FROM payments_refund AS refund
                  JOIN payments_refundline AS line ON line.refund_id = refund.id
                 WHERE starts_with(refund.idempotency_key, 'return/')
            ), shelved AS (
                SELECT split_part(reference, '/', 2)::bigint AS return_id, product_id,
                       coalesce(sum(on_hand_delta) FILTER (
                           WHERE split_part(reference, '/', 3) = ''), 0) AS good,
                       sum(on_hand_delta) AS all_of_it
                  FROM inventory_stockmovement
                 WHERE kind = 'returned' AND starts_with(reference, 'return/')
                 GROUP BY 1, 2
            )
            SELECT 'return ' || coalesce(expected.return_id, paid.return_id),
                   format('line %%s: %%s came, %%s paid back, %%s of %%s on the shelf,'
                          ' should be %%s', coalesce(expected.order_line_id,
                          paid.order_line_id), coalesce(expected.quantity, 0),
                          coalesce(paid.quantity, 0), coalesce(good, 0),
                          coalesce(all_of_it, 0), coalesce(restocked, 0))
              FROM expected FULL JOIN paid USING (return_id, order_line_id)
              LEFT JOIN shelved ON shelved.return_id = expected.return_id
               AND shelved.product_id = expected.product_id
             WHERE expected.quantity IS DISTINCT FROM paid.quantity
                OR expected.quantity IS DISTINCT FROM all_of_it
                OR expected.restocked IS DISTINCT FROM good
        """,
        hint="Keys are returns. Compare the refund and the movements of each.",
    ),
]
