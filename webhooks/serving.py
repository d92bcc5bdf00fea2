"""Serves all endpoints side by side: a slow one holds nobody up."""

import logging
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from django.db import connection

from outbox import services as outbox
from webhooks.models import PUSH

AT_ONCE = 16
# How often somebody new is looked for while others are being served, in seconds.
LOOK_EVERY = 0.5

logger = logging.getLogger(__name__)


def serve_due(*, seconds: float) -> int:
    """Send what is due, one thread per endpoint; return how many messages were tried.

    After ``seconds`` nobody new is begun with.
    """
    end = time.monotonic() + seconds
    busy: dict[str, Future[int]] = {}
    idle: set[str] = set()
    tried = 0
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhooks") as threads:
        while True:
            for name in _next(busy, idle, end):
                busy[name] = threads.submit(_serve, name)
            if not busy:
                return tried
            wait(busy.values(), timeout=LOOK_EVERY, return_when=FIRST_COMPLETED)
            for name in [name for name, future in busy.items() if future.done()]:
                number = busy.pop(name).result()
                tried += number
                # It waits for something earlier of the same order, or is left in peace.
                if not number:
                    idle.add(name)


def _next(busy: dict[str, "Future[int]"], idle: set[str], end: float) -> list[str]:
    if time.monotonic() >= end:
        return []
    return [name for name in outbox.due_apart(PUSH) if name not in {*busy, *idle}]


def _serve(name: str) -> int:
    try:
        return outbox.deliver_to(name)
    except Exception:
        # The claims of a thread that failed run out, and others take them over.
        logger.exception("cannot serve %s", name)
        return 0
    finally:
        connection.close()
