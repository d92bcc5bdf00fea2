-- The same purchase as one function of the database: what a hot row allows at best,
-- since the stock is locked last and nothing waits for a client.
CREATE SEQUENCE bench_turn;
CREATE FUNCTION bench_buy(wanted_ids bigint[], wanted_quantities bigint[])
RETURNS uuid LANGUAGE plpgsql AS $$
<<purchase>>
DECLARE
    turn bigint := nextval('bench_turn');
    order_id uuid := uuidv7();
    public_number text := 'B' || lpad(turn::text, 9, '0');
    goods record;
    terms record;
    account record;
    total bigint;
    event_id uuid := uuidv7();
    made_at timestamptz;
    entry_hash bytea;
    touched bigint;
BEGIN
    SELECT sum(price * quantity)::bigint AS subtotal, array_agg(id) AS ids,
           array_agg(quantity) AS quantities, array_agg(price) AS prices,
           array_agg(sku) AS skus, array_agg(name) AS names
      INTO goods
      FROM (SELECT product.*, wanted.quantity
              FROM unnest(wanted_ids, wanted_quantities) AS wanted (id, quantity)
              JOIN catalog_product AS product ON product.id = wanted.id
             WHERE product.published_at <= now() ORDER BY product.id) AS line;
    SELECT coupon.id AS coupon_id, coupon.user_id, batch.name AS coupon_name,
           least(goods.subtotal * batch.value / 100, batch.max_discount) AS discount,
           CASE WHEN goods.subtotal >= method.free_from THEN 0 ELSE method.cost END
               AS cost, method.code, method.name AS method_name
      INTO terms
      FROM coupons_coupon AS coupon
      JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
     CROSS JOIN LATERAL (
           SELECT code, name, cost, free_from FROM delivery_deliverymethod
            WHERE is_active ORDER BY position, id LIMIT 1) AS method
     WHERE coupon.id = turn;
    total := goods.subtotal - terms.discount + terms.cost;
    INSERT INTO common_idempotencyrecord (subject, method, path, key, fingerprint,
        status, reply, created_at)
    VALUES ('user/' || terms.user_id, 'POST', '/api/v1/orders', public_number,
        repeat('f', 64), 201, json_build_object('id', order_id, 'number',
            public_number, 'status', 'paid', 'total', total)::text, now());
    INSERT INTO orders_order (id, number, user_id, email, status, subtotal, discount,
        delivery_cost, total, currency, address, delivery_method, coupon_id,
        coupon_name, adjustments, placed_at, paid_at)
    VALUES (order_id, public_number, terms.user_id, 'shopper@example.com', 'paid',
        goods.subtotal, terms.discount, terms.cost, total, 'KRW',
        '{"recipient": "A Shopper", "line1": "1 Long Street", "city": "Seoul"}',
        terms.code, terms.coupon_id, terms.coupon_name,
        jsonb_build_array(
            jsonb_build_object('kind', 'coupon', 'label', terms.coupon_name,
                               'amount', -terms.discount),
            jsonb_build_object('kind', 'delivery', 'label', terms.method_name,
                               'amount', terms.cost)), now(), now());
    INSERT INTO orders_orderevent (order_id, from_status, to_status, reason, actor_id,
        happened_at)
    VALUES (order_id, '', 'pending', '', terms.user_id, now()),
           (order_id, 'pending', 'paid', '', terms.user_id, now());
    INSERT INTO orders_orderline (order_id, product_id, sku, name, unit_price, quantity,
        discount_share, paid_at)
    SELECT order_id, line.id, line.sku, line.name, line.price, line.quantity,
           CASE WHEN row_number() OVER (ORDER BY line.price * line.quantity DESC) = 1
                THEN terms.discount ELSE 0 END, now()
      FROM unnest(goods.ids, goods.skus, goods.names, goods.prices, goods.quantities)
           AS line (id, sku, name, price, quantity);
    INSERT INTO payments_payment (id, order_id, method, amount, refunded, state,
        provider_reference, created_at, captured_at, settled_at)
    VALUES (uuidv7(), order_id, 'points', total, 0, 'captured', '', now(), now(),
        now());
    SELECT * INTO account FROM points_pointaccount
     WHERE user_id = terms.user_id FOR NO KEY UPDATE;
    IF account.balance < total THEN
        RAISE EXCEPTION 'insufficient points';
    END IF;
    made_at := clock_timestamp();
    entry_hash := sha256(account.head_hash || convert_to(concat_ws('|',
        terms.user_id, account.last_sequence + 1, 'sales', 'use', -total,
        account.balance - total, public_number, 'order/' || order_id,
        (extract(epoch FROM made_at) * 1000000)::bigint), 'UTF8'));
    INSERT INTO points_ledgerentry (account_id, counter_account, kind, amount,
        balance_after, sequence, reference, idempotency_key, previous_hash, hash,
        created_at)
    VALUES (terms.user_id, 'sales', 'use', -total, account.balance - total,
        account.last_sequence + 1, public_number, 'order/' || order_id,
        account.head_hash, entry_hash, made_at);
    UPDATE points_pointaccount
       SET balance = account.balance - total, last_sequence = account.last_sequence + 1,
           head_hash = entry_hash, updated_at = made_at
     WHERE user_id = terms.user_id;
    UPDATE coupons_coupon
       SET state = 'used', order_id = purchase.order_id, used_at = now()
     WHERE id = terms.coupon_id AND state = 'issued';
    INSERT INTO outbox_event (id, topic, aggregate, payload, occurred_at)
    VALUES (event_id, 'order.paid', 'order/' || order_id,
        jsonb_build_object('order_id', order_id, 'number', public_number,
            'user_id', terms.user_id, 'status', 'paid', 'currency', 'KRW',
            'subtotal', goods.subtotal, 'discount', terms.discount,
            'delivery_cost', terms.cost, 'total', total, 'coupon_id', terms.coupon_id,
            'lines', (SELECT jsonb_agg(to_jsonb(line)) FROM unnest(goods.ids,
                goods.skus, goods.names, goods.prices, goods.quantities)
                AS line (product_id, sku, name, unit_price, quantity))), now());
    WITH locked AS (
        SELECT stock.product_id, wanted.quantity
          FROM unnest(goods.ids, goods.quantities) AS wanted (id, quantity)
          JOIN inventory_stock AS stock ON stock.product_id = wanted.id
         ORDER BY stock.product_id FOR NO KEY UPDATE OF stock
    ), taken AS (
        UPDATE inventory_stock AS stock
           SET on_hand = stock.on_hand - locked.quantity, version = stock.version + 1
          FROM locked
         WHERE stock.product_id = locked.product_id
           AND stock.on_hand - stock.reserved >= locked.quantity
     RETURNING stock.product_id, locked.quantity, stock.on_hand, stock.reserved
    )
    INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
        reserved_delta, on_hand_after, reserved_after, order_id, reason, moved_at)
    SELECT product_id, 'sold', -quantity, 0, on_hand, reserved, order_id, '', now()
      FROM taken;
    GET DIAGNOSTICS touched = ROW_COUNT;
    IF touched <> cardinality(goods.ids) THEN
        RAISE EXCEPTION 'out of stock';
    END IF;
    RETURN order_id;
END $$;
