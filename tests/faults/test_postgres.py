"""PostgreSQL is killed under a storm of purchases. What was told to shoppers holds."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
import urllib3
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import User
from config import pgtools
from config.embedded.urls import DATABASE
from demo.receiver import DataPlatform
from orders.models import Order
from tests.books import assert_books_balance
from tests.factories import ProductFactory
from tests.faults.own_servers import OwnServers, database_of, own_servers
from tests.faults.steps import arrived
from tests.figures import Note
from tests.running import SECRET, Running, wait_for
from tests.strangers import Stranger, shopper_at
from tests.template import dump_template

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SHOPPERS = 6
STORM_SECONDS = 6.0
KILL_AFTER = 2.0
EMPTY = "empty"
GIVE_UP_SECONDS = 40


@pytest.fixture(scope="module")
def cluster(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[OwnServers]:
    """Start durable servers; keep an empty shop in them to copy from."""
    with (
        tempfile.TemporaryDirectory(prefix="dojang-") as folder,
        own_servers(Path(folder), has_postgres=True) as servers,
    ):
        with django_db_blocker.unblock():
            template = Path(folder) / "template.dump"
            dump_template(template)
            with database_of(servers):
                pgtools.run(
                    pgtools.program("pg_restore"),
                    *("--no-owner", "--exit-on-error", "--dbname", DATABASE, template),
                )
        servers.rename_database(to=EMPTY)
        yield servers


@pytest.fixture
def servers(cluster: OwnServers) -> Iterator[OwnServers]:
    """Start them with an empty shop."""
    cluster.start()
    cluster.copy_database(EMPTY)
    with database_of(cluster):
        yield cluster


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
    platform = DataPlatform(secret=SECRET, path=tmp_path / "events.sqlite3")
    environment = {**servers.environment, "DATA_PLATFORM_URL": platform.url}
    with platform, Running(tmp_path / "running", environment) as running:
        urls = [running.web(workers=1).url for _ in range(2)]
        running.worker()
        running.beat()
        with storm(witness, urls, product_id):
            time.sleep(KILL_AFTER)
            killed = time.monotonic()
            servers.kill_postgres()
            servers.start()
            accepts = time.monotonic()

        orders = {str(pk) for pk in Order.objects.values_list("pk", flat=True)}
        assert set(witness.acknowledged.values()) == orders
        assert len(witness.acknowledged) == len(orders) > 20
        assert set(witness.told) <= {"201", "503"}
        wait_for(lambda: len(arrived(platform)) == len(orders), "all arrive", 60)
        assert set(arrived(platform)) == orders
        delivered = time.monotonic()
    assert_books_balance()

    trouble = min(witness.troubles)
    again = min(moment for moment in witness.successes if moment > trouble)
    calm = max(witness.troubles)
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


PAGES = (
    "/",
    "/products/",
    "/cart/",
    "/orders/",
    "/coupons/",
    "/points/",
    "/no-such-page/",
    "/accounts/login/",
    "/admin/",
    "/api/v1/products",
    "/api/v1/points",
    "/api/v1/orders",
    "/api/no-such-thing",
    "/readyz",
)


def test_pages_ask_for_patience_while_postgres_is_away(
    servers: OwnServers, tmp_path: Path, note: Note
) -> None:
    with Running(tmp_path / "running", servers.environment) as running:
        web = running.web()
        shopper = shopper_at(web.url)
        session = {"cookie": f"sessionid={session_of(shopper)}"}
        before = {path: shopper.get(path, **session).status for path in PAGES}
        servers.kill_postgres()

        seconds = []
        for path in PAGES:
            started = time.monotonic()
            answer = shopper.get(path, **session)
            seconds.append(time.monotonic() - started)
            # What needs no database is answered as ever.
            assert answer.status in {503, before[path]}, (path, answer)
            assert answer.status < 500 or answer.status == 503, (path, answer)
            if answer.status == 503 and path != "/readyz":
                assert answer.headers["Retry-After"], path
        assert shopper.get("/livez").status == 200
        assert shopper.get("/readyz").status == 503

        servers.start()
        # No server process needs more than one request to notice.
        after = {path: shopper.get(path, **session).status for path in PAGES}
        assert after == before
    note(slowest_page=f"{max(seconds):.2f} s")


def test_frozen_postgres_keeps_nobody_waiting_for_ever(
    servers: OwnServers, tmp_path: Path, note: Note
) -> None:
    product_id = ProductFactory.create(price=100, stock_on_hand=100).pk
    with Running(tmp_path / "running", servers.environment) as running:
        web = running.web(REQUEST_DEADLINE="2")
        shopper = shopper_at(web.url)
        with servers.frozen_postgres():
            started = time.monotonic()
            told = shopper.buy(product_id, key="order")
            seconds = time.monotonic() - started
            assert told.status == 503
            assert shopper.get("/livez").status == 200
            assert shopper.get("/readyz").status == 503

        thawed = time.monotonic()
        wait_for(
            lambda: shopper.buy(product_id, key="order").status == 201, "it works again"
        )
        again = time.monotonic() - thawed
    assert Order.objects.count() == 1
    assert seconds < 8
    note(told_after=f"{seconds:.1f} s", works_again_after=f"{again:.1f} s")


def session_of(shopper: Stranger) -> str:
    """Sign the shopper in to the pages, too; return the session's key."""
    session = SessionStore()
    user = User.objects.get(email=shopper.email)
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "accounts.backends.PasswordBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


@contextmanager
def storm(witness: Witness, urls: list[str], product_id: int) -> Iterator[None]:
    """Let shoppers buy through all servers meanwhile, and until each is answered."""
    shoppers = [shopper_at(urls[number % len(urls)]) for number in range(SHOPPERS)]
    end = time.monotonic() + STORM_SECONDS
    with ThreadPoolExecutor(SHOPPERS) as pool:
        purchases = [
            pool.submit(witness.storm, shopper, product_id, end) for shopper in shoppers
        ]
        yield
    for purchase in purchases:
        purchase.result()
