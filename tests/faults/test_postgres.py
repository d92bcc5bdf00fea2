"""PostgreSQL is killed under a storm of purchases. What was told to shoppers holds."""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
import urllib3
from django.core.management import call_command

from demo.receiver import DataPlatform
from orders.models import Order
from tests.books import assert_books_balance
from tests.factories import ProductFactory
from tests.faults.own_servers import OwnServers, database_of, own_servers
from tests.faults.steps import arrived
from tests.running import SECRET, Running, wait_for
from tests.strangers import Stranger, shopper_at

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Note = Callable[..., None]
SHOPPERS = 6
STORM_SECONDS = 6.0
KILL_AFTER = 2.0
GIVE_UP_SECONDS = 40


@pytest.fixture
def servers() -> Iterator[OwnServers]:
    """Start durable servers with an empty shop in them."""
    with (
        tempfile.TemporaryDirectory(prefix="dojang-") as folder,
        own_servers(Path(folder), has_postgres=True) as servers,
        database_of(servers),
    ):
        call_command("migrate", verbosity=0)
        yield servers


@dataclass
class Witness:
    """Stands outside the shop and writes down what shoppers were told, and when."""

    # Idempotency key → the order that was acknowledged.
    acknowledged: dict[str, str] = field(default_factory=dict)
    successes: list[float] = field(default_factory=list)
    troubles: list[float] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    replays: int = 0

    def storm(self, shopper: Stranger, product_id: int, end: float) -> None:
        """Buy one after the other; repeat each purchase until it is acknowledged."""
        while time.monotonic() < end:
            key = uuid4().hex
            give_up = time.monotonic() + GIVE_UP_SECONDS
            while not self._tries(shopper, product_id, key):
                assert time.monotonic() < give_up
                time.sleep(0.05)

    def _tries(self, shopper: Stranger, product_id: int, key: str) -> bool:
        try:
            answer = shopper.buy(product_id, key=key)
        except urllib3.exceptions.HTTPError as error:
            self.told[type(error).__name__] += 1
            self.troubles.append(time.monotonic())
            return False
        self.told[str(answer.status)] += 1
        if answer.status != 201:
            self.troubles.append(time.monotonic())
            return False
        self.acknowledged[key] = answer.body["id"]
        self.successes.append(time.monotonic())
        self.replays += "Idempotency-Replayed" in answer.headers
        return True


def test_killed_postgres_loses_no_acknowledged_order_and_doubles_none(
    servers: OwnServers, tmp_path: Path, note: Note
) -> None:
    product_id = ProductFactory.create(price=100, stock_on_hand=100_000).pk
    witness = Witness()
    platform = DataPlatform(secret=SECRET, path=tmp_path / "events.jsonl")
    environment = {**servers.environment, "DATA_PLATFORM_URL": platform.url}
    with platform, Running(tmp_path / "running", environment) as running:
        first, second = running.web(workers=1), running.web(workers=1)
        running.worker()
        running.beat()
        shoppers = [shopper_at((first, second)[n % 2].url) for n in range(SHOPPERS)]
        end = time.monotonic() + STORM_SECONDS
        threads = [
            threading.Thread(target=witness.storm, args=(shopper, product_id, end))
            for shopper in shoppers
        ]
        for thread in threads:
            thread.start()
        time.sleep(KILL_AFTER)
        killed = time.monotonic()
        servers.kill_postgres()
        servers.start()
        accepts = time.monotonic()
        for thread in threads:
            thread.join(GIVE_UP_SECONDS)

        orders = {str(pk) for pk in Order.objects.values_list("pk", flat=True)}
        told = set(witness.acknowledged.values())
        assert told == orders
        assert len(witness.acknowledged) == len(orders) > 20
        assert set(witness.told) <= {"201", "503"}
        wait_for(lambda: len(arrived(platform)) == len(orders), "all arrive", 60)
        assert set(arrived(platform)) == orders
        delivered = time.monotonic()
    assert_books_balance()

    again = min(moment for moment in witness.successes if moment > accepts)
    calm = max((moment for moment in witness.troubles), default=killed)
    assert calm - accepts < 10
    note(
        orders=len(orders),
        told=dict(witness.told),
        replays=witness.replays,
        accepts_again=f"{accepts - killed:.1f} s",
        first_order_again=f"{again - killed:.1f} s",
        last_trouble=f"{calm - killed:.1f} s",
        all_delivered=f"{delivered - max(witness.successes):.1f} s after the last",
    )
