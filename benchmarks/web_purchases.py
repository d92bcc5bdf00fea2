"""Purchases by HTTP: place and pay in one call, and a whole visit."""

import json
from collections.abc import Iterator
from functools import partial

from benchmarks import data, pgbench, purchases
from benchmarks.buyers import random_lines
from benchmarks.measure import Row, Sample, cpu, median_of, median_ratio, rate
from benchmarks.runs import Plan, books_row, rounds
from benchmarks.shoppers import access_tokens
from benchmarks.web import HAS_WRK, Flow, Request, WebServer
from common.ids import uuid7

WARM_UP = Plan(rounds=1, seconds=2)
CLIENTS = 8
VISITORS = 4
# Purchases per second of measuring, more than we can make.
ENOUGH = 1_500
ADDRESS = {
    "recipient": "A Shopper",
    "phone": "010-0000-0000",
    "postal_code": "04524",
    "line1": "1 Long Street",
    "city": "Seoul",
}
CLIENT_NOTE = "" if HAS_WRK else "no wrk: a client in Python, on the same cores"


def by_http(plan: Plan) -> Iterator[Row]:
    """Measure purchases by HTTP with token, coupon, points and idempotency key."""
    data.fresh()
    data.run_file(pgbench.SCRIPTS / "function.sql")
    data.add_coupons(round(plan.rounds * (plan.seconds + 1) * (5_000 + ENOUGH)))
    tokens = access_tokens(data.SHOPPERS)
    with WebServer() as server:
        # The first requests load what the others find in memory.
        _at_once(WARM_UP, server, tokens)
        _visits(WARM_UP, server, tokens)
        samples = rounds(
            plan,
            pgbench=partial(purchases.by_pgbench, plan, "two.sql", CLIENTS, hot=False),
            shop=partial(_at_once, plan, server, tokens),
            visit=partial(_visits, plan, server, tokens),
        )
    shop, visits = samples["shop"], samples["visit"]
    yield Row(
        name=f"checkout by HTTP, {CLIENTS} clients, of pgbench",
        subject=rate(shop),
        limit=rate(samples["pgbench"]),
        ratio=median_ratio(shop, samples["pgbench"]),
        bar=0.15,
        cpu=cpu(shop),
        note=purchases.errors_of(shop) or CLIENT_NOTE,
    )
    yield floor_row("place and pay in one call", shop, 300)
    yield floor_row("visit: cart, order, pay (3 calls)", visits, 60)
    yield books_row("checkout by HTTP")


def floor_row(name: str, samples: list[Sample], floor: float) -> Row:
    """Compare a rate with an absolute floor, which a quiet machine keeps."""
    return Row(
        name=f"{name}, of its floor",
        subject=rate(samples),
        limit=f"{floor:,.0f} /s",
        ratio=median_of(samples, lambda sample: sample.rate) / floor,
        bar=1,
        cpu=cpu(samples),
        note=purchases.errors_of(samples) or CLIENT_NOTE,
    )


def _at_once(plan: Plan, server: WebServer, tokens: list[str]) -> Sample:
    first, _last = purchases.next_coupon()
    count = round((plan.seconds + 1) * ENOUGH)
    flows = (_order(coupon_id, tokens) for coupon_id in range(first, first + count))
    return server.run(flows, clients=CLIENTS, seconds=plan.seconds)


def _order(coupon_id: int, tokens: list[str]) -> Flow:
    body = {
        "items": [
            {"product_id": product_id, "quantity": quantity}
            for product_id, quantity in random_lines(hot=False).items()
        ],
        "coupon_id": coupon_id,
        "address": ADDRESS,
        "pay": True,
    }
    token = tokens[data.owner_of(coupon_id) - 1]
    return [_post("/api/v1/orders", token, body)]


def _visits(plan: Plan, server: WebServer, tokens: list[str]) -> Sample:
    count = round((plan.seconds + 1) * ENOUGH / 3)
    flows = (_visit(tokens[-1 - place]) for place in range(count))
    sample = server.run(flows, clients=VISITORS, seconds=plan.seconds, watch=True)
    return Sample(
        rate=sample.rate / 3,
        p50=sample.p50,
        p99=sample.p99,
        python_cpu=sample.python_cpu and sample.python_cpu * 3,
        postgres_cpu=sample.postgres_cpu and sample.postgres_cpu * 3,
        errors=sample.errors,
    )


def _visit(token: str) -> Flow:
    [(product_id, quantity), *_] = random_lines(hot=False).items()
    item = {"product_id": product_id, "quantity": quantity}
    order = {"from_cart": True, "address": ADDRESS}
    return [
        _post("/api/v1/cart/items", token, item),
        _post("/api/v1/orders", token, order),
        _post("/api/v1/orders/{id}/pay", token, {"method": "points"}),
    ]


def _post(path: str, token: str, body: object) -> Request:
    return Request("POST", path, token=token, key=uuid7().hex, body=json.dumps(body))
