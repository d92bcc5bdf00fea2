"""HTTP: one signed POST per event, or one per batch where the platform takes those."""

import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import urllib3
from django.conf import settings
from urllib3 import connection, connectionpool

from analytics.transports.base import (
    BATCH,
    SINGLE,
    cloud_event,
    dump,
    failed,
    signed_headers,
    unsent,
)
from outbox.services import DELIVERED, Outcome, OutgoingEvent

CONNECT_SECONDS = 3
# From the first byte sent to the end of the reply's headers, however slowly they drip.
REPLY_SECONDS = 10
# Of the reply's body, so that the connection can be used again; nobody needs it.
BODY_BYTES = 64 * 1024
IN_FLIGHT = 16
# One miss may be chance; after these the rest of a batch is not even sent.
MISSES_IN_A_ROW = 3
# Nor is what had to wait that long for its turn: together with the last reply it stays
# within the outbox's lease, or another worker would send it, too.
SENDING_SECONDS = 10
SUCCESS = range(200, 300)
CLIENT_ERROR = range(400, 500)
# These may pass: time-out, conflict, too early, too many. Other 4xx will not.
PASSING = frozenset({408, 409, 425, 429})
# These speak of the platform, not of the event: too many, and what proxies say.
AWAY = frozenset({429, 502, 503, 504})


class Http:
    """Posts to ``DATA_PLATFORM_URL``."""

    def __init__(self, url: str, topic: str) -> None:  # noqa: ARG002 — as all of them
        self._url = url

    def send(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        """Send events; once the platform is away or slow, what is left stays unsent."""
        if settings.DATA_PLATFORM_BATCH:
            body = dump([cloud_event(event) for event in events])
            return [self._post(str(events[0].id), body, BATCH)] * len(events)
        line = _Line(until=time.monotonic() + SENDING_SECONDS)
        return list(_threads().map(lambda event: self._send_one(event, line), events))

    def _send_one(self, event: OutgoingEvent, line: "_Line") -> Outcome:
        if line.is_closed:
            return unsent("the platform is away or slow")
        outcome = self._post(str(event.id), dump(cloud_event(event)), SINGLE)
        line.note(outcome)
        return outcome

    def _post(self, message_id: str, body: bytes, content_type: str) -> Outcome:
        headers = {"content-type": content_type, "idempotency-key": message_id}
        try:
            response = _pool().request(
                "POST",
                self._url,
                body=body,
                headers=headers | signed_headers(message_id, body),
                # A signed order goes where the settings say, and nowhere else.
                redirect=False,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            return failed(error, is_away=True)
        _drop_body(response)
        return _outcome(response.status)


@dataclass
class _Line:
    """How one batch gets through to the platform."""

    until: float
    misses: int = 0  # in a row

    @property
    def is_closed(self) -> bool:
        return self.misses >= MISSES_IN_A_ROW or time.monotonic() > self.until

    def note(self, outcome: Outcome) -> None:
        self.misses = self.misses + 1 if outcome.is_away else 0


def _outcome(status: int) -> Outcome:
    if status in SUCCESS:
        return DELIVERED
    is_final = status in CLIENT_ERROR and status not in PASSING
    return failed(f"HTTP {status}", is_final=is_final, is_away=status in AWAY)


def _drop_body(response: urllib3.BaseHTTPResponse) -> None:
    # One read: a short reply is here already, and nobody waits for a long one.
    with suppress(urllib3.exceptions.HTTPError, OSError):
        response.read1(BODY_BYTES)
    if response.connection is not None:
        response.close()


class _Deadline:
    """Ends the wait for a reply; a socket's own time-out begins anew with each byte."""

    sock: socket.socket | None

    def getresponse(self) -> Any:
        watchdog = threading.Timer(REPLY_SECONDS, self._cut)
        watchdog.start()
        try:
            return super().getresponse()  # type: ignore[misc]
        finally:
            watchdog.cancel()

    def _cut(self) -> None:
        with suppress(OSError):
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)


class _Connection(_Deadline, connection.HTTPConnection):
    pass


class _TLSConnection(_Deadline, connection.HTTPSConnection):
    pass


class _Connections(connectionpool.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSConnections(connectionpool.HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


@cache
def _pool() -> urllib3.PoolManager:
    pool = urllib3.PoolManager(
        maxsize=IN_FLIGHT,
        retries=False,  # the outbox retries, and it remembers
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=REPLY_SECONDS),
    )
    pool.pool_classes_by_scheme = {"http": _Connections, "https": _TLSConnections}
    return pool


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=IN_FLIGHT, thread_name_prefix="push")
