"""The shop the benchmarks run on: 1,000 products, 10,000 shoppers, made in SQL."""

from pathlib import Path

from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from points.services import HASH_SQL

PRODUCTS = 1_000
SHOPPERS = 10_000
TEMPLATE = "bench_template"

# Ids are 1, 2, 3 … in a new database, so that clients can choose without reading.
_BASE = f"""
    INSERT INTO delivery_deliverymethod (code, name, kind, cost, free_from, carrier,
        carrier_service, days_min, days_max, works_weekends, is_active, position)
    VALUES ('standard', 'Standard', 'standard', 3000, 50000, '', '', 1, 3, false, true,
            0),
           ('express', 'Express', 'express', 6000, NULL, '', '', 1, 1, false, true, 1);
    INSERT INTO delivery_zone (name, countries, postal_prefixes, position)
    VALUES ('Korea', '{{KR}}', '{{}}', 0), ('Islands', '{{KR}}', '{{63,402}}', 1),
           ('Asia', '{{CN,JP,TW}}', '{{}}', 2), ('Everywhere else', '{{}}', '{{}}', 3);
    INSERT INTO delivery_rate (method_id, zone_id, weight_up_to, value_from, cost)
    SELECT method.id, zone.id, limits.grams, 0, method.cost * zone.id * limits.times
      FROM delivery_deliverymethod AS method, delivery_zone AS zone,
           (VALUES (5000, 1), (NULL, 2)) AS limits (grams, times)
     UNION ALL
    SELECT method.id, 1, NULL, 50000, 0 FROM delivery_deliverymethod AS method
     WHERE method.code = 'standard';
    INSERT INTO catalog_category (name, slug, position, parent_id)
    SELECT 'Shelf ' || n, 'shelf-' || n, n, CASE WHEN n > 5 THEN 1 + n % 5 END
      FROM generate_series(1, 30) AS n;
    INSERT INTO accounts_user (email, password, is_superuser, name, phone, language,
        wants_marketing_email, is_active, is_staff, token_version, created_at)
    SELECT 'shopper' || n || '@example.com', '!', false, 'Shopper ' || n, '', 'en',
           false, true, false, 0, now()
      FROM generate_series(1, {SHOPPERS}) AS n;
    INSERT INTO points_pointaccount (user_id) SELECT id FROM accounts_user;
    WITH draft AS (
        SELECT id AS account_id, 'adjustment' AS counter_account, 'adjust' AS kind,
               1000000000000::bigint AS amount, 1000000000000::bigint AS balance_after,
               1::bigint AS sequence, '' AS reference, 'opening' AS idempotency_key,
               decode(repeat('00', 32), 'hex') AS previous_hash, now() AS created_at
          FROM accounts_user
    ), entry AS (
        INSERT INTO points_ledgerentry (account_id, counter_account, kind, amount,
            balance_after, sequence, reference, idempotency_key, previous_hash,
            created_at, hash)
        SELECT account_id, counter_account, kind, amount, balance_after, sequence,
               reference, idempotency_key, previous_hash, created_at, {HASH_SQL}
          FROM draft
     RETURNING account_id, balance_after, sequence, hash
    )
    UPDATE points_pointaccount AS account
       SET balance = entry.balance_after, last_sequence = entry.sequence,
           head_hash = entry.hash
      FROM entry WHERE entry.account_id = account.user_id;
"""

_PRODUCTS = """
    INSERT INTO catalog_product (sku, slug, name, description, price, category_id,
        options, weight_grams, published_at, rating_average, rating_count, version,
        created_at)
    SELECT 'SKU-' || n, 'thing-' || n,
           concat_ws(' ',
               (ARRAY['Blue', 'Red', 'Oak', 'Steel', 'Soft'])[1 + n %% 5],
               (ARRAY['lamp', 'chair', 'kettle', 'towel', 'mug'])[1 + n %% 7 %% 5], n),
           repeat('Made to be used every day and to last for years. ', 6),
           1000 + n * 7919 %% 90000, 6 + n %% 25, '{}'::jsonb, 500,
           now() - interval '1 day', NULL, 0, 1,
           now() - interval '1 day' - n * interval '1 minute'
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n;
    INSERT INTO inventory_stock (product_id, on_hand, reserved, version)
    SELECT id, 1000000000, 0, 1 FROM catalog_product
     WHERE NOT EXISTS (SELECT FROM inventory_stock WHERE product_id = id);
    INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
        reserved_delta, on_hand_after, reserved_after, reason, moved_at)
    SELECT product_id, 'received', 1000000000, 0, 1000000000, 0, 'opening', now()
      FROM inventory_stock
     WHERE NOT EXISTS (SELECT FROM inventory_stockmovement AS movement
                        WHERE movement.product_id = inventory_stock.product_id);
"""

# One coupon per shopper and batch: 10 % off, at most 5,000.
_COUPONS = """
    WITH batch AS (
        INSERT INTO coupons_couponbatch (name, kind, value, max_discount, min_spend,
            quantity, issued, opens_at, valid_from, valid_until, is_active)
        SELECT 'Batch ' || n, 'percent', 10, 5000, 0, %(shoppers)s, %(shoppers)s,
               now() - interval '1 day', now() - interval '1 day',
               now() + interval '30 days', true
          FROM generate_series(1, %(batches)s) AS n
     RETURNING id
    )
    INSERT INTO coupons_coupon (batch_id, user_id, serial, state, issued_at)
    SELECT batch.id, shopper.id, shopper.id, 'issued', now()
      FROM batch, accounts_user AS shopper ORDER BY batch.id, shopper.id
"""


def make_template() -> None:
    """Create the database that every group of benchmarks starts from."""
    _recreate("bench", template=None)
    call_command("migrate", verbosity=0)
    _run(_BASE)
    add_products(1, PRODUCTS)
    connection.close()
    _recreate(TEMPLATE, template="bench")


def fresh() -> None:
    """Give the next benchmark a database and a cache that nobody has used."""
    connection.close()
    _recreate("bench", template=TEMPLATE)
    cache.clear()


def add_products(first: int, last: int) -> None:
    """Add products number ``first`` to ``last`` with plenty of stock."""
    _run(_PRODUCTS, {"first": first, "last": last})
    tidy()


def add_coupons(number: int) -> int:
    """Add at least ``number`` unused coupons; return how many there are.

    Coupon 1 is shopper 1's, coupon 2 shopper 2's, … coupon 10,001 shopper 1's.
    """
    batches = -(-number // SHOPPERS)
    _run(_COUPONS, {"batches": batches, "shoppers": SHOPPERS})
    tidy()
    return batches * SHOPPERS


def owner_of(coupon_id: int) -> int:
    """Return whose coupon it is."""
    return (coupon_id - 1) % SHOPPERS + 1


_FILLED_TABLES = """
    SELECT relname FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
       AND pg_relation_size(oid) > 0
"""


def tidy() -> None:
    """Bring statistics and the visibility map up to date, as time would.

    Tables without rows are left alone, as time leaves them: told that a table is
    empty, PostgreSQL plans its foreign keys' checks as scans, and keeps the plan.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FILLED_TABLES)
        filled = [sql.Identifier(name) for (name,) in cursor.fetchall()]
        cursor.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.SQL(", ").join(filled)))
        cursor.execute("CHECKPOINT")


def run_file(path: Path) -> None:
    """Run a file of SQL, e.g. a function that only the benchmarks need."""
    _run(path.read_text())


def _run(statements: str, params: dict[str, int] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statements, params)


def _recreate(name: str, *, template: str | None) -> None:
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    source = sql.Identifier(template or "template0")
    with connection._nodb_cursor() as cursor:  # noqa: SLF001 — there is no public way
        cursor.execute(drop.format(sql.Identifier(name)))
        cursor.execute(create.format(sql.Identifier(name), source))
