"""The movement journal explains every stock, and every order's share of it."""

from common.invariants import Invariant

INVARIANTS = [
    Invariant(
        id="I3",
        title="Stock is the sum of its movements, and each says what was left",
        sql="""
            WITH chain AS (
                SELECT id, product_id, on_hand_delta, reserved_delta, on_hand_after,
                       reserved_after,
                       lag(on_hand_after, 1, 0::bigint) OVER journal AS on_hand_before,
                       lag(reserved_after, 1, 0::bigint) OVER journal AS reserved_before
                  FROM inventory_stockmovement
                WINDOW journal AS (PARTITION BY product_id ORDER BY id)
            ), moved AS (
                SELECT product_id, sum(on_hand_delta) AS on_hand,
                       sum(reserved_delta) AS reserved
                  FROM inventory_stockmovement GROUP BY product_id
            )
            SELECT product_id::text, format('%%s on hand, %%s reserved; the movements'
                       ' sum to %%s and %%s', stock.on_hand, stock.reserved,
                       coalesce(moved.on_hand, 0), coalesce(moved.reserved, 0))
              FROM inventory_stock AS stock
              FULL JOIN moved USING (product_id)
             WHERE stock.on_hand IS DISTINCT FROM coalesce(moved.on_hand, 0)
                OR stock.reserved IS DISTINCT FROM coalesce(moved.reserved, 0)
                OR stock.reserved NOT BETWEEN 0 AND stock.on_hand
             UNION ALL
            SELECT product_id || '/' || id,
                   format('leaves %%s and %%s, not %%s and %%s', on_hand_after,
                        reserved_after, on_hand_before + on_hand_delta,
                       reserved_before + reserved_delta)
              FROM chain
             WHERE on_hand_after <> on_hand_before + on_hand_delta
                OR reserved_after <> reserved_before + reserved_delta
        """,
        hint="Keys are products, or product/movement. Stock was changed past the"
        " service; count the shelf and adjust.",
    ),
    Invariant(
        id="I4",
        title="Reserved is what unpaid orders and personal holds keep",
        sql="""
            WITH kept AS (
                SELECT line.product_id, line.quantity
                  FROM orders_orderline AS line
                  JOIN orders_order AS "order" ON "order".id = line.order_id
                 WHERE "order".status = 'pending'
                 UNION ALL
                SELECT product_id, quantity FROM inventory_hold WHERE state = 'active'
            ), promised AS (
                SELECT product_id, sum(quantity) AS quantity
                  FROM kept GROUP BY product_id
            )
            SELECT product_id, format('%%s reserved, orders and holds keep %%s',
                       coalesce(stock.reserved, 0), coalesce(promised.quantity, 0))
              FROM inventory_stock AS stock FULL JOIN promised USING (product_id)
             WHERE coalesce(stock.reserved, 0) <> coalesce(promised.quantity, 0)
        """,
        hint="Keys are products. A reservation was lost, or given back twice.",
    ),
    Invariant(
        id="I4b",
        title="Each hold took its units once, and gave them up once",
        sql="""
            WITH moved AS (
                SELECT split_part(reference, '/', 2) AS hold, product_id,
                       sum(reserved_delta) FILTER (WHERE kind = 'held') AS taken,
                       -sum(reserved_delta) FILTER (WHERE kind = 'unheld') AS given
                  FROM inventory_stockmovement
                 WHERE kind IN ('held', 'unheld') GROUP BY reference, product_id
            )
            SELECT coalesce(hold.id::text, moved.hold), format('%%s, alert %%s:'
                       ' took %%s and gave up %%s of %%s',
                       coalesce(hold.state, 'no hold'), coalesce(alert.state, 'none'),
                       coalesce(taken, 0), coalesce(given, 0),
                       coalesce(hold.quantity, 0))
              FROM inventory_hold AS hold
              JOIN inventory_restockalert AS alert ON alert.id = hold.alert_id
              FULL JOIN moved ON moved.hold = hold.id::text
               AND moved.product_id = hold.product_id
             WHERE taken IS DISTINCT FROM hold.quantity
                OR coalesce(given, 0) IS DISTINCT FROM
                   CASE hold.state WHEN 'active' THEN 0 ELSE hold.quantity END
                OR (hold.state, alert.state) NOT IN (('active', 'offered'),
                   ('claimed', 'claimed'), ('released', 'lapsed'),
                   ('released', 'cancelled'))
                OR hold.state = 'claimed' AND NOT EXISTS (
                   SELECT FROM orders_orderline AS line
                    WHERE line.order_id = hold.order_id
                      AND line.product_id = hold.product_id)
             UNION ALL
            SELECT 'alert ' || alert.id, 'told, but nothing was kept'
              FROM inventory_restockalert AS alert
              LEFT JOIN inventory_hold AS hold ON hold.alert_id = alert.id
             WHERE alert.offered_at IS NOT NULL AND hold.id IS NULL
        """,
        hint="Keys are holds. A shopper was promised a unit that was not set aside.",
    ),
    Invariant(
        id="I5",
        title="Each order line moved stock exactly as its order's status says",
        sql="""
            WITH moved AS (
                SELECT order_id, product_id,
                       coalesce(sum(reserved_delta)
                           FILTER (WHERE kind = 'reserved'), 0) AS reserved,
                       coalesce(-sum(reserved_delta)
                           FILTER (WHERE kind = 'released'), 0) AS released,
                       coalesce(-sum(on_hand_delta)
                           FILTER (WHERE kind = 'committed'), 0) AS committed,
                       coalesce(-sum(on_hand_delta)
                           FILTER (WHERE kind = 'sold'), 0) AS sold,
                       coalesce(sum(on_hand_delta)
                           FILTER (WHERE kind = 'returned'), 0) AS returned,
                       count(*) FILTER (WHERE kind = 'returned' AND reference = '')
                           AS unexplained,
                       count(*) FILTER (WHERE kind IN ('received', 'counted',
                           'corrected', 'damaged', 'lost', 'brought_back', 'held',
                           'unheld')) AS others
                  FROM inventory_stockmovement
                 WHERE order_id IS NOT NULL GROUP BY order_id, product_id
            ), line AS (
                SELECT line.order_id, line.product_id, line.quantity AS q,
                       "order".status, "order".paid_at IS NOT NULL AS was_paid
                  FROM orders_orderline AS line
                  JOIN orders_order AS "order" ON "order".id = line.order_id
            ), story AS (
                -- Sold at once, after a reservation, or late: when it was released.
                SELECT *, (reserved, released, committed, sold)
                       IN ((0, 0, 0, q), (q, 0, q, 0), (q, q, 0, q)) AS was_sold
                  FROM line FULL JOIN moved USING (order_id, product_id)
            ), judged AS (
                SELECT *, coalesce(others = 0 AND CASE
                           WHEN status = 'pending' THEN
                               (reserved, released, committed, sold, returned)
                             = (q, 0, 0, 0, 0)
                           WHEN status = 'expired'
                             OR status = 'cancelled' AND NOT was_paid THEN
                               (reserved, released, committed, sold, returned)
                             = (q, q, 0, 0, 0)
                           WHEN status = 'cancelled' THEN was_sold AND returned = q
                           -- Goods come back in parts, each for a reason.
                           ELSE was_sold AND returned <= q AND unexplained = 0
                       END, false) AS is_right
                  FROM story
            )
            SELECT order_id || '/' || product_id,
                   format('%%s of a %%s order: reserved %%s, released %%s,'
                          ' committed %%s, sold %%s, returned %%s', coalesce(q, 0),
                          coalesce(status, 'missing'), coalesce(reserved, 0),
                          coalesce(released, 0), coalesce(committed, 0),
                          coalesce(sold, 0), coalesce(returned, 0))
              FROM judged WHERE NOT is_right
             UNION ALL
            SELECT 'movement ' || id, kind || ' for no order'
              FROM inventory_stockmovement
             WHERE order_id IS NULL
               AND kind NOT IN ('received', 'counted', 'corrected', 'damaged', 'lost',
                   'brought_back', 'held', 'unheld')
        """,
        hint="Keys are order/product. The order's status and its stock went apart.",
    ),
]
