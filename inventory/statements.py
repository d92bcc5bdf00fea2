"""The statements that move stock, each of them a set of products at once."""

from inventory.models import MovementKind

# ``wanted`` are the products with the price they were quoted at: a row is locked only
# if the product still sells at that price.
_LOCK_SQL = """WITH wanted AS (
        SELECT * FROM unnest(%(product_ids)s::bigint[], %(quantities)s::bigint[],
                             %(prices)s::bigint[]) AS t (product_id, quantity, price)
    ), locked AS (
        SELECT stock.product_id, wanted.quantity
          FROM inventory_stock AS stock
          JOIN wanted ON wanted.product_id = stock.product_id
          JOIN catalog_product AS product ON product.id = stock.product_id
         WHERE product.price = wanted.price AND product.published_at <= now()
         ORDER BY stock.product_id
           FOR NO KEY UPDATE OF stock"""
# The row comes back only if enough of the product is left.
_TAKE_SQL = """
    {lock}
    ), taken AS (
        UPDATE inventory_stock AS stock
           SET on_hand = stock.on_hand - {on_hand}, version = stock.version + 1,
               reserved = stock.reserved + {reserved}
          FROM locked
         WHERE stock.product_id = locked.product_id
           AND stock.on_hand - stock.reserved >= locked.quantity
     RETURNING stock.product_id, locked.quantity, stock.on_hand, stock.reserved
    )
    INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
        reserved_delta, on_hand_after, reserved_after, order_id, reason, moved_at)
    SELECT product_id, '{kind}', -({on_hand_taken}), {reserved_taken}, on_hand,
           reserved, %(order_id)s, '', now()
      FROM taken
"""
# The same for somebody a unit is kept for: it is theirs to take, and counts as used
# whether or not there was enough for everybody.
_TAKE_HELD_SQL = """
    {lock}
    ), claimed AS (
        UPDATE inventory_hold AS hold
           SET state = 'claimed', order_id = %(order_id)s::uuid, settled_at = now()
          FROM locked
         WHERE hold.product_id = locked.product_id AND hold.state = 'active'
           AND hold.expires_at > now()
           AND (hold.user_id = %(user_id)s::bigint
                OR hold.user_id IS NULL AND hold.email = %(email)s::text)
     RETURNING hold.id, hold.alert_id, hold.product_id, hold.quantity
    ), answered AS (
        UPDATE inventory_restockalert AS alert SET state = 'claimed'
          FROM claimed WHERE alert.id = claimed.alert_id
    ), own AS (
        SELECT product_id, sum(quantity)::bigint AS quantity
          FROM claimed GROUP BY product_id
    ), taken AS (
        UPDATE inventory_stock AS stock
           SET on_hand = stock.on_hand - {on_hand}, version = stock.version + 1,
               reserved = stock.reserved - coalesce(own.quantity, 0) + {reserved}
          FROM locked LEFT JOIN own ON own.product_id = locked.product_id
         WHERE stock.product_id = locked.product_id
           AND stock.on_hand - stock.reserved + coalesce(own.quantity, 0)
               >= locked.quantity
     RETURNING stock.product_id, locked.quantity, stock.on_hand, stock.reserved
    ), step AS (
        SELECT taken.product_id, claimed.id AS hold_id, 'unheld' AS kind,
               0 AS on_hand_delta, -claimed.quantity AS reserved_delta,
               taken.on_hand + {on_hand_taken} AS on_hand,
               taken.reserved - {reserved_taken} - claimed.quantity
               + sum(claimed.quantity) OVER (PARTITION BY taken.product_id
                                                 ORDER BY claimed.id DESC) AS reserved,
               NULL::uuid AS order_id, 'hold/' || claimed.id AS reference
          FROM claimed JOIN taken ON taken.product_id = claimed.product_id
         UNION ALL
        SELECT product_id, NULL, '{kind}', -({on_hand_taken}), {reserved_taken},
               on_hand, reserved, %(order_id)s::uuid, ''
          FROM taken
    ), journal AS (
        INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
            reserved_delta, on_hand_after, reserved_after, order_id, reference, reason,
            moved_at)
        SELECT product_id, kind, on_hand_delta, reserved_delta, on_hand, reserved,
               order_id, reference, '', now()
          FROM step ORDER BY product_id, hold_id NULLS LAST
    )
    SELECT product_id FROM taken
"""
_SELLING = {
    "lock": _LOCK_SQL,
    "kind": MovementKind.SOLD.value,
    "on_hand": "locked.quantity",
    "reserved": "0",
    "on_hand_taken": "taken.quantity",
    "reserved_taken": "0",
}
_RESERVING = {
    "lock": _LOCK_SQL,
    "kind": MovementKind.RESERVED.value,
    "on_hand": "0",
    "reserved": "locked.quantity",
    "on_hand_taken": "0",
    "reserved_taken": "taken.quantity",
}
SELL_SQL = _TAKE_SQL.format_map(_SELLING)
RESERVE_SQL = _TAKE_SQL.format_map(_RESERVING)
SELL_HELD_SQL = _TAKE_HELD_SQL.format_map(_SELLING)
RESERVE_HELD_SQL = _TAKE_HELD_SQL.format_map(_RESERVING)

# What an order has already taken moves on; ``{guard}`` says which products may.
_SETTLE_SQL = """
    WITH wanted AS (
        SELECT * FROM unnest(%(product_ids)s::bigint[], %(quantities)s::bigint[])
                      AS t (product_id, quantity)
    ), locked AS (
        SELECT stock.product_id, wanted.quantity,
               stock.on_hand - stock.reserved >= wanted.quantity AS is_enough
          FROM inventory_stock AS stock
          JOIN wanted ON wanted.product_id = stock.product_id
          {story}
         ORDER BY stock.product_id
           FOR NO KEY UPDATE OF stock
    ), moved AS (
        UPDATE inventory_stock AS stock
           SET on_hand = stock.on_hand + {on_hand} * locked.quantity,
               reserved = stock.reserved + {reserved} * locked.quantity,
               version = stock.version + 1
          FROM locked
         WHERE stock.product_id = locked.product_id {guard}
     RETURNING stock.product_id, locked.quantity, stock.on_hand, stock.reserved
    ), journal AS (
        INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
            reserved_delta, on_hand_after, reserved_after, order_id, reference, reason,
            moved_at)
        SELECT product_id, '{kind}', {on_hand} * quantity, {reserved} * quantity,
               on_hand, reserved, %(order_id)s, %(reference)s::text, '', now()
          FROM moved
    )
    SELECT product_id, quantity, on_hand, reserved FROM moved ORDER BY product_id
"""


def _settle_sql(
    kind: MovementKind, on_hand: int, reserved: int, *, story: str = "", guard: str = ""
) -> str:
    return _SETTLE_SQL.format(
        kind=kind.value, on_hand=on_hand, reserved=reserved, story=story, guard=guard
    )


COMMIT_SQL = _settle_sql(MovementKind.COMMITTED, -1, -1)
RELEASE_SQL = _settle_sql(MovementKind.RELEASED, 0, -1)
# Comes back what is out, and each return once.
TAKE_BACK_SQL = _settle_sql(
    MovementKind.RETURNED,
    1,
    0,
    story="""
         CROSS JOIN LATERAL (
               SELECT -sum(on_hand_delta) AS still_out,
                      bool_or(kind = 'returned'
                              AND reference = %(reference)s::text) AS is_back
                 FROM inventory_stockmovement
                WHERE order_id = %(order_id)s AND product_id = stock.product_id
               ) AS story
         WHERE story.still_out >= wanted.quantity AND NOT story.is_back""",
)
# All or nothing, whatever the caller does with the refusal.
RETAKE_SQL = _settle_sql(
    MovementKind.SOLD,
    -1,
    0,
    guard="""
           AND (SELECT count(*) FILTER (WHERE is_enough) FROM locked)
               = cardinality(%(product_ids)s::bigint[])""",
)

# The caller has moved, and so locked, the stocks. As many alerts as there are units
# get one each; with nobody in the line it is a look into an index.
KEEP_SQL = """
    WITH line AS (
        SELECT alert.*, stock.on_hand, stock.reserved, product.name, product.slug
          FROM inventory_stock AS stock
          JOIN catalog_product AS product ON product.id = stock.product_id
         CROSS JOIN LATERAL (
               SELECT id, product_id, user_id, email, language,
                      row_number() OVER (ORDER BY id) AS place
                 FROM inventory_restockalert
                WHERE product_id = stock.product_id AND state = 'waiting'
                ORDER BY id LIMIT stock.on_hand - stock.reserved) AS alert
         WHERE stock.product_id = ANY(%(product_ids)s::bigint[])
           AND stock.on_hand > stock.reserved AND product.published_at <= now()
    ), offered AS (
        UPDATE inventory_restockalert AS alert
           SET state = 'offered', offered_at = now()
          FROM line WHERE alert.id = line.id
    ), kept AS (
        INSERT INTO inventory_hold (alert_id, product_id, user_id, email, quantity,
            state, created_at, expires_at)
        SELECT id, product_id, user_id, email, 1, 'active', now(),
               now() + make_interval(mins => %(minutes)s::int)
          FROM line ORDER BY product_id, place
     RETURNING id, alert_id, quantity, expires_at
    ), taken AS (
        UPDATE inventory_stock AS stock
           SET reserved = stock.reserved + own.quantity, version = stock.version + 1
          FROM (SELECT product_id, count(*) AS quantity FROM line
                 GROUP BY product_id) AS own
         WHERE stock.product_id = own.product_id
    ), journal AS (
        INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
            reserved_delta, on_hand_after, reserved_after, order_id, reference, reason,
            moved_at)
        SELECT line.product_id, 'held', 0, kept.quantity, line.on_hand,
               line.reserved + line.place, NULL, 'hold/' || kept.id, '', now()
          FROM line JOIN kept ON kept.alert_id = line.id
         ORDER BY line.product_id, line.place
    )
    SELECT line.id AS alert_id, line.product_id, line.name AS product_name,
           line.slug AS product_slug, line.user_id,
           coalesce(account.email, line.email) AS email, line.language, kept.quantity,
           kept.expires_at AS held_until
      FROM line
      JOIN kept ON kept.alert_id = line.id
      LEFT JOIN accounts_user AS account ON account.id = line.user_id
     ORDER BY line.product_id, line.place
"""
