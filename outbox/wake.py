"""Tells a worker at once that there is something to deliver.

A wake-up may get lost: the sweep finds the event a second later. So nothing here may
hold up or break the purchase that calls it.
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
PAUSE_AFTER_ERROR = 5.0  # seconds

_state = threading.local()
_send: Callable[[], None] | None = None


def send_with(send: Callable[[], None]) -> None:
    """Say how a worker is woken; the task module does, so that we know no Celery."""
    global _send  # noqa: PLW0603 — wiring, once at start
    _send = send


def relay() -> None:
    """Wake a worker, unless one has just been woken and has not started yet."""
    if _send is None or time.monotonic() < getattr(_state, "ignored_until", 0.0):
        return
    try:
        if cache.add(PENDING_KEY, 1, PENDING_SECONDS):
            _send()
    except Exception as error:  # noqa: BLE001 — the broker is away: the sweep will do
        _state.ignored_until = time.monotonic() + PAUSE_AFTER_ERROR
        logger.warning("cannot wake the relay: %s", error)


def awake() -> None:
    """Say that a worker has started: later commits need a wake-up of their own."""
    cache.delete(PENDING_KEY)
