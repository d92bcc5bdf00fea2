"""An order's money adds up, and its timeline explains its status."""

from typing import Any

from common.invariants import Invariant
from orders.models import NEXT_STATUSES


def _ways() -> dict[str, Any]:
    ways = [
        ("", "pending"),
        *((str(a), str(b)) for a, nexts in NEXT_STATUSES.items() for b in nexts),
    ]
    return {"froms": [way[0] for way in ways], "tos": [way[1] for way in ways]}


INVARIANTS = [
    Invariant(
        id="I8",
        title="An order's money adds up, to the last unit of its discount",
        sql="""
            WITH goods AS (
                SELECT order_id, sum(line_total) AS subtotal,
                       sum(discount_share) AS discount
                  FROM orders_orderline GROUP BY order_id
            ), explained AS (
                SELECT "order".id, sum((step.value ->> 'amount')::bigint) AS difference
                  FROM orders_order AS "order",
                       jsonb_array_elements("order".adjustments) AS step
                 GROUP BY "order".id
            )
            SELECT "order".number, format('subtotal %%s (lines %%s), discount %%s'
                       ' (lines %%s), delivery %%s, total %%s, explained %%s',
                       "order".subtotal, coalesce(goods.subtotal, 0), "order".discount,
                       coalesce(goods.discount, 0), delivery_cost, total,
                       coalesce(difference::text, 'by nothing'))
              FROM orders_order AS "order"
              LEFT JOIN goods ON goods.order_id = "order".id
              LEFT JOIN explained ON explained.id = "order".id
             WHERE "order".subtotal IS DISTINCT FROM goods.subtotal
                OR "order".discount IS DISTINCT FROM goods.discount
                OR total <> "order".subtotal - "order".discount + delivery_cost
                OR "order".discount NOT BETWEEN 0 AND "order".subtotal
                OR difference <> total - "order".subtotal
        """,
        hint="Keys are order numbers. Money and lines are frozen: who altered them?",
    ),
    Invariant(
        id="I11",
        title="An order's timeline leads to its status, by allowed steps only",
        sql="""
            WITH step AS (
                SELECT order_id, id, from_status, to_status,
                       lag(to_status, 1, ''::varchar) OVER timeline AS before_it
                  FROM orders_orderevent
                WINDOW timeline AS (PARTITION BY order_id ORDER BY id)
            ), told AS (
                SELECT order_id, (array_agg(to_status ORDER BY id DESC))[1] AS status,
                       bool_or(to_status = 'paid') AS was_paid,
                       bool_or(from_status <> before_it OR way.before IS NULL)
                           AS is_broken
                  FROM step
                  LEFT JOIN unnest(%(froms)s::text[], %(tos)s::text[])
                         AS way (before, after)
                    ON way.before = from_status AND way.after = to_status
                 GROUP BY order_id
            )
            SELECT number, format('is %%s, paid: %%s; the timeline says %%s, paid:'
                       ' %%s%%s', "order".status, paid_at IS NOT NULL,
                       coalesce(told.status, 'nothing'), coalesce(was_paid, false),
                       CASE WHEN is_broken THEN ', by a forbidden step' ELSE '' END)
              FROM orders_order AS "order"
              LEFT JOIN told ON told.order_id = "order".id
             WHERE told.status IS DISTINCT FROM "order".status OR is_broken
                OR was_paid <> (paid_at IS NOT NULL)
        """,
        params=_ways,
        hint="Keys are order numbers. The status was changed past the service.",
    ),
    Invariant(
        id="I11b",
        title="An order's lines carry its time of payment",
        sql="""
            SELECT "order".number || '/' || line.id, format('paid %%s, the order %%s',
                       coalesce(line.paid_at::text, 'never'),
                       coalesce("order".paid_at::text, 'never'))
              FROM orders_orderline AS line
              JOIN orders_order AS "order" ON "order".id = line.order_id
             WHERE line.paid_at IS DISTINCT FROM "order".paid_at
        """,
        hint="Keys are number/line. Copy the order's time, then roll up its day again.",
    ),
    Invariant(
        id="I11c",
        title="Shipped and delivered orders have parcels, others none",
        sql="""
            SELECT number, format('is %%s with %%s parcels, %%s of them delivered',
                       status, coalesce(sent, 0), coalesce(arrived, 0))
              FROM orders_order AS "order"
              LEFT JOIN (SELECT order_id, count(*) AS sent,
                                count(delivered_at) AS arrived
                           FROM orders_fulfilment GROUP BY order_id) AS parcels
                ON parcels.order_id = "order".id
             WHERE (coalesce(sent, 0) > 0) <> (status IN ('shipped', 'delivered'))
                OR status = 'delivered' AND arrived <> sent
                OR status = 'shipped' AND arrived = sent
        """,
        hint="Keys are order numbers.",
    ),
]
