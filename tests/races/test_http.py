"""Races 1, 2, 5, 9 and 13 over HTTP, against a server of two processes."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3
from django.db import transaction

from accounts.models import User
from api import tokens
from common.models import IdempotencyRecord
from coupons.models import Coupon
from inventory.models import Stock
from orders.models import Order
from payments.models import Payment
from points.models import PointAccount
from tests.concurrency import run_together
from tests.factories import CouponBatchFactory, ProductFactory
from tests.races.stage import shoppers, unpaid_order
from tests.running import Running

pytestmark = pytest.mark.slow

CLIENTS = 50
# How often a client that is told to come again does so.
PATIENCE = 20
# Token, path, body and key.
Request = tuple[str, str, Any, str]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    is_replayed: bool
    # Seconds, if the shop asks for the same request once more.
    retry_after: int | None

    @property
    def is_final(self) -> bool:
        """Say whether a client takes this for an answer: not "busy, come again"."""
        is_passing = self.status == 503 or b'"idempotency_in_flight"' in self.body
        return self.retry_after is None or not is_passing


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
        wait = response.headers.get("Retry-After")
        return Answer(
            status=response.status,
            body=response.data,
            is_replayed="Idempotency-Replayed" in response.headers,
            retry_after=int(wait) if wait else None,
        )

    def insist(self, token: str, path: str, body: Any, key: str = "") -> Answer:
        """Send a request, and the same again as long as the shop asks for that."""
        for _ in range(PATIENCE):
            answer = self.post(token, path, body, key)
            if answer.is_final:
                break
            time.sleep(answer.retry_after or 0)
        return answer

    def race(self, requests: list[Request]) -> list[Answer]:
        """Send requests from fifty clients at once; return their last answers."""
        return _at_once(self.insist, requests)


def _at_once(send: Callable[..., Answer], requests: list[Request]) -> list[Answer]:
    results = run_together(
        lambda number: send(*requests[number]),
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


def test_who_is_told_to_come_again_has_bought_nothing(server: Server) -> None:
    # Of a product each, for the second in a line waits longer than the first.
    requests = [
        (_token(user), "orders", _order_of(ProductFactory.create().pk), key)
        for user, key in zip(shoppers(2), ("", "key"), strict=True)
    ]
    before = _counts()

    with transaction.atomic():
        list(Stock.objects.select_for_update(no_key=True))
        told = _at_once(server.post, requests)

    assert [(answer.status, answer.is_final) for answer in told] == [
        (503, False),
        (409, False),
    ]
    assert _counts() == before
    assert _statuses(server.race(requests)) == {201: 2}
    assert Order.objects.count() == 2


def _counts() -> tuple[int, int, list[int], list[int]]:
    return (
        Order.objects.count(),
        IdempotencyRecord.objects.count(),
        list(Stock.objects.values_list("on_hand", flat=True)),
        list(PointAccount.objects.values_list("balance", flat=True)),
    )
