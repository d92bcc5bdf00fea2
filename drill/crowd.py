"""Many at the same moment: one function, called by threads that start together."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any, Generic, TypeVar

from django.db import connection

from common.errors import DomainError

R = TypeVar("R")

STUCK_AFTER = 120  # seconds; a stuck thread fails the race instead of hanging it
LOCK_TIMEOUT = "20s"
_own = threading.local()


@dataclass(frozen=True, slots=True)
class Tally:
    """What callers were told, and how long each of them waited for it."""

    told: dict[str, int]
    seconds: list[float]


@dataclass(frozen=True, slots=True)
class Run(Generic[R]):
    """What each call gave, by its number; an exception is a result."""

    results: list[R | Exception]
    seconds: list[float] = field(repr=False)

    @property
    def tally(self) -> Tally:
        return Tally(told(self.results), self.seconds)


def race(
    function: Callable[[int], R], *, times: int, clients: int | None = None
) -> Run[R]:
    """Call ``function(0) … function(times - 1)`` at once; collect what each gave.

    ``clients`` threads (as many as calls by default) start at the same moment and do
    their share of the calls one after another. The results are in the order of the
    numbers.
    """
    threads = min(clients or times, times)
    barrier = Barrier(threads, timeout=STUCK_AFTER)
    done: dict[int, tuple[R | Exception, float]] = {}

    def call(client: int) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            barrier.wait()
            for number in range(client, times, threads):
                done[number] = _attempt(function, number)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=threads) as pool:
        list(pool.map(call, range(threads), timeout=STUCK_AFTER))
    return Run(
        results=[done[number][0] for number in range(times)],
        seconds=[done[number][1] for number in range(times)],
    )


def run_together(
    function: Callable[[int], R], *, times: int, clients: int | None = None
) -> list[R | Exception]:
    """Do as ``race``; return the results alone."""
    return race(function, times=times, clients=clients).results


@contextmanager
def off_the_clock() -> Iterator[None]:
    """Leave out of an attempt's time what it is made to wait by the race itself."""
    started = time.perf_counter()
    try:
        yield
    finally:
        _own.waited = getattr(_own, "waited", 0.0) + time.perf_counter() - started


def told(results: Iterable[object]) -> dict[str, int]:
    """Count what callers were told: "ok", the code of a refusal, or an error's name."""
    return dict(sorted(Counter(word(result) for result in results).items()))


def word(result: object) -> str:
    """Return what one caller was told."""
    if isinstance(result, DomainError):
        return result.code
    if isinstance(result, Exception):
        return type(result).__name__
    return "ok"


def merged(tallies: Iterable[dict[str, Any]]) -> Tally:
    """Add up what several processes counted."""
    words: Counter[str] = Counter()
    seconds: list[float] = []
    for tally in tallies:
        words.update(tally["told"])
        seconds += tally["seconds"]
    return Tally(dict(sorted(words.items())), seconds)


def _attempt(function: Callable[[int], R], number: int) -> tuple[R | Exception, float]:
    _own.waited = 0.0
    started = time.perf_counter()
    result: R | Exception
    try:
        result = function(number)
    except Exception as error:  # noqa: BLE001 — whoever judges the race looks at it
        result = error
    return result, time.perf_counter() - started - _own.waited
