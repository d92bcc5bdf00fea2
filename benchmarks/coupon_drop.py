"""A coupon drop: 1,000 coupons, 10,000 shoppers and 1,000 who try twice."""

import random
import statistics
from collections.abc import Callable, Iterator
from functools import partial

from django.db import connection

from benchmarks import data, pgbench, reference
from benchmarks.crew import Client, Crew, Job, Operation, Result
from benchmarks.measure import Row, Sample, cpu, median_ratio, percentile, rate
from benchmarks.runs import Plan, books_row, rounds, say
from common.errors import DomainError
from coupons import services as coupons
from coupons.errors import CouponBatchNotFound
from coupons.models import Coupon, CouponBatch

COUPONS = 1_000
DUPLICATES = 1_000
# What pgbench hands out of a batch for everybody.
BY_PGBENCH = 4_800
NOBODY = 2**40
Claim = Callable[..., object]

_BATCH = """
    INSERT INTO coupons_couponbatch (name, kind, value, min_spend, quantity, issued,
        opens_at, valid_from, valid_until, is_active)
    VALUES ('Drop', 'percent', 10, 0, %s, 0, now(), now(), now() + interval '1 day',
        true)
    RETURNING id
"""


def drop(plan: Plan) -> Iterator[Row]:
    """Measure how fast a limited batch is handed out, and how fast the rest hear no."""
    data.fresh()
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE bench_shopper")
    refusals: dict[str, list[float]] = {"shop": [], "lock": []}
    wrong: list[int] = []
    with Crew() as crew:
        shop = partial(_drop, crew, "production", refusals["shop"], wrong)
        lock = partial(_drop, crew, "by_lock", refusals["lock"], wrong)
        eight = rounds(plan, pgbench=partial(_pgbench, 8), shop=partial(shop, 8))
        many = rounds(
            plan,
            pgbench=partial(_pgbench, 32),
            shop=partial(shop, 32),
            lock=partial(lock, 32),
        )
    yield _pgbench_row(8, eight)
    yield _pgbench_row(32, many)
    yield Row(
        name="coupons, 32 clients, of a row lock",
        subject=rate(many["shop"]),
        limit=rate(many["lock"]),
        ratio=median_ratio(many["shop"], many["lock"]),
        bar=3,
        cpu=f"lock {cpu(many['lock'])}",
    )
    refused = statistics.median(refusals["shop"][-plan.rounds :])
    issued = statistics.median(sample.p50 for sample in many["lock"])
    yield Row(
        name="coupons: a refusal's p50 of the row lock's issue",
        subject=f"{refused:.1f} ms",
        limit=f"{issued:.1f} ms",
        ratio=refused / issued,
        bar=0.1,
        at_most=True,
    )
    yield Row(
        name=f"coupons: too many or too few of {COUPONS:,}, {len(wrong)} drops",
        subject=str(sum(wrong)),
        limit="",
        ratio=sum(wrong),
        bar=0,
        at_most=True,
    )
    yield books_row("coupons")


def production(client: Client) -> Operation:
    """Claim as the shop does."""
    return _claimer(client, coupons.claim)


def by_lock(client: Client) -> Operation:
    """Claim as a straightforward Django shop would."""
    return _claimer(client, reference.claim)


def _claimer(client: Client, claim: Claim) -> Operation:
    attempts = iter(_attempts(client))
    batch_id = client.params["batch_id"]
    for _ in range(4):
        # So that the connection is there and its statements are prepared.
        try:
            claim(user_id=1, batch_id=NOBODY)
        except (CouponBatchNotFound, CouponBatch.DoesNotExist):
            continue

    def operation() -> str | None:
        user_id = next(attempts, None)
        if user_id is None:
            return None
        try:
            claim(user_id=user_id, batch_id=batch_id)
        except DomainError as error:
            return type(error).__name__
        return ""

    return operation


def _attempts(client: Client) -> list[int]:
    chance = random.Random(client.params["batch_id"])
    everybody = range(1, data.SHOPPERS + 1)
    attempts = [*everybody, *chance.sample(everybody, DUPLICATES)]
    chance.shuffle(attempts)
    return attempts[client.index :: client.clients]


def _drop(
    crew: Crew, claimer: str, refusals: list[float], wrong: list[int], clients: int
) -> Sample:
    batch_id = _new_batch(COUPONS)
    job = Job(
        target=f"benchmarks.coupon_drop.{claimer}",
        clients=clients,
        seconds=None,
        params={"batch_id": batch_id},
    )
    sample, result = crew.run(job)
    for error in result.errors[:3]:
        say(error)
    wrong.append(_miscounted(batch_id) + len(result.errors))
    refusals.append(_refusal_p50(result))
    return _issue_phase(sample, result)


def _issue_phase(sample: Sample, result: Result) -> Sample:
    """Judge only the time until the last coupon was gone."""
    begun = min(end - took for end, took, _label in result.records)
    issued = [record for record in result.records if not record[2]]
    ordered = sorted(took * 1000 for _end, took, _label in issued)
    return Sample(
        rate=len(issued) / (max(end for end, *_ in issued) - begun),
        p50=percentile(ordered, 50),
        p99=percentile(ordered, 99),
        python_cpu=sample.python_cpu,
        postgres_cpu=sample.postgres_cpu,
        errors=sample.errors,
        refused=sample.refused,
    )


def _refusal_p50(result: Result) -> float:
    last = max((end for end, _took, label in result.records if not label), default=0.0)
    late = sorted(
        took * 1000
        for end, took, label in result.records
        if label == "CouponSoldOut" and end - took > last
    )
    return percentile(late, 50)


def _miscounted(batch_id: int) -> int:
    issued = Coupon.objects.filter(batch_id=batch_id)
    holders = issued.values("user_id").distinct().count()
    said = CouponBatch.objects.get(pk=batch_id).issued
    return sum(abs(number - COUPONS) for number in (issued.count(), holders, said))


def _pgbench(clients: int) -> Sample:
    batch_id = _new_batch(data.SHOPPERS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('bench_shopper', 1, false)")
    connection.close()
    return pgbench.run(
        "claim.sql",
        clients=clients,
        transactions=BY_PGBENCH // clients,
        variables={"batch_id": batch_id},
    )


def _pgbench_row(clients: int, samples: dict[str, list[Sample]]) -> Row:
    return Row(
        name=f"coupons, {clients} clients, of pgbench",
        subject=rate(samples["shop"]),
        limit=rate(samples["pgbench"]),
        ratio=median_ratio(samples["shop"], samples["pgbench"]),
        bar=0.5,
        cpu=cpu(samples["shop"]),
        note="CPU is of the whole drop, by coupon issued",
    )


def _new_batch(quantity: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_BATCH, [quantity])
        batch_id: int = cursor.fetchone()[0]
    connection.close()
    return batch_id
