"""Purchases in process, against pgbench writing the same rows."""

import statistics
from collections.abc import Iterator
from functools import partial

from django.db import connection

from benchmarks import data, pgbench
from benchmarks.crew import Crew, Job
from benchmarks.measure import Row, Sample, cpu, median_ratio, rate
from benchmarks.runs import Plan, books_row, rounds, say

VARIABLES = {"products": data.PRODUCTS}
# Coupons per second of measuring, more than pgbench can use.
COUPONS = 5_000
# By number of clients.
SHARE_OF_PGBENCH = {8: 0.22, 32: 0.27}
Samples = dict[str, list[Sample]]


def distinct(plan: Plan) -> Iterator[Row]:
    """Measure purchases of 2 or 3 random products with points and a coupon."""
    _prepare(plan, clients=len(SHARE_OF_PGBENCH), runs=3)
    with Crew() as crew:
        for clients, share in SHARE_OF_PGBENCH.items():
            samples = rounds(
                plan,
                pgbench=partial(by_pgbench, plan, "two.sql", clients, hot=False),
                shop=partial(_shop, plan, crew, "production", clients, hot=False),
                orm=partial(_shop, plan, crew, "by_orm", clients, hot=False),
            )
            yield from _distinct_rows(samples, clients, share)
    yield books_row("checkout")


def hot(plan: Plan) -> Iterator[Row]:
    """Measure purchases that all want the same product."""
    _prepare(plan, clients=2, runs=2)
    with Crew() as crew:
        for clients in (8, 32):
            samples = rounds(
                plan,
                pgbench=partial(by_pgbench, plan, "buy.sql", clients, hot=True),
                shop=partial(_shop, plan, crew, "production", clients, hot=True),
            )
            yield from _hot_rows(samples, clients)
    yield books_row("hot product")


def _distinct_rows(samples: Samples, clients: int, share: float) -> Iterator[Row]:
    shop = samples["shop"]
    yield Row(
        name=f"checkout, {clients} clients, of pgbench",
        subject=rate(shop),
        limit=rate(samples["pgbench"]),
        ratio=median_ratio(shop, samples["pgbench"]),
        bar=share,
        cpu=cpu(shop),
        note=errors_of(shop),
    )
    yield Row(
        name=f"checkout, {clients} clients, of the ORM's",
        subject=rate(shop),
        limit=rate(samples["orm"]),
        ratio=median_ratio(shop, samples["orm"]),
        bar=3,
        cpu=f"ORM {cpu(samples['orm'])}",
        note=errors_of(samples["orm"]),
    )
    if clients == 8:
        yield spread_row(f"checkout, {clients} clients: p99 of p50", shop, bar=5)


def _hot_rows(samples: Samples, clients: int) -> Iterator[Row]:
    shop = samples["shop"]
    yield Row(
        name=f"hot product, {clients} clients, of pgbench's function",
        subject=rate(shop),
        limit=rate(samples["pgbench"]),
        ratio=median_ratio(shop, samples["pgbench"]),
        bar=0.5,
        cpu=cpu(shop),
        note=errors_of(shop),
    )
    yield spread_row(f"hot product, {clients} clients: p99 of p50", shop, bar=10)


def spread_row(name: str, samples: list[Sample], *, bar: float) -> Row:
    """Compare the slowest hundredth with the middle."""
    spread = statistics.median(sample.p99 / (sample.p50 or 1) for sample in samples)
    return Row(
        name=name,
        subject=f"{statistics.median(s.p99 for s in samples):.1f} ms",
        limit=f"{statistics.median(s.p50 for s in samples):.1f} ms",
        ratio=spread,
        bar=bar,
        at_most=True,
    )


def errors_of(samples: list[Sample]) -> str:
    """Describe what went wrong, if anything."""
    errors = sum(sample.errors for sample in samples)
    refused = sum(sum(sample.refused.values()) for sample in samples)
    return f"{refused} refused, {errors} errors" if errors or refused else ""


def _prepare(plan: Plan, *, clients: int, runs: int) -> None:
    data.fresh()
    data.run_file(pgbench.SCRIPTS / "function.sql")
    coupons = round(clients * plan.rounds * runs * (plan.seconds + 1) * COUPONS / 2)
    say(f"{coupons:,} coupons …")
    data.add_coupons(coupons)


def by_pgbench(plan: Plan, script: str, clients: int, *, hot: bool) -> Sample:
    """Let pgbench buy with coupons that nobody has used yet."""
    next_coupon()
    return pgbench.run(
        script,
        clients=clients,
        seconds=plan.seconds,
        variables=VARIABLES | {"hot": int(hot)},
    )


def _shop(plan: Plan, crew: Crew, buyer: str, clients: int, *, hot: bool) -> Sample:
    first, last = next_coupon()
    job = Job(
        target=f"benchmarks.buyers.{buyer}",
        clients=clients,
        seconds=plan.seconds,
        params={"hot": hot, "first_coupon": first, "last_coupon": last},
    )
    sample, result = crew.run(job)
    for error in result.errors[:3]:
        say(error)
    return sample


def next_coupon() -> tuple[int, int]:
    """Return the first and the last coupon that nobody has used yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT coalesce(max(id), 0) + 1 FROM coupons_coupon"
            "         WHERE state <> 'issued'), (SELECT max(id) FROM coupons_coupon)"
        )
        first, last = cursor.fetchone()
        cursor.execute("SELECT setval('bench_turn', %s, false)", [first])
    if first >= last:
        raise RuntimeError("the benchmark has run out of coupons")
    connection.close()
    return first, last
