-- A claim by the statements of the shop's own; :first … are shoppers without a coupon.
SELECT nextval('bench_shopper') AS user_id \gset
BEGIN;
INSERT INTO outbox_event (id, topic, aggregate, payload, occurred_at)
VALUES (uuidv7(), 'coupon.issued',
        'coupon-batch/' || :batch_id::text || '/user/' || :user_id::text,
        jsonb_build_object('batch_id', :batch_id::bigint, 'user_id', :user_id::bigint),
        now());
WITH place AS (
    UPDATE coupons_couponbatch
       SET issued = issued + 1
     WHERE id = :batch_id::bigint AND issued < quantity AND is_active
       AND opens_at <= now() AND valid_until > now()
       AND NOT EXISTS (SELECT FROM coupons_coupon
                        WHERE batch_id = :batch_id::bigint AND user_id = :user_id::bigint)
 RETURNING id, issued
)
INSERT INTO coupons_coupon (batch_id, user_id, serial, state, issued_at)
SELECT id, :user_id::bigint, issued, 'issued', now() FROM place;
COMMIT;
