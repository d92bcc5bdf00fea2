"""Clients: threads in a few processes, each with a connection of its own.

A job names a function by its path, since the processes are fresh ones; it is called
once per client and returns the operation to repeat. An operation returns what became
of it: "" if it went well, the name of the refusal otherwise, ``None`` to stop early.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Self

from benchmarks.measure import Sample, percentile, postgres_seconds

PROCESSES = 2
WARM_UP = 0.7  # seconds
Operation = Callable[[], str | None]
# When it ended, how long it took (seconds), what became of it.
Record = tuple[float, float, str]


@dataclass(frozen=True)
class Client:
    """Which of how many clients, and what the job was told."""

    index: int
    clients: int
    params: dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What to do, by how many clients, for how long (``None``: until all stop)."""

    target: str
    clients: int
    seconds: float | None
    params: dict[str, Any] = field(default_factory=dict)


@dataclass
class Result:
    """What the clients of one process, or of all, have done."""

    records: list[Record] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    cpu: float = 0.0


class Crew:
    """Processes that wait for jobs; keep one crew for several jobs."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes = []
        self._processes = []
        for place in range(PROCESSES):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, place), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join(10)

    def run(self, job: Job) -> tuple[Sample, Result]:
        """Run a job to its end; errors are counted and the first one is kept."""
        for pipe in self._pipes:
            pipe.send(job)
        for pipe in self._pipes:
            pipe.recv()  # ready
        start = time.monotonic() + 0.05
        for pipe in self._pipes:
            pipe.send(start)
        before, after = self._postgres(job, start)
        results: list[Result] = [pipe.recv() for pipe in self._pipes]
        if job.seconds is None:
            after = postgres_seconds()
        total = Result(
            records=sorted(record for one in results for record in one.records),
            errors=[error for one in results for error in one.errors],
            cpu=sum(one.cpu for one in results),
        )
        spent = None if before is None or after is None else after - before
        return _sample(total, start, job, spent), total

    def _postgres(self, job: Job, start: float) -> tuple[float | None, float | None]:
        """Read PostgreSQL's clock when the measured time begins and ends."""
        if job.seconds is None:
            return postgres_seconds(), None
        _sleep_until(start + WARM_UP)
        before = postgres_seconds()
        _sleep_until(start + WARM_UP + job.seconds)
        return before, postgres_seconds()


def _sample(result: Result, start: float, job: Job, postgres: float | None) -> Sample:
    records = result.records
    seconds = job.seconds
    if seconds is None:
        seconds = max((end for end, *_ in records), default=start) - start
    else:
        begin = start + WARM_UP
        records = [one for one in records if begin <= one[0] < begin + seconds]
    done = sorted(took for _end, took, label in records if not label)
    refused: dict[str, int] = {}
    for _end, _took, label in records:
        if label:
            refused[label] = refused.get(label, 0) + 1
    per = 1000 / max(len(done), 1)
    return Sample(
        rate=len(done) / seconds,
        p50=percentile(done, 50) * 1000,
        p99=percentile(done, 99) * 1000,
        python_cpu=result.cpu * per,
        postgres_cpu=None if postgres is None else postgres * per,
        errors=len(result.errors),
        refused=refused,
    )


def _serve(pipe: "Connection[Any, Any]", place: int) -> None:
    import django  # noqa: PLC0415 — this process has not loaded it yet

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    django.setup()
    while (job := pipe.recv()) is not None:
        _run(pipe, job, place)


def _run(pipe: "Connection[Any, Any]", job: Job, place: int) -> None:
    result = Result()
    indexes = range(place, job.clients, PROCESSES)
    ready = threading.Barrier(len(indexes) + 1)
    starts: list[float] = []
    go = threading.Event()
    threads = [
        threading.Thread(target=_client, args=(job, index, ready, go, starts, result))
        for index in indexes
    ]
    for thread in threads:
        thread.start()
    ready.wait()
    pipe.send("ready")
    starts.append(pipe.recv())
    go.set()
    result.cpu = _own_cpu(job, starts[0], threads)
    pipe.send(result)


def _own_cpu(job: Job, start: float, threads: Sequence[threading.Thread]) -> float:
    """Wait for the threads; return the CPU seconds of the measured time."""
    if job.seconds is None:
        begun = time.process_time()
    else:
        _sleep_until(start + WARM_UP)
        begun = time.process_time()
        _sleep_until(start + WARM_UP + job.seconds)
    spent = time.process_time() - begun
    for thread in threads:
        thread.join()
    return time.process_time() - begun if job.seconds is None else spent


def _client(
    job: Job,
    index: int,
    ready: threading.Barrier,
    go: threading.Event,
    starts: Sequence[float],
    result: Result,
) -> None:
    # Django may be imported only once this process has set it up.
    from django.db import connection  # noqa: PLC0415
    from django.utils.module_loading import import_string  # noqa: PLC0415

    operation: Operation = import_string(job.target)(
        Client(index=index, clients=job.clients, params=job.params)
    )
    connection.ensure_connection()
    ready.wait()
    go.wait()
    _sleep_until(starts[0])
    end = None if job.seconds is None else starts[0] + WARM_UP + job.seconds + 0.1
    try:
        _repeat(operation, end, result)
    finally:
        connection.close()


def _repeat(operation: Operation, end: float | None, result: Result) -> None:
    records: list[Record] = []
    begun = time.monotonic()
    while end is None or begun < end:
        try:
            label = operation()
        except Exception as error:  # noqa: BLE001 — counted and shown, whatever it is
            result.errors.append(f"{type(error).__name__}: {error}")
            label = "error"
        if label is None:
            break
        now = time.monotonic()
        records.append((now, now - begun, label))
        begun = now
    result.records.extend(records)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
