"""What could go wrong with returns and holds, and which invariants find it."""

STOCK_CORRUPTIONS = {
    "return without a reason": (
        """
        INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
           reserved_delta, on_hand_after, reserved_after, order_id, reason, moved_at)
           SELECT product_id, 'returned', 1, 0, 2, 0, order_id, '', now()
           FROM orders_orderline WHERE order_id = %(sold_alone)s;
        UPDATE inventory_stock SET on_hand = 2 WHERE product_id =
           (SELECT product_id FROM orders_orderline
           WHERE order_id = %(sold_alone)s)
        """,
        {"I5"},
    ),
    "more returned than sold": (
        """
        INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
           reserved_delta, on_hand_after, reserved_after, order_id, reference, reason,
           moved_at)
           SELECT product_id, 'returned', 3, 0, 4, 0, order_id, 'return/1', '', now()
           FROM orders_orderline WHERE order_id = %(sold_alone)s;
        UPDATE inventory_stock SET on_hand = 4 WHERE product_id =
           (SELECT product_id FROM orders_orderline
           WHERE order_id = %(sold_alone)s)
        """,
        {"I5"},
    ),
    "hold forgotten": (
        """
        DELETE FROM inventory_hold WHERE state = 'active'
        """,
        {"I4", "I4b"},
    ),
    "hold made up": (
        """
        INSERT INTO inventory_hold (alert_id, product_id, email, quantity, state,
           expires_at) SELECT id, product_id, email, 1, 'active', now()
           FROM inventory_restockalert WHERE state = 'waiting'
        """,
        {"I4", "I4b"},
    ),
    "hold used and still kept": (
        """
        UPDATE inventory_hold SET state = 'claimed', settled_at = now(),
           order_id = %(kept)s WHERE state = 'active'
        """,
        {"I4", "I4b"},
    ),
    "lapsed hold still promised": (
        """
        UPDATE inventory_restockalert SET state = 'offered' WHERE state = 'lapsed'
        """,
        {"I4b"},
    ),
    "told, but nothing kept": (
        """
        UPDATE inventory_restockalert SET state = 'offered', offered_at = now()
           WHERE state = 'waiting'
        """,
        {"I4b"},
    ),
    "hold used for another product": (
        """
        UPDATE inventory_hold SET order_id = %(sold_alone)s WHERE state = 'claimed'
        """,
        {"I4b"},
    ),
}
