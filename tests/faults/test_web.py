"""Web servers and their connections die after the commit and before the reply."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import urllib3
from django.db import connection

from orders.models import Order
from tests.factories import ProductFactory
from tests.faults.proxy import Proxy, to_address, to_socket
from tests.figures import Note
from tests.running import Running, Web, children_of
from tests.strangers import Stranger, shopper_at

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

COMMIT = b"COMMIT\0"


@pytest.fixture
def database_wire() -> Iterator[Proxy]:
    """Stand between a web server and PostgreSQL."""
    here = connection.settings_dict
    with Proxy(to_socket(f"{here['HOST']}/.s.PGSQL.5432")) as proxy:
        yield proxy


def web_by(running: Running, wire: Proxy) -> Web:
    """Start a web server that reaches the database by this wire."""
    here = connection.settings_dict
    url = f"postgresql://{here['USER']}@127.0.0.1:{wire.port}/{here['NAME']}"
    return running.web(workers=1, DATABASE_URL=url)


def repeat(shopper: Stranger, product_id: int, key: str) -> str:
    """Send the same request once more; return the order it was for."""
    answer = shopper.buy(product_id, key=key)
    assert answer.status == 201
    assert answer.headers["Idempotency-Replayed"] == "true"
    return str(answer.body["id"])


def test_repeated_request_after_a_lost_reply_gets_the_same_order(
    running: Running,
) -> None:
    web = running.web()
    product = ProductFactory.create(stock_on_hand=50)
    with Proxy(to_address(urlsplit(web.url).port or 0)) as wire:
        shopper = shopper_at(f"http://127.0.0.1:{wire.port}")
        orders = set()
        for number in range(10):
            wire.cut_after(b"POST /api/v1/orders ")
            with pytest.raises(urllib3.exceptions.HTTPError):
                shopper.buy(product.pk, key=f"order-{number}")
            orders.add(repeat(shopper, product.pk, f"order-{number}"))

    assert wire.cuts == 10
    assert {str(pk) for pk in Order.objects.values_list("pk", flat=True)} == orders
    assert len(orders) == 10


def test_cut_after_commit_makes_one_order(
    running: Running, database_wire: Proxy, note: Note
) -> None:
    web = web_by(running, database_wire)
    product = ProductFactory.create(stock_on_hand=50)
    shopper = shopper_at(web.url)
    orders, told = set(), []
    for number in range(20):
        database_wire.cut_after(COMMIT)
        answer = shopper.buy(product.pk, key=f"order-{number}")
        told.append(answer.status)
        # The server looks up by itself whether the order is there, if it can.
        assert answer.status == 201 or answer.headers["Retry-After"]
        orders.add(repeat(shopper, product.pk, f"order-{number}"))

    assert database_wire.cuts == 20
    assert {str(pk) for pk in Order.objects.values_list("pk", flat=True)} == orders
    note(cuts=20, orders=len(orders), told=dict(Counter(told)))


def test_web_killed_after_commit_makes_one_order(
    running: Running, database_wire: Proxy, note: Note
) -> None:
    web = web_by(running, database_wire)
    product = ProductFactory.create(stock_on_hand=5)
    shopper = shopper_at(web.url)

    database_wire.cut_after(COMMIT, on_cut=web.kill)
    with pytest.raises(urllib3.exceptions.HTTPError):
        shopper.buy(product.pk, key="order")
    started = time.monotonic()
    shopper.url = running.web().url
    order = repeat(shopper, product.pk, "order")

    assert [str(pk) for pk in Order.objects.values_list("pk", flat=True)] == [order]
    note(new_server_ready=f"{time.monotonic() - started:.1f} s")


def test_lost_database_connections_cost_no_read(running: Running) -> None:
    web = running.web()
    product = ProductFactory.create(stock_on_hand=5)
    shopper = shopper_at(web.url)
    for _ in range(5):
        _end_connections_of("dojang-web")
        for path in (f"/api/v1/products/{product.pk}", "/api/v1/points", "/cart"):
            assert shopper.get(path).status in {200, 301, 302}


def test_killed_server_process_is_replaced(running: Running) -> None:
    web = running.web(workers=2)
    product = ProductFactory.create(stock_on_hand=5)
    shopper = shopper_at(web.url)

    os.kill(children_of(web.popen.pid)[0], signal.SIGKILL)

    deadline = time.monotonic() + 10
    statuses: list[int] = []
    while time.monotonic() < deadline and statuses[-20:] != [200] * 20:
        try:
            statuses.append(shopper.get(f"/api/v1/products/{product.pk}").status)
        except urllib3.exceptions.HTTPError:
            statuses.append(0)
    assert statuses[-20:] == [200] * 20
    assert set(statuses) <= {0, 200}


def _end_connections_of(application: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s",
            [application],
        )
