"""Redis forgets everything, dies or freezes. The shop is slower for a moment."""

import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from demo.receiver import DataPlatform
from orders.models import Order
from tests.factories import ProductFactory
from tests.faults.own_servers import OwnServers, own_servers
from tests.faults.steps import arrived, assert_all_arrived
from tests.figures import Note
from tests.running import Running, Web, wait_for
from tests.strangers import Stranger, shopper_at

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PAGES = ("/", "/products/", "/cart/", "/api/v1/products", "/api/v1/products/best")


@pytest.fixture
def servers() -> Iterator[OwnServers]:
    """Start a Redis that nobody else uses."""
    with (
        tempfile.TemporaryDirectory(prefix="dojang-") as folder,
        own_servers(Path(folder), has_postgres=False) as servers,
    ):
        yield servers


@pytest.fixture
def web(running: Running, servers: OwnServers) -> Web:
    """Start the whole shop on it."""
    running.environment |= servers.environment
    return running.shop(has_live=False)


def look_around(shopper: Stranger) -> None:
    for path in PAGES:
        answer = shopper.get(path)
        assert answer.status < 500, (path, answer)


def buy(shopper: Stranger, product_id: int) -> float:
    """Buy one piece; return the seconds it took."""
    started = time.monotonic()
    answer = shopper.buy(product_id, key=uuid4().hex)
    seconds = time.monotonic() - started
    assert answer.status == 201, answer
    return seconds


def assert_nothing_is_missing(platform: DataPlatform, number: int) -> None:
    orders = list(Order.objects.values_list("pk", flat=True))
    assert len(orders) == number
    wait_for(lambda: len(arrived(platform)) >= number, "all orders arrive", 40)
    assert_all_arrived(platform, orders)


def test_flushed_redis_costs_nobody_anything(
    web: Web, servers: OwnServers, platform: DataPlatform
) -> None:
    product = ProductFactory.create(price=100, stock_on_hand=100)
    shopper = shopper_at(web.url)
    with redis.from_url(servers.redis_url()) as client:
        for _ in range(20):
            buy(shopper, product.pk)
            client.flushall()
            look_around(shopper)

    assert_nothing_is_missing(platform, 20)


def test_shop_sells_on_while_redis_is_dead(
    web: Web, servers: OwnServers, platform: DataPlatform, note: Note
) -> None:
    product = ProductFactory.create(price=100, stock_on_hand=100)
    shopper = shopper_at(web.url)
    for _ in range(3):
        buy(shopper, product.pk)

    servers.signal_redis(signal.SIGKILL)
    dead = [buy(shopper, product.pk) for _ in range(20)]
    look_around(shopper)
    newcomer = shopper_at(web.url)
    dead.append(buy(newcomer, product.pk))

    servers.start()
    back = time.monotonic()
    assert_nothing_is_missing(platform, 24)
    assert max(dead) < 1.5
    note(
        slowest_while_dead=f"{max(dead):.2f} s",
        all_delivered=f"{time.monotonic() - back:.1f} s after its return",
    )


def test_worker_survives_that_redis_dies_in_the_middle_of_a_task(
    web: Web, servers: OwnServers, platform: DataPlatform, note: Note
) -> None:
    product = ProductFactory.create(price=100, stock_on_hand=100)
    shopper = shopper_at(web.url)
    platform.misbehave("slow", seconds=3, lasts=1)
    buy(shopper, product.pk)
    wait_for(lambda: platform.counters.requests, "the push begins")

    servers.signal_redis(signal.SIGKILL)
    buy(shopper, product.pk)
    time.sleep(1)
    servers.start()
    back = time.monotonic()
    assert_nothing_is_missing(platform, 2)
    buy(shopper, product.pk)
    assert_nothing_is_missing(platform, 3)
    note(all_delivered=f"{time.monotonic() - back:.1f} s after its return")


def test_frozen_redis_costs_a_moment_per_request(
    web: Web, servers: OwnServers, platform: DataPlatform, note: Note
) -> None:
    product = ProductFactory.create(price=100, stock_on_hand=100)
    shopper = shopper_at(web.url)
    for _ in range(3):
        buy(shopper, product.pk)

    servers.signal_redis(signal.SIGSTOP)
    frozen, pages = [], []
    for _ in range(20):
        frozen.append(buy(shopper, product.pk))
        started = time.monotonic()
        look_around(shopper)
        pages.append((time.monotonic() - started) / len(PAGES))
        time.sleep(0.2)

    servers.signal_redis(signal.SIGCONT)
    back = time.monotonic()
    assert_nothing_is_missing(platform, 23)
    note(
        slowest_purchase=f"{max(frozen):.2f} s",
        median_purchase=f"{sorted(frozen)[10] * 1000:.0f} ms",
        slowest_page=f"{max(pages):.2f} s",
        all_delivered=f"{time.monotonic() - back:.1f} s after its return",
    )
    assert max(frozen) < 1
