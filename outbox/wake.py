"""Tells a worker at once that there is something to deliver.

A thread of its own does the telling: a broker that hangs must not hold up the purchase.
A wake-up may get lost, since the sweep finds the event a second later.
"""

import logging
import threading
import time
from collections.abc import Callable

from django.core.cache import cache

logger = logging.getLogger(__name__)

PENDING_KEY = "outbox:awake"
# Longer than a woken worker needs to start; shorter than anybody would notice.
PENDING_SECONDS = 2
PAUSE_AFTER_ERROR = 1.0  # seconds


class _Bell:
    """Rings for one worker, however many events ask for it meanwhile."""

    def __init__(self) -> None:
        self._is_wanted = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self.send: Callable[[], None] | None = None

    def want(self) -> None:
        self._is_wanted.set()
        # A fork leaves the thread behind, so it is started where it is needed.
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._ring_for_ever, name="outbox-wake", daemon=True
                )
                self._thread.start()

    def _ring_for_ever(self) -> None:
        while self._is_wanted.wait():
            self._is_wanted.clear()
            try:
                self._ring()
            except Exception as error:  # noqa: BLE001 — the broker is away: the sweep will do
                logger.warning("cannot wake the relay: %s", error)
                time.sleep(PAUSE_AFTER_ERROR)

    def _ring(self) -> None:
        if self.send is not None and cache.add(PENDING_KEY, 1, PENDING_SECONDS):
            self.send()


_bell = _Bell()


def send_with(send: Callable[[], None]) -> None:
    """Say how a worker is woken; the task module does, so that we know no Celery."""
    _bell.send = send


def relay() -> None:
    """Have a worker woken soon; return at once."""
    _bell.want()


def awake() -> None:
    """Say that a worker has started: later commits need a wake-up of their own."""
    cache.delete(PENDING_KEY)
