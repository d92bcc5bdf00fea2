"""Ends the wait for a database that has fallen silent.

A frozen server (a hung disk, a paused machine) keeps its connections open and says
nothing: its own time-outs freeze with it, and the network sees nothing wrong. So after
a while the connection is cut at this end, which fails the statement.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Error

TICK = 0.25  # seconds


@dataclass
class Watchdog:
    """Cuts the database connections of what takes too long."""

    # What is going on, by an arbitrary key: since when, on which Django connection.
    _running: dict[object, tuple[float, BaseDatabaseWrapper]] = field(
        default_factory=dict
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    @contextmanager
    def watch(
        self, connection: BaseDatabaseWrapper, *, seconds: float
    ) -> Iterator[None]:
        """Cut ``connection`` should the block take longer than this.

        It is the thread's own, from ``connections``: in the watchdog's thread the proxy
        ``django.db.connection`` would be another.
        """
        key = object()
        with self._lock:
            self._running[key] = (time.monotonic() + seconds, connection)
            # A fork leaves the thread behind, so it is started where it is needed.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._patrol, name="deadline", daemon=True
                )
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._running[key]

    def _patrol(self) -> None:
        while True:
            time.sleep(TICK)
            now = time.monotonic()
            # Under the lock: what has ended meanwhile must not lose its successor's.
            with self._lock:
                for until, connection in self._running.values():
                    if until < now:
                        _cut(connection)


def _cut(connection: BaseDatabaseWrapper) -> None:
    raw: Any = connection.connection
    with (
        suppress(AttributeError, OSError, Error),
        socket.socket(fileno=os.dup(raw.fileno())) as wire,
    ):
        wire.shutdown(socket.SHUT_RDWR)


watchdog = Watchdog()
