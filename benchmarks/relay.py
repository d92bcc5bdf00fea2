"""The outbox relay: how many events leave, and how soon after their commit."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

from django.db import connection, transaction
from django.test import override_settings

from analytics.transports import http
from benchmarks import data
from benchmarks.buyers import ADDRESS, random_lines
from benchmarks.data import owner_of
from benchmarks.measure import Row, Sample, cpu, median_ratio, percentile, rate
from benchmarks.runs import Plan, rounds, say
from benchmarks.sink import Sink
from checkout import services as checkout
from checkout.services import Purchase
from outbox import services as outbox
from outbox.models import Dispatch

# How many events a run sends, about a second's worth of each way.
ONE_BY_ONE, BATCHED, SERIAL, IN_FLIGHT = 300, 5_000, 150, 1_200
SLOW = 10  # ms that the slow platform takes for a POST
PER_SECOND = 50
LATENCY_BARS = {50: 20.0, 99: 100.0}  # ms
WORKER_START = 30  # seconds

_EVENTS = """
    INSERT INTO outbox_event (id, topic, aggregate, payload, occurred_at)
    SELECT uuidv7(), 'order.paid', 'order/' || gen_random_uuid(),
           jsonb_build_object('order_id', n, 'number', 'B' || n, 'total', 12345,
               'lines', '[{"sku": "SKU-1", "quantity": 2, "unit_price": 5000}]'),
           now()
      FROM generate_series(1, %s) AS n
"""


def relay(plan: Plan) -> Iterator[Row]:
    """Measure what the relay sends to a quick and to a slow data platform."""
    data.fresh()
    with Sink() as sink:
        quick, slow = sink.url(), sink.url(delay=SLOW)
        samples = rounds(
            plan,
            one_by_one=partial(_drain, sink, quick, ONE_BY_ONE, claim=1),
            batch=partial(_drain, sink, quick, BATCHED, batch=True),
            serial=partial(_drain, sink, slow, SERIAL, in_flight=1),
            in_flight=partial(_drain, sink, slow, IN_FLIGHT),
        )
        yield _row("relay: batches, of one by one", samples, "batch", "one_by_one", 10)
        name = f"relay: 16 in flight to {SLOW} ms, of one at a time"
        yield _row(name, samples, "in_flight", "serial", 8)
        yield _lost_row([one for many in samples.values() for one in many])
        yield from _latency_rows(plan, sink)


def _drain(
    sink: Sink,
    url: str,
    events: int,
    *,
    claim: int = outbox.BATCH,
    batch: bool = False,
    in_flight: int = http.IN_FLIGHT,
) -> Sample:
    """Send so many events; ``errors`` are those that did not come, or came twice."""
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [events])
    data.tidy()
    with (
        override_settings(
            DATA_PLATFORM_URL=url,
            DATA_PLATFORM_BATCH=batch,
            OUTBOX_SUBSCRIPTIONS={"order.paid": ("analytics.data_platform.push",)},
        ),
        patch.object(outbox, "BATCH", claim),
        _fresh_client(in_flight),
    ):
        begun, worked = time.monotonic(), time.process_time()
        while outbox.deliver_due():
            pass
        seconds = time.monotonic() - begun
        worked = time.process_time() - worked
    came = sink.take()
    twice = len(came) - len({subject for subject, _moment in came})
    waiting = Dispatch.objects.waiting().count()
    return Sample(
        rate=events / seconds,
        python_cpu=worked * 1000 / events,
        errors=abs(events - len(came)) + twice + waiting,
    )


@contextmanager
def _fresh_client(in_flight: int) -> Iterator[None]:
    with patch.object(http, "IN_FLIGHT", in_flight):
        http._pool.cache_clear()  # noqa: SLF001 — made anew for each way
        http._threads.cache_clear()  # noqa: SLF001 — the same
        yield
    http._threads().shutdown()  # noqa: SLF001 — the same
    http._threads.cache_clear()  # noqa: SLF001 — the same
    http._pool.cache_clear()  # noqa: SLF001 — the same


def _row(
    name: str, samples: dict[str, list[Sample]], subject: str, limit: str, bar: float
) -> Row:
    return Row(
        name=name,
        subject=rate(samples[subject]),
        limit=rate(samples[limit]),
        ratio=median_ratio(samples[subject], samples[limit]),
        bar=bar,
        cpu=cpu(samples[subject]),
    )


def _lost_row(samples: list[Sample]) -> Row:
    lost = sum(sample.errors for sample in samples)
    return Row(
        name="relay: events lost or sent twice",
        subject=str(lost),
        limit="",
        ratio=lost,
        bar=0,
        at_most=True,
    )


def _latency_rows(plan: Plan, sink: Sink) -> Iterator[Row]:
    seconds = plan.seconds * plan.rounds
    with _celery(sink.url()):
        # The worker's first task loads what the others find in memory.
        _publish_at_pace(sink, 2)
        latencies = _publish_at_pace(sink, seconds)
    say(f"{len(latencies):,} events at {PER_SECOND}/s")
    for percent, bar in LATENCY_BARS.items():
        value = percentile(latencies, percent)
        yield Row(
            name=f"relay: commit to arrival at {PER_SECOND}/s, p{percent}",
            subject=f"{value:.1f} ms",
            limit=f"{bar:.0f} ms",
            ratio=value / bar,
            bar=1,
            at_most=True,
        )


def _publish_at_pace(sink: Sink, seconds: float) -> list[float]:
    """Sell steadily; return the sorted ms from commit to arrival."""
    committed: dict[str, float] = {}
    count = round(seconds * PER_SECOND)
    begun = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begun + number / PER_SECOND - time.monotonic()))
        purchase = Purchase(
            user_id=owner_of(number + 1),
            email="shopper@example.com",
            quantities=random_lines(hot=False),
            address=ADDRESS,
        )
        moments: list[float] = []
        with transaction.atomic():
            # First, for what the purchase has called after the commit takes its time.
            transaction.on_commit(partial(_note, moments))
            draft = checkout.place_and_pay(purchase)
        committed[f"order/{draft.id}"] = moments[0]
    arrived = _wait_for(sink, count)
    return sorted(
        (arrived[subject] - moment) * 1000 for subject, moment in committed.items()
    )


def _note(moments: list[float]) -> None:
    moments.append(time.monotonic())


def _wait_for(sink: Sink, count: int) -> dict[str, float]:
    arrived: dict[str, float] = {}
    deadline = time.monotonic() + WORKER_START
    while len(arrived) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {len(arrived)} of {count} events came")
        time.sleep(0.1)
        arrived |= dict(sink.take())
    return arrived


@contextmanager
def _celery(url: str) -> Iterator[None]:
    """Run a real worker and beat, as ``manage.py serve`` does."""
    environment = {
        **os.environ,
        "DATA_PLATFORM_URL": url,
        "DATA_PLATFORM_BATCH": "",
        "SHOP_PROCESS": "worker",
    }
    celery = [sys.executable, "-W", "ignore", "-m", "celery", "--app", "config"]
    commands = (
        [*celery, "--quiet", "worker", "--loglevel", "error", "--concurrency", "2"],
        [*celery, "--quiet", "beat", "--loglevel", "error", "--pidfile", ""],
    )
    processes = [subprocess.Popen(command, env=environment) for command in commands]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)
