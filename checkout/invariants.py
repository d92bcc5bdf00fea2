"""No order without its money, no money without its order; it spans every app below."""

from common.invariants import Invariant

INVARIANTS = [
    Invariant(
        id="I9",
        title="A paid order has one payment, one debit and one event; others have none",
        sql="""
            WITH purchase AS (
                SELECT id, 'order/' || id AS key, number, status, total, user_id,
                       (paid_at IS NOT NULL)::int AS paid,
                       (paid_at IS NOT NULL AND total > 0 AND user_id IS NOT NULL)::int
                           AS debited
                  FROM orders_order
            ), captured AS (
                SELECT order_id, count(*) AS payments, sum(amount) AS amount
                  FROM payments_payment WHERE state = 'captured' GROUP BY order_id
            ), used AS (
                SELECT idempotency_key AS key, count(*) AS entries,
                       sum(amount) AS amount, min(account_id) AS user_id
                  FROM points_ledgerentry
                 WHERE kind = 'use' AND starts_with(idempotency_key, 'order/')
                 GROUP BY idempotency_key
            ), told AS (
                SELECT aggregate AS key, count(*) AS events
                  FROM outbox_event WHERE topic = 'order.paid' GROUP BY aggregate
            )
            SELECT coalesce(purchase.number, key),
                   format('%%s order of %%s: %%s payments of %%s, %%s debits of %%s,'
                          ' %%s events', coalesce(purchase.status, 'no'),
                          coalesce(purchase.total, 0), coalesce(payments, 0),
                          coalesce(captured.amount, 0), coalesce(entries, 0),
                          coalesce(-used.amount, 0), coalesce(events, 0))
              FROM purchase
              LEFT JOIN captured ON captured.order_id = purchase.id
              FULL JOIN used USING (key)
              FULL JOIN told USING (key)
             WHERE purchase.id IS NULL
                OR coalesce(payments, 0) <> purchase.paid
                OR captured.amount <> purchase.total
                OR coalesce(entries, 0) <> purchase.debited
                OR used.amount <> -purchase.total
                OR used.user_id <> purchase.user_id
                OR coalesce(events, 0) <> purchase.paid
        """,
        hint="Keys are order numbers. The payment did not happen as a whole.",
    ),
    Invariant(
        id="I9b",
        title="A paid order that was cancelled is refunded in full, others are not",
        sql="""
            SELECT "order".number, format('is %%s, %%s of %%s given back',
                       "order".status, payment.refunded, payment.amount)
              FROM payments_payment AS payment
              JOIN orders_order AS "order" ON "order".id = payment.order_id
             WHERE payment.state = 'captured' AND payment.amount > 0
               AND (payment.refunded = payment.amount)
                <> ("order".status = 'cancelled')
        """,
        hint="Keys are order numbers. Money without goods, or goods without money.",
    ),
]
