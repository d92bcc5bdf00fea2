"""Runs one function many times at the same moment, in threads or in processes."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from common.errors import DomainError

R = TypeVar("R")

STUCK_AFTER = 120  # seconds; a stuck thread fails the test instead of hanging the run
LOCK_TIMEOUT = "20s"


def run_together(
    function: Callable[[int], R], *, times: int, clients: int | None = None
) -> list[R | Exception]:
    """Call ``function(0) … function(times - 1)`` at once; collect what each gave.

    ``clients`` threads (as many as calls by default) start at the same moment and do
    their share of the calls one after another. The results are in the order of the
    numbers; an exception is a result.
    """
    threads = clients or times
    barrier = Barrier(threads, timeout=STUCK_AFTER)
    results: dict[int, R | Exception] = {}

    def call(client: int) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            barrier.wait()
            for number in range(client, times, threads):
                results[number] = _attempt(function, number)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=threads) as pool:
        list(pool.map(call, range(threads), timeout=STUCK_AFTER))
    return [results[number] for number in range(times)]


def _attempt(function: Callable[[int], R], number: int) -> R | Exception:
    try:
        return function(number)
    except Exception as error:  # noqa: BLE001 — the test asserts on it
        return error


def told(results: Iterable[object]) -> dict[str, int]:
    """Count what callers were told: "ok", the code of a refusal, or an error's name."""
    return dict(sorted(Counter(_word(result) for result in results).items()))


def _word(result: object) -> str:
    if isinstance(result, DomainError):
        return result.code
    if isinstance(result, Exception):
        return type(result).__name__
    return "ok"


def run_in_processes(
    function: Callable[..., object],
    *,
    times: int,
    clients: int,
    processes: int = 2,
    mutant: str = "",
    **arguments: Any,
) -> dict[str, int]:
    """Do as ``run_together`` with the calls shared out between server processes.

    ``function`` is one of a module, and takes a number and JSON-able ``arguments``.
    Every process has ``clients`` threads; they wait for each other before the start.
    Returns the sum of what each ``told``.
    """
    order = {
        "function": f"{function.__module__}:{function.__qualname__}",
        "arguments": arguments,
        "mutant": mutant,
        "clients": clients,
    }
    racers = [start_process("tests.racer") for _ in range(processes)]
    try:
        for place, racer in enumerate(racers):
            tell(racer, {**order, "numbers": list(range(place, times, processes))})
        for racer in racers:
            hear(racer)  # ready
        for racer in racers:
            tell(racer, {})  # go
        heard = [Counter(hear(racer)) for racer in racers]
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()
    return dict(sorted(sum(heard, Counter[str]()).items()))


def start_process(module: str, **environment: str) -> subprocess.Popen[str]:
    """Start a Python process that works on the test database."""
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=settings.BASE_DIR,
        env={**process_environment(), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def process_environment() -> dict[str, str]:
    """Return the environment by which another process finds the test database."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings_test",
        "DATABASE_URL": _database_url(),
    }


def tell(process: subprocess.Popen[str], message: Any) -> None:
    """Send one JSON line."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> Any:
    """Receive one JSON line; the process's own complaints are on its stderr."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def _database_url() -> str:
    here = connection.settings_dict
    address = f"host={quote(here['HOST'])}"
    if here["PORT"]:
        address += f"&port={here['PORT']}"
    account = f"{quote(here['USER'])}:{quote(here['PASSWORD'])}"
    return f"postgresql://{account}@/{here['NAME']}?{address}"
