"""Races 1, 2, 5, 9 and 13 over HTTP, against a server of two processes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3

from accounts.models import User
from api import tokens
from coupons.models import Coupon
from inventory.models import Stock
from orders.models import Order
from payments.models import Payment
from tests.concurrency import run_together
from tests.factories import CouponBatchFactory, ProductFactory
from tests.races.stage import shoppers, unpaid_order
from tests.running import Running

pytestmark = pytest.mark.slow

CLIENTS = 50
# Token, path, body and key.
Request = tuple[str, str, Any, str]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    is_replayed: bool


@dataclass(frozen=True)
class Server:
    """The API, by keep-alive connections."""

    url: str
    pool: urllib3.PoolManager

    def post(self, token: str, path: str, body: Any, key: str = "") -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        if key:
            headers["Idempotency-Key"] = key
        response = self.pool.request(
            "POST", f"{self.url}/api/v1/{path}", json=body, headers=headers
        )
        is_replayed = "Idempotency-Replayed" in response.headers
        return Answer(response.status, response.data, is_replayed)

    def race(self, requests: list[Request]) -> list[Answer]:
        """Send requests from fifty clients at once."""
        results = run_together(
            lambda number: self.post(*requests[number]),
            times=len(requests),
            clients=min(CLIENTS, len(requests)),
        )
        return [answer for answer in results if isinstance(answer, Answer)]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None
) -> Iterator[Server]:
    with Running(tmp_path_factory.mktemp("races")) as running:
        web = running.web(workers=2)
        yield Server(web.url, urllib3.PoolManager(maxsize=CLIENTS, retries=False))


def _token(user: User) -> str:
    return tokens.sign_in(user).access


def _statuses(answers: list[Answer]) -> dict[int, int]:
    return {
        status: sum(answer.status == status for answer in answers)
        for status in sorted({answer.status for answer in answers})
    }


def _order_of(product_id: int, quantity: int = 1) -> dict[str, Any]:
    items = [{"product_id": product_id, "quantity": quantity}]
    return {"items": items, "pay": True}


def test_race_01_over_http_50_equal_requests_make_one_order(server: Server) -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=100)
    request = (_token(user), "orders", _order_of(product.pk), "one key")

    answers = server.race([request] * 50)

    assert _statuses(answers) == {201: 50}
    assert len({answer.body for answer in answers}) == 1
    assert sum(answer.is_replayed for answer in answers) == 49
    assert Order.objects.count() == 1


def test_race_02_over_http_another_body_is_refused(server: Server) -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=100)
    token = _token(user)
    bodies = [_order_of(product.pk, quantity) for quantity in (1, 2)]

    answers = server.race(
        [(token, "orders", bodies[number % 2], "one key") for number in range(50)]
    )

    assert _statuses(answers) == {201: 25, 422: 25}
    assert len({answer.body for answer in answers if answer.status == 201}) == 1
    assert Order.objects.count() == 1


def test_race_05_over_http_500_shoppers_get_the_last_100(server: Server) -> None:
    product = ProductFactory.create(stock_on_hand=100)
    requests = [
        (_token(user), "orders", _order_of(product.pk), f"key {user.pk}")
        for user in shoppers(500)
    ]

    answers = server.race(requests)

    assert _statuses(answers) == {201: 100, 409: 400}
    refused = [answer for answer in answers if answer.status == 409]
    assert all(b'"insufficient_stock"' in answer.body for answer in refused)
    stock = Stock.objects.get()
    assert (stock.on_hand, stock.reserved) == (0, 0)
    assert Order.objects.count() == 100


def test_race_09_over_http_500_shoppers_claim_100_coupons(server: Server) -> None:
    batch = CouponBatchFactory.create(quantity=100)
    requests = [
        (_token(user), "coupons/issue", {"campaign_id": batch.pk}, "")
        for user in shoppers(500, balance=1)
    ]

    answers = server.race(requests)

    assert _statuses(answers) == {201: 100, 409: 400}
    serials = Coupon.objects.order_by("serial").values_list("serial", flat=True)
    assert list(serials) == list(range(1, 101))


def test_race_13_over_http_an_order_is_paid_once(server: Server) -> None:
    [user], product = shoppers(1), ProductFactory.create()
    order_id = unpaid_order(user, product)
    request: Request = (_token(user), f"orders/{order_id}/pay", {}, "")

    answers = server.race([request] * 50)

    assert _statuses(answers) == {201: 1, 409: 49}
    assert Payment.objects.get().amount == 10_000
