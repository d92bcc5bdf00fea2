"""A relay process that kills itself at one exact point; another takes over from it.

Run by the tests: ``relay("")`` is a relay that nothing happens to.
"""

import http.client
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from outbox import services as outbox

PUSH = "analytics.data_platform.push"
TOPICS = ("order.paid", "order.cancelled")
LONGEST_LIFE = 60  # seconds


def relay(point: str, gate: str) -> None:
    """Wait for a file; then deliver until something happens at ``point``."""
    settings.OUTBOX_SUBSCRIPTIONS = {
        **dict.fromkeys(settings.OUTBOX_SUBSCRIPTIONS, ()),
        **dict.fromkeys(TOPICS, (PUSH,)),
    }
    connection.ensure_connection()
    if point:
        POINTS[point]()
    end = time.monotonic() + LONGEST_LIFE
    while not Path(gate).exists() and time.monotonic() < end:
        time.sleep(0.02)
    while time.monotonic() < end:
        if not outbox.deliver_due():
            time.sleep(0.02)


def _die(*_args: Any, **_kwargs: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _after_claiming() -> None:
    outbox._call = _die


def _while_sending() -> None:
    """Put half of a request on the wire."""
    send: Callable[..., None] = http.client.HTTPConnection.send

    def send_half(self: http.client.HTTPConnection, data: Any) -> None:
        if b"specversion" in bytes(data):
            send(self, bytes(data)[: len(data) // 2])
            time.sleep(0.1)  # it is over there, then
            _die()
        send(self, data)

    http.client.HTTPConnection.send = send_half  # type: ignore[method-assign]


def _while_waiting() -> None:
    """Do nothing: the receiver has it and is late, and the test kills us."""


def _before_settling() -> None:
    outbox._settle = _die


def _die_after(words: str) -> None:
    """Die once a statement was carried out, with its transaction open."""

    def wrapper(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if words in sql:
            _die()
        return result

    connection.execute_wrappers.append(wrapper)


POINTS: dict[str, Callable[[], None]] = {
    "after claiming, before sending": _after_claiming,
    "while sending": _while_sending,
    "after the receiver stored it, before the reply": _while_waiting,
    "after the reply, before settling": _before_settling,
    "in the middle of settling": lambda: _die_after('"delivered_at" = '),
    "while stamping": lambda: _die_after("SET sequence = "),
}
