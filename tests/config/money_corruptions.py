"""What could go wrong with payments and refunds, and which invariants find it."""

MONEY_CORRUPTIONS = {
    "payment lost": (
        """
        DELETE FROM payments_payment WHERE order_id = %(shipped)s
        """,
        {"I9", "I9a"},
    ),
    "paid with less": (
        """
        UPDATE payments_payment SET amount = amount - 1 WHERE order_id = %(paid)s
        """,
        {"I9", "I9a"},
    ),
    "paid by somebody else": (
        """
        UPDATE orders_order SET user_id = %(other)s WHERE id = %(processing)s
        """,
        {"I9a"},
    ),
    "payment settled for an order that was never paid": (
        """
        INSERT INTO payments_payment (id, order_id, method, amount, refunded,
           state, provider_reference, created_at, captured_at, settled_at) SELECT
           gen_random_uuid(), id, 'stripe', total, 0, 'captured', '', now(), now(),
           now() FROM orders_order WHERE id = %(pending)s
        """,
        {"I9"},
    ),
    "debit lost with its mark in the ledger": (
        """
        DELETE FROM points_ledgerentry
           WHERE idempotency_key = 'order/' || %(shipped)s
        """,
        {"I1", "I2", "I2c", "I9a"},
    ),
    "outside part of a mixed payment lost": (
        """
        DELETE FROM payments_payment
           WHERE order_id = %(mixed)s AND method = 'sandbox'
        """,
        {"I9"},
    ),
    "held points not given back": (
        """
        UPDATE payments_payment SET state = 'authorised'
           WHERE order_id = %(declined)s AND method = 'points'
        """,
        {"I9a", "I9f"},
    ),
    "attempt open for an order that is called off": (
        """
        UPDATE payments_payment SET state = 'processing', settled_at = NULL,
           refunded = 0 WHERE order_id = %(too_late)s;
        DELETE FROM payments_refundleg WHERE payment_id IN (SELECT id
           FROM payments_payment WHERE order_id = %(too_late)s);
        DELETE FROM payments_refund WHERE order_id = %(too_late)s
        """,
        {"I9f"},
    ),
    "attempt of another amount than the order's": (
        """
        UPDATE payments_payment SET state = 'processing'
           WHERE order_id = %(declined)s AND method = 'sandbox'
        """,
        {"I9f"},
    ),
    "late money kept": (
        """
        DELETE FROM payments_refundleg WHERE payment_id IN (SELECT id
           FROM payments_payment WHERE order_id = %(too_late)s);
        DELETE FROM payments_refund WHERE order_id = %(too_late)s;
        UPDATE payments_payment SET refunded = 0 WHERE order_id = %(too_late)s
        """,
        {"I9c"},
    ),
    "captured money called settled": (
        """
        UPDATE payments_payment SET settled_at = now()
           WHERE order_id = %(too_late)s
        """,
        {"I9"},
    ),
    "points for a payment that was never captured": (
        """
        UPDATE payments_payment SET state = 'voided', settled_at = NULL
           WHERE buyer_id = %(user)s
        """,
        {"I9c"},
    ),
    "points for no payment": (
        """
        DELETE FROM payments_payment WHERE buyer_id = %(user)s
        """,
        {"I9c"},
    ),
    "event told twice": (
        """
        WITH twin AS (INSERT INTO outbox_event (id, topic, aggregate, payload,
           occurred_at) SELECT gen_random_uuid(), topic, aggregate, payload, now()
           FROM outbox_event WHERE topic = 'order.paid' AND
           aggregate = 'order/' || %(paid)s RETURNING id, aggregate)
           INSERT INTO outbox_dispatch (event_id, subscriber, aggregate, last_error)
           SELECT twin.id, told.subscriber, twin.aggregate, '' FROM twin,
           (SELECT DISTINCT subscriber FROM outbox_dispatch JOIN outbox_event AS event
           ON event.id = event_id WHERE topic = 'order.paid') AS told
        """,
        {"I9"},
    ),
    "event lost": (
        """
        DELETE FROM outbox_dispatch WHERE aggregate = 'order/' || %(paid)s;
        DELETE FROM outbox_event WHERE aggregate = 'order/' || %(paid)s
        """,
        {"I13c", "I9"},
    ),
    "refund taken off the payment": (
        """
        UPDATE payments_payment SET refunded = refunded - 1
           WHERE order_id = %(refunded)s
        """,
        {"I10", "I9b"},
    ),
    "refund made bigger": (
        """
        UPDATE payments_refund SET amount = amount + 1
           WHERE order_id = %(refunded)s
        """,
        {"I10a", "I10b"},
    ),
    "leg made bigger": (
        """
        UPDATE payments_refundleg SET amount = amount + 1
        """,
        {"I10", "I10a"},
    ),
    "refund not in the ledger": (
        """
        UPDATE payments_refund SET idempotency_key = 'another'
           WHERE order_id = %(refunded)s
        """,
        {"I10"},
    ),
    "more goods given back than bought": (
        """
        UPDATE payments_refundline SET quantity = quantity + 1
        """,
        {"I10b", "I9d"},
    ),
    "refund lines on another day": (
        """
        UPDATE payments_refundline SET refunded_at = now() + interval '1 day'
        """,
        {"I10b"},
    ),
    "points for a refused refund never given": (
        """
        UPDATE payments_refundleg SET provider_reference = 'points'
           WHERE state = 'done'
        """,
        {"I10c"},
    ),
    "refund that nobody asks the provider for": (
        """
        UPDATE payments_refundleg SET state = 'pending', done_at = NULL
           WHERE payment_id IN (SELECT id FROM payments_payment
                                 WHERE order_id = %(too_late)s);
        UPDATE outbox_dispatch SET delivered_at = now(), dead_at = NULL
           WHERE subscriber = 'checkout.providers.send_refunds'
        """,
        {"I10d"},
    ),
    "points of a refund called pending": (
        """
        UPDATE payments_refundleg SET state = 'refused', done_at = NULL
           WHERE payment_id IN (SELECT id FROM payments_payment
                                 WHERE method = 'points')
        """,
        {"I10d"},
    ),
}
