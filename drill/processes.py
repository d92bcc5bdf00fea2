"""Races between processes, each with connections and memory of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.conf import settings
from django.db import connection

from drill.crowd import Tally, merged

RACER = "drill.racer"
_staying: list[list[subprocess.Popen[str]]] = []


def race_in_processes(
    function: Callable[..., object],
    *,
    times: int,
    clients: int,
    processes: int = 2,
    racer: str = RACER,
    **arguments: Any,
) -> Tally:
    """Do as ``race`` with the calls shared out between processes.

    ``function`` is one of a module, and takes a number and JSON-able ``arguments``.
    Every process has ``clients`` threads; they wait for each other before the start.
    """
    order = {
        "function": f"{function.__module__}:{function.__qualname__}",
        "arguments": arguments,
        "clients": clients,
    }
    with _racers(racer, processes) as racers:
        for place, process in enumerate(racers):
            tell(process, {**order, "numbers": list(range(place, times, processes))})
        for process in racers:
            hear(process)  # ready
        for process in racers:
            tell(process, {})  # go
        return merged([hear(process) for process in racers])


@contextmanager
def staying() -> Iterator[None]:
    """Let the processes of a race stay for the next; to start one takes seconds."""
    _staying.append([])
    try:
        yield
    finally:
        end(_staying.pop())


@contextmanager
def _racers(module: str, number: int) -> Iterator[list[subprocess.Popen[str]]]:
    with nullcontext() if _staying else staying():
        racers = _staying[-1]
        try:
            while len(racers) < number:
                racers.append(start_process(module))
            yield racers[:number]
        except BaseException:
            # Who knows what they are waiting for.
            end(racers)
            racers.clear()
            raise


def start_process(module: str, **environment: str) -> subprocess.Popen[str]:
    """Start a Python module that works on this process's database.

    It has to begin with ``listen``.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=settings.BASE_DIR,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    tell(process, {"database": connection.settings_dict["NAME"]})
    return process


def end(processes: list[subprocess.Popen[str]]) -> None:
    """Take processes away at once."""
    for process in processes:
        process.kill()
        process.communicate()


def tell(process: subprocess.Popen[str], message: Any) -> None:
    """Send one JSON line."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> Any:
    """Receive one JSON line; the process's own complaints are on its stderr."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def listen() -> None:
    """Turn, as one of those processes, to the database of who started it."""
    use(receive()["database"])


def receive() -> Any:
    """Receive, as one of those processes, one JSON line; ``None`` after the last."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def say(message: Any) -> None:
    """Send, as one of those processes, one JSON line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def use(name: str) -> None:
    """Work, from here on and in all threads, on another database of the server."""
    connection.close()
    connection.settings_dict["NAME"] = name
