-- A purchase by two statements that write the rows the shop's own path writes.
-- hot (0 or 1) says whether every order has product 1 in it.
\set lines random(2, 3)
\set a CASE WHEN :hot > 0 THEN 1 ELSE random(1, :products) END
\set b (:a + random(1, 300) - 1) % :products + 1
\set c (:a + 300 + random(1, 300) - 1) % :products + 1
\set qa random(1, 3)
\set qb random(1, 3)
\set qc random(1, 3)
BEGIN;
WITH turn AS MATERIALIZED (
    SELECT nextval('bench_turn') AS id
), wanted AS (
    SELECT * FROM unnest(ARRAY[:a::bigint, :b::bigint, :c::bigint],
                         ARRAY[:qa::bigint, :qb::bigint, :qc::bigint])
        AS t (product_id, quantity) LIMIT :lines::bigint
), locked AS (
    SELECT stock.product_id, wanted.quantity, product.sku, product.name, product.price
      FROM wanted
      JOIN inventory_stock AS stock ON stock.product_id = wanted.product_id
      JOIN catalog_product AS product ON product.id = wanted.product_id
     WHERE product.published_at <= now()
     ORDER BY stock.product_id
       FOR NO KEY UPDATE OF stock
), taken AS (
    UPDATE inventory_stock AS stock
       SET on_hand = stock.on_hand - locked.quantity, version = stock.version + 1
      FROM locked
     WHERE stock.product_id = locked.product_id
       AND stock.on_hand - stock.reserved >= locked.quantity
 RETURNING locked.*, stock.on_hand, stock.reserved
), goods AS (
    SELECT count(*) AS lines, sum(price * quantity)::bigint AS subtotal,
           array_agg(product_id ORDER BY product_id) AS product_ids,
           array_agg(quantity ORDER BY product_id) AS quantities,
           array_agg(price ORDER BY product_id) AS prices,
           array_agg(sku ORDER BY product_id) AS skus,
           array_agg(name ORDER BY product_id) AS names,
           array_agg(on_hand ORDER BY product_id) AS on_hand,
           array_agg(reserved ORDER BY product_id) AS reserved
      FROM taken
)
SELECT uuidv7() AS order_id, 'B' || lpad(turn.id::text, 9, '0') AS number,
       coupon.id AS coupon_id, coupon.user_id, batch.name AS coupon_name,
       least(goods.subtotal * batch.value / 100, batch.max_discount) AS discount,
       CASE WHEN goods.subtotal >= method.free_from THEN 0 ELSE method.cost END AS cost,
       method.code, method.name AS method_name, goods.*
  FROM turn
  JOIN coupons_coupon AS coupon ON coupon.id = turn.id
  JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
 CROSS JOIN goods
 CROSS JOIN LATERAL (
       SELECT code, name, cost, free_from FROM delivery_deliverymethod
        WHERE is_active ORDER BY position, id LIMIT 1) AS method
\gset
WITH money AS (
    SELECT :subtotal::bigint AS subtotal, :discount::bigint AS discount,
           :cost::bigint AS cost, :subtotal::bigint - :discount::bigint + :cost::bigint AS total
), remembered AS (
    INSERT INTO common_idempotencyrecord (subject, method, path, key, fingerprint,
        status, reply, created_at)
    VALUES ('user/' || :user_id::text, 'POST', '/api/v1/orders', :number::text,
        repeat('f', 64), 201, json_build_object('id', :order_id::text, 'number',
            :number::text, 'status', 'paid', 'total', :subtotal::text)::text, now())
), placed AS (
    INSERT INTO orders_order (id, number, user_id, email, status, subtotal, discount,
        delivery_cost, total, currency, address, delivery_method, coupon_id,
        coupon_name, adjustments, placed_at, paid_at)
    SELECT :order_id::uuid, :number::text, :user_id::bigint, 'shopper@example.com',
           'paid', subtotal, discount, cost, total, 'KRW',
           '{"recipient": "A Shopper", "line1": "1 Long Street", "city": "Seoul"}',
           :code::text, :coupon_id::bigint, :coupon_name::text,
           jsonb_build_array(
               jsonb_build_object('kind', 'coupon', 'label', :coupon_name::text,
                                  'amount', -discount),
               jsonb_build_object('kind', 'delivery', 'label', :method_name::text,
                                  'amount', cost)), now(), now()
      FROM money
 RETURNING id, paid_at
), timeline AS (
    INSERT INTO orders_orderevent (order_id, from_status, to_status, reason, actor_id,
        happened_at)
    SELECT id, step.from_status, step.to_status, '', :user_id::bigint, now()
      FROM placed, (VALUES ('', 'pending'), ('pending', 'paid'))
               AS step (from_status, to_status)
), lines AS (
    INSERT INTO orders_orderline (order_id, product_id, sku, name, unit_price, quantity,
        discount_share, paid_at)
    SELECT placed.id, line.product_id, line.sku, line.name, line.price, line.quantity,
           -- The dearest line bears the discount; shares are worth no SQL here.
           CASE WHEN row_number() OVER (ORDER BY line.price * line.quantity DESC) = 1
                THEN money.discount ELSE 0 END, placed.paid_at
      FROM placed, money, unnest(:product_ids::bigint[], :skus::text[], :names::text[],
           :prices::bigint[], :quantities::bigint[])
           AS line (product_id, sku, name, price, quantity)
), payment AS (
    INSERT INTO payments_payment (id, order_id, method, amount, refunded, state,
        provider_reference, created_at, captured_at, settled_at)
    SELECT uuidv7(), :order_id::uuid, 'points', total, 0, 'captured', '', now(), now(),
           now()
      FROM money
), account AS (
    SELECT user_id, balance, last_sequence, head_hash FROM points_pointaccount
     WHERE user_id = :user_id::bigint FOR NO KEY UPDATE
), draft AS (
    SELECT account.user_id AS account_id, 'sales'::text AS counter_account,
           'use'::text AS kind, -money.total AS amount,
           account.balance - money.total AS balance_after,
           account.last_sequence + 1 AS sequence, :number::text AS reference,
           'order/' || :order_id::text AS idempotency_key,
           account.head_hash AS previous_hash, clock_timestamp() AS created_at
      FROM account, money WHERE account.balance >= money.total
), entry AS (
    SELECT *, sha256(previous_hash || convert_to(concat_ws('|',
           account_id, sequence, counter_account, kind, amount, balance_after,
           reference, idempotency_key,
           (extract(epoch FROM created_at) * 1000000)::bigint), 'UTF8')) AS hash
      FROM draft
), moved AS (
    UPDATE points_pointaccount AS target
       SET balance = entry.balance_after, last_sequence = entry.sequence,
           head_hash = entry.hash, updated_at = entry.created_at
      FROM entry WHERE target.user_id = entry.account_id
), written AS (
    INSERT INTO points_ledgerentry (account_id, counter_account, kind, amount,
        balance_after, sequence, reference, idempotency_key, previous_hash, hash,
        created_at)
    SELECT account_id, counter_account, kind, amount, balance_after, sequence,
           reference, idempotency_key, previous_hash, hash, created_at
      FROM entry
), used AS (
    UPDATE coupons_coupon SET state = 'used', order_id = :order_id::uuid, used_at = now()
     WHERE id = :coupon_id::bigint AND user_id = :user_id::bigint AND state = 'issued'
), event AS (
    INSERT INTO outbox_event (id, topic, aggregate, payload, occurred_at)
    SELECT uuidv7(), 'order.paid', 'order/' || :order_id::text,
           jsonb_build_object('order_id', :order_id::text, 'number', :number::text,
               'user_id', :user_id::bigint, 'status', 'paid', 'currency', 'KRW',
               'subtotal', subtotal, 'discount', discount, 'delivery_cost', cost,
               'total', total, 'coupon_id', :coupon_id::bigint, 'lines',
               (SELECT jsonb_agg(to_jsonb(line)) FROM unnest(:product_ids::bigint[],
                    :skus::text[], :names::text[], :prices::bigint[],
                    :quantities::bigint[])
                    AS line (product_id, sku, name, unit_price, quantity))), now()
      FROM money
)
INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta, reserved_delta,
    on_hand_after, reserved_after, order_id, reason, moved_at)
SELECT product_id, 'sold', -quantity, 0, on_hand, reserved, :order_id::uuid, '', now()
  FROM unnest(:product_ids::bigint[], :quantities::bigint[], :on_hand::bigint[],
       :reserved::bigint[]) AS line (product_id, quantity, on_hand, reserved);
COMMIT;
