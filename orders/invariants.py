"""An order's money adds up, and its timeline explains its status."""

from datetime import timedelta
from typing import Any

from common.invariants import Invariant
from orders.models import NEXT_STATUSES, PARCEL_STAGES

# Invoices are numbered by a worker; one that is away does not make the books wrong.
PATIENCE = timedelta(minutes=15)


def _ways() -> dict[str, Any]:
    ways = [
        ("", "pending"),
        *((str(a), str(b)) for a, nexts in NEXT_STATUSES.items() for b in nexts),
    ]
    return {"froms": [way[0] for way in ways], "tos": [way[1] for way in ways]}


INVARIANTS = [
    Invariant(
        id="I16",
        title="A budget has paid for what live orders got of it, and within its limit",
        sql="""
            SELECT promotion.name || '/' || promotion.id,
                   format('spent %%s of %%s; orders got %%s', promotion.spent,
                          coalesce(promotion.budget::text, 'no budget'),
                          coalesce(given.amount, 0))
              FROM promotions_promotion AS promotion
              LEFT JOIN (SELECT promotion_id, sum(amount) AS amount
                           FROM promotions_promotionuse WHERE state = 'taken'
                          GROUP BY promotion_id) AS given
                ON given.promotion_id = promotion.id
             WHERE promotion.spent <> CASE WHEN promotion.budget IS NULL THEN 0
                                           ELSE coalesce(given.amount, 0) END
                OR promotion.spent > promotion.budget
        """,
        hint="Keys are promotions. An order's part was not taken, or given back twice.",
    ),
    Invariant(
        id="I16a",
        title="Promotions are where orders say, and back from those that are dead",
        sql="""
            WITH step AS (
                SELECT "order".id AS order_id, (value ->> 'source_id')::bigint AS
                       promotion_id, sum(-(value ->> 'amount')::bigint) AS amount
                  FROM orders_order AS "order",
                       jsonb_array_elements("order".adjustments)
                 WHERE value ->> 'kind' = 'promotion'
                 GROUP BY 1, 2
            )
            SELECT coalesce("order".number, order_id::text) || '/' || promotion_id,
                   format('%%s order: the promotion gave %%s, the order got %%s; %%s',
                          coalesce("order".status, 'no'), coalesce(used.amount, 0),
                          coalesce(step.amount, 0), coalesce(used.state, 'no use'))
              FROM promotions_promotionuse AS used
              FULL JOIN step USING (order_id, promotion_id)
              LEFT JOIN orders_order AS "order" ON "order".id = order_id
             WHERE used.amount IS DISTINCT FROM step.amount
                OR (used.state = 'released')
                   <> ("order".status IN ('cancelled', 'expired'))
        """,
        hint="Keys are number/promotion. Compare the order's adjustments and its uses.",
    ),
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
        title="Parcels are filled from their order, and its status follows them",
        sql="""
            WITH parcel AS (
                SELECT parcel.order_id, parcel.delivered_at,
                       count(content.id) AS lines
                  FROM orders_fulfilment AS parcel
                  LEFT JOIN orders_fulfilmentline AS content
                    ON content.fulfilment_id = parcel.id
                 GROUP BY parcel.id
            ), parcels AS (
                SELECT order_id, count(*) AS sent, count(delivered_at) AS arrived,
                       min(lines) AS fewest
                  FROM parcel GROUP BY order_id
            )
            SELECT number, format('is %%s with %%s parcels, %%s of them delivered, the'
                       ' emptiest of %%s lines', status, coalesce(sent, 0),
                       coalesce(arrived, 0), coalesce(fewest, 0))
              FROM orders_order AS "order"
              LEFT JOIN parcels ON parcels.order_id = "order".id
             WHERE sent IS NULL AND status IN ('shipped', 'delivered')
                OR status NOT IN ('processing', 'shipped', 'delivered') AND sent > 0
                OR status = 'delivered' AND arrived <> sent
                OR status = 'shipped' AND arrived = sent
                OR fewest = 0
             UNION ALL
            SELECT 'line ' || line.id, format('%%s ordered, %%s sent', line.quantity,
                       sum(content.quantity))
              FROM orders_fulfilmentline AS content
              JOIN orders_orderline AS line ON line.id = content.order_line_id
             GROUP BY line.id HAVING sum(content.quantity) > line.quantity
             UNION ALL
            SELECT 'line ' || line.id, 'is in a parcel of another order'
              FROM orders_fulfilmentline AS content
              JOIN orders_fulfilment AS parcel ON parcel.id = content.fulfilment_id
              JOIN orders_orderline AS line ON line.id = content.order_line_id
             WHERE parcel.order_id <> line.order_id
             UNION ALL
            SELECT 'parcel ' || parcel.id, format('%%s, but scanned as %%s',
                       parcel.stage, event.stage)
              FROM orders_fulfilment AS parcel
              JOIN orders_fulfilmentevent AS event ON event.fulfilment_id = parcel.id
             WHERE array_position(%(stages)s::text[], event.stage::text)
                 > array_position(%(stages)s::text[], parcel.stage::text)
        """,
        params=lambda: {"stages": [str(stage) for stage in PARCEL_STAGES]},
        hint="Keys are order numbers, lines and parcels.",
    ),
    Invariant(
        id="I11d",
        title="What comes back was sent before, by the same order",
        sql="""
            WITH back AS (
                SELECT item.order_line_id AS id,
                       sum(item.quantity) FILTER (
                           WHERE parent.state NOT IN ('rejected', 'withdrawn')
                       ) AS quantity,
                       sum(item.restocked) FILTER (
                           WHERE parent.state <> 'received') AS too_early,
                       bool_or(parent.order_id <> line.order_id) AS is_foreign
                  FROM orders_returnline AS item
                  JOIN orders_return AS parent ON parent.id = item.parent_id
                  JOIN orders_orderline AS line ON line.id = item.order_line_id
                 GROUP BY item.order_line_id
            ), sent AS (
                SELECT order_line_id AS id, sum(quantity) AS quantity
                  FROM orders_fulfilmentline GROUP BY order_line_id
            )
            SELECT 'line ' || back.id, format('%%s sent, %%s to come back%%s',
                       coalesce(sent.quantity, 0), coalesce(back.quantity, 0),
                       CASE WHEN is_foreign THEN ' with another order' END)
              FROM back LEFT JOIN sent USING (id)
             WHERE back.quantity > coalesce(sent.quantity, 0) OR too_early > 0
                OR is_foreign
             UNION ALL
            SELECT 'return ' || parent.id, 'is of nothing'
              FROM orders_return AS parent
             WHERE NOT EXISTS (SELECT FROM orders_returnline
                                WHERE parent_id = parent.id)
        """,
        hint="Keys are lines and returns. Somebody wrote a return past the service.",
    ),
    Invariant(
        id="I15",
        title="Each paid order has one invoice, and their numbers are 1, 2, 3 …",
        sql="""
            SELECT 'order ' || number, format('paid %%s, and without an invoice',
                       paid_at)
              FROM orders_order AS "order"
             WHERE paid_at < now() - %(patience)s::interval
               AND NOT EXISTS (SELECT FROM orders_invoice
                                WHERE order_id = "order".id)
             UNION ALL
            SELECT 'invoice ' || invoice.number,
                   'its order ' || "order".number || ' was never paid'
              FROM orders_invoice AS invoice
              JOIN orders_order AS "order" ON "order".id = invoice.order_id
             WHERE paid_at IS NULL
             UNION ALL
            SELECT 'invoice ' || number, format('comes after %%s', before)
              FROM (SELECT number, lag(number, 1, 0::bigint) OVER (ORDER BY number)
                               AS before
                      FROM orders_invoice) AS numbered
             WHERE number <> before + 1
        """,
        params=lambda: {"patience": PATIENCE},
        hint="Keys are order and invoice numbers. Is orders.invoicing.issue delivered?",
    ),
]
