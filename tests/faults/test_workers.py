"""Workers die in the middle of their work; others do what they were busy with."""

import statistics
import time
from uuid import UUID

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from checkout import services as checkout
from checkout.services import Purchase
from config.celery import app
from demo.receiver import DataPlatform
from orders.models import Order, OrderStatus
from outbox import wake
from outbox.models import Dispatch
from tests.faults.steps import (
    Seller,
    arrived,
    assert_all_arrived,
    nothing_waits,
    seller,
)
from tests.figures import Note
from tests.running import Running, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

LEASE = "4"  # seconds; the real one is 30


def empty_broker() -> None:
    """Forget what earlier tests have left in the broker."""
    cache.delete(wake.PENDING_KEY)
    app.control.purge()


@pytest.fixture(autouse=True)
def _empty_broker() -> None:
    empty_broker()


def time_to_arrive(platform: DataPlatform, shop: Seller) -> float:
    """Sell one; return how many seconds after the commit the platform has it."""
    before = len(platform.store)
    shop.sell()
    committed = time.perf_counter()
    while len(platform.store) == before:
        time.sleep(0.001)
        assert time.perf_counter() < committed + 90
    return time.perf_counter() - committed


def test_paid_order_arrives_at_once(
    running: Running, platform: DataPlatform, note: Note
) -> None:
    running.worker()
    shop = seller()
    time_to_arrive(platform, shop)  # opens the connections

    seconds = []
    for _ in range(30):
        seconds.append(time_to_arrive(platform, shop))
        time.sleep(0.03)

    milliseconds = sorted(value * 1000 for value in seconds)
    # Nothing sweeps meanwhile: without being woken the worker would never send.
    assert statistics.median(milliseconds) < 5000
    wait_for(nothing_waits, "all are settled")
    note(
        p50=f"{statistics.median(milliseconds):.0f} ms",
        p95=f"{milliseconds[28]:.0f} ms",
        max=f"{milliseconds[-1]:.0f} ms",
    )


def test_killed_worker_costs_a_lease_and_no_order(
    running: Running, platform: DataPlatform, note: Note
) -> None:
    first = running.worker(OUTBOX_LEASE_SECONDS=LEASE)
    platform.misbehave("slow", seconds=3, lasts=1)
    orders = seller().sell_many(3)
    wait_for(lambda: platform.counters.requests, "the push begins")
    first.kill()

    started = time.monotonic()
    running.worker(OUTBOX_LEASE_SECONDS=LEASE)
    running.beat()
    wait_for(nothing_waits, "another worker delivers")

    assert_all_arrived(platform, orders)
    assert platform.counters.requests <= 2 * len(orders)
    note(
        recovery=f"{time.monotonic() - started:.1f} s (lease {LEASE} s)",
        duplicates=platform.counters.duplicates,
    )


def test_relay_killed_between_claim_and_send_loses_nothing(
    running: Running, platform: DataPlatform, note: Note
) -> None:
    orders = seller().sell_many(3)
    claim_and_die = """
import os
from outbox import services
services._claim()
os.kill(os.getpid(), 9)
"""
    dead = running.python(claim_and_die, OUTBOX_LEASE_SECONDS=LEASE)
    assert dead.popen.wait() == -9
    assert set(Dispatch.objects.values_list("attempts", flat=True)) == {1}

    started = time.monotonic()
    running.worker(OUTBOX_LEASE_SECONDS=LEASE)
    running.beat()
    wait_for(nothing_waits, "a worker delivers")

    assert_all_arrived(platform, orders)
    assert platform.counters.requests == len(orders)
    note(recovery=f"{time.monotonic() - started:.1f} s (lease {LEASE} s)")


def test_purged_queue_costs_a_second(
    running: Running, platform: DataPlatform, note: Note
) -> None:
    orders = seller().sell_many(3)
    time.sleep(0.2)
    empty_broker()

    running.worker()
    time.sleep(0.5)
    assert platform.events() == []  # nothing had told the worker
    started = time.monotonic()
    running.beat()
    wait_for(lambda: len(arrived(platform)) == 3, "the sweep delivers")

    wait_for(nothing_waits, "all are settled")
    assert_all_arrived(platform, orders)
    note(after_start_of_beat=f"{time.monotonic() - started:.1f} s")


def test_killed_expiry_is_completed_by_the_next(
    running: Running, platform: DataPlatform
) -> None:
    shop = seller(stock=60)
    orders = [_place(shop) for _ in range(60)]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_order SET expires_at = now() - interval '1 second'"
        )
    expiry = running.python("from checkout import services as c; c.expire_overdue()")

    def count() -> int:
        return Order.objects.filter(status=OrderStatus.EXPIRED).count()

    wait_for(lambda: count() >= 5, "some are expired")
    expiry.kill()
    assert count() < len(orders)

    checkout.expire_overdue()

    assert count() == len(orders)
    shop.product.stock.refresh_from_db()
    assert (shop.product.stock.on_hand, shop.product.stock.reserved) == (60, 0)


def test_worker_works_on_after_the_broker_was_restarted(
    running: Running, platform: DataPlatform
) -> None:
    running.worker()
    shop = seller()
    time_to_arrive(platform, shop)

    with redis.from_url(settings.REDIS_URL) as client:
        client.client_kill_filter(_type="normal", skipme=True)
    running.beat()

    assert time_to_arrive(platform, shop) < 5
    wait_for(nothing_waits, "all are settled")


def _place(shop: Seller) -> UUID:
    purchase = Purchase(
        user_id=shop.shopper.pk,
        email=shop.shopper.email,
        quantities={shop.product.pk: 1},
    )
    return checkout.place_order(purchase).id
