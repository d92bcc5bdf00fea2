"""Thousands of unpaid orders whose time is up, and shoppers who buy meanwhile."""

import statistics
import threading
import time
from collections.abc import Iterator
from functools import partial

from django.db import connection

from benchmarks import data, pgbench
from benchmarks.crew import Crew, Job
from benchmarks.measure import Row, Sample, median_of
from benchmarks.purchases import errors_of, next_coupon
from benchmarks.runs import Plan, books_row, rounds, say
from checkout import services as checkout
from orders.models import Order

OVERDUE = 10_000
SECONDS = 30.0  # at most, for all of them
# How much longer the slowest purchases may take while orders expire. Both want the
# same two cores.
SLOWER = 8.0
BUYERS = 4

# Each has two products of two hundred, so that they meet at the same stocks.
_ORDERS = """
    WITH placed AS (
        INSERT INTO orders_order (id, number, user_id, email, status, subtotal,
            discount, delivery_cost, total, currency, address, delivery_method,
            coupon_name, adjustments, placed_at, expires_at)
        SELECT uuidv7(), 'OV' || %(first)s::int + n, 1 + n %% 1000,
               'a@example.com', 'pending', 2000, 0, 0, 2000, 'KRW', '{}', '', '', '[]',
               now() - interval '1 hour', now() - interval '1 minute'
          FROM generate_series(1, %(number)s) AS n
     RETURNING id, number
    ), line AS (
        INSERT INTO orders_orderline (order_id, product_id, sku, name, unit_price,
            quantity, discount_share)
        SELECT id, 1 + (substr(number, 3)::int + step * 50) %% 200, 'SKU', 'Thing',
               1000, 1, 0
          FROM placed, generate_series(0, 1) AS step
     RETURNING order_id, product_id
    ), timeline AS (
        INSERT INTO orders_orderevent (order_id, from_status, to_status, reason,
            happened_at)
        SELECT id, '', 'pending', '', now() - interval '1 hour' FROM placed
    ), wanted AS (
        SELECT product_id, count(*) AS quantity FROM line GROUP BY product_id
    ), reserved AS (
        UPDATE inventory_stock AS stock
           SET reserved = stock.reserved + wanted.quantity, version = version + 1
          FROM wanted WHERE wanted.product_id = stock.product_id
     RETURNING stock.product_id, stock.on_hand, stock.reserved, wanted.quantity
    )
    INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
        reserved_delta, on_hand_after, reserved_after, order_id, reason, moved_at)
    SELECT line.product_id, 'reserved', 0, 1, on_hand,
           reserved - quantity + row_number() OVER (PARTITION BY line.product_id),
           order_id, '', now() - interval '1 hour'
      FROM line JOIN reserved ON reserved.product_id = line.product_id
"""


def expiry(plan: Plan) -> Iterator[Row]:
    """Measure how long 10,000 overdue orders take, and whom they keep waiting."""
    data.fresh()
    data.run_file(pgbench.SCRIPTS / "function.sql")
    data.add_coupons(round(plan.rounds * 2 * (plan.seconds + 2) * 3_000))
    seconds: list[float] = []
    with Crew() as crew:
        samples = rounds(
            plan,
            quiet=partial(_buy, plan, crew),
            meanwhile=partial(_buy_meanwhile, plan, crew, seconds),
        )
    yield Row(
        name=f"expiry: seconds for {OVERDUE:,} overdue orders while {BUYERS} buy",
        subject=f"{statistics.median(seconds):.1f} s",
        limit=f"{SECONDS:.0f} s",
        ratio=statistics.median(seconds),
        bar=SECONDS,
        at_most=True,
    )
    yield _waiting_row(samples)
    yield books_row("expiry")


def _waiting_row(samples: dict[str, list[Sample]]) -> Row:
    slow = median_of(samples["meanwhile"], lambda sample: sample.p99)
    quick = median_of(samples["quiet"], lambda sample: sample.p99)
    return Row(
        name="expiry: p99 of purchases meanwhile, of quiet ones",
        subject=f"{slow:.1f} ms",
        limit=f"{quick:.1f} ms",
        ratio=slow / quick,
        bar=SLOWER,
        at_most=True,
        note=errors_of(samples["meanwhile"]),
    )


def _buy(plan: Plan, crew: Crew) -> Sample:
    first, last = next_coupon()
    job = Job(
        target="benchmarks.buyers.production",
        clients=BUYERS,
        seconds=plan.seconds,
        params={"hot": False, "first_coupon": first, "last_coupon": last},
    )
    sample, result = crew.run(job)
    for error in result.errors[:3]:
        say(error)
    return sample


def _buy_meanwhile(plan: Plan, crew: Crew, seconds: list[float]) -> Sample:
    _place_overdue()
    worker = threading.Thread(target=lambda: seconds.append(_expire_all()))
    worker.start()
    sample = _buy(plan, crew)
    worker.join()
    return sample


def _place_overdue() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ORDERS, {"first": Order.objects.count(), "number": OVERDUE})
    data.tidy()
    connection.close()


def _expire_all() -> float:
    begun, expired = time.monotonic(), 0
    while batch := checkout.expire_overdue():
        expired += batch
    connection.close()
    if expired != OVERDUE:
        raise RuntimeError(f"{expired} of {OVERDUE} orders expired")
    return time.monotonic() - begun
