"""Sends paid orders to the data platform: CloudEvents 1.0 over HTTP, signed.

The signature is Standard Webhooks: HMAC-SHA256 over "id.timestamp.body". The event's
id is the receiver's key to recognise a repetition.
"""

import base64
import hashlib
import hmac
import json
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
SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
SUCCESS = range(200, 300)
CLIENT_ERROR = range(400, 500)
# These may pass: time-out, conflict, too early, too many. Other 4xx will not.
PASSING = frozenset({408, 409, 425, 429})
# These speak of the platform, not of the event: too many, and what proxies say.
AWAY = frozenset({429, 502, 503, 504})


def push(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Send events and say what became of each; never raises for the network's sake.

    Once the platform turns out to be away or slow, what is left stays unsent.
    """
    if not settings.DATA_PLATFORM_URL:
        return [Outcome(error="DATA_PLATFORM_URL is not set", is_away=True)] * len(
            events
        )
    if settings.DATA_PLATFORM_BATCH:
        bodies = [cloud_event(event) for event in events]
        outcome = _post(str(events[0].id), _dump(bodies), BATCH)
        return [outcome] * len(events)
    line = _Line(until=time.monotonic() + SENDING_SECONDS)
    return list(_threads().map(lambda event: _push_one(event, line), events))


def cloud_event(event: OutgoingEvent) -> dict[str, Any]:
    """Return the event in CloudEvents' structured form."""
    return {
        "specversion": "1.0",
        "id": str(event.id),
        "source": f"/shop/{settings.SHOP_ENV}",
        "type": f"shop.{event.topic}.v1",
        "subject": event.aggregate,
        "time": event.occurred_at.isoformat(),
        "datacontenttype": "application/json",
        "sequence": str(event.sequence or ""),
        # A guest's link opens the order for whoever has it.
        "data": {key: value for key, value in event.payload.items() if key != "url"},
    }


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the ``webhook-signature`` header."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


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


def _push_one(event: OutgoingEvent, line: _Line) -> Outcome:
    if line.is_closed:
        return Outcome(error="not sent: the platform is away or slow", is_away=True)
    outcome = _post(str(event.id), _dump(cloud_event(event)), SINGLE)
    line.note(outcome)
    return outcome


def _post(message_id: str, body: bytes, content_type: str) -> Outcome:
    timestamp = int(time.time())
    headers = {
        "content-type": content_type,
        "idempotency-key": message_id,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(
            settings.DATA_PLATFORM_SECRET, message_id, timestamp, body
        ),
    }
    try:
        response = _pool().request(
            "POST",
            settings.DATA_PLATFORM_URL,
            body=body,
            headers=headers,
            # A signed order goes where the settings say, and nowhere else.
            redirect=False,
            preload_content=False,
        )
    except urllib3.exceptions.HTTPError as error:
        return Outcome(error=f"{type(error).__name__}: {error}", is_away=True)
    _drop_body(response)
    return _outcome(response.status)


def _outcome(status: int) -> Outcome:
    if status in SUCCESS:
        return DELIVERED
    is_final = status in CLIENT_ERROR and status not in PASSING
    return Outcome(error=f"HTTP {status}", is_final=is_final, is_away=status in AWAY)


def _drop_body(response: urllib3.BaseHTTPResponse) -> None:
    # One read: a short reply is here already, and nobody waits for a long one.
    with suppress(urllib3.exceptions.HTTPError, OSError):
        response.read1(BODY_BYTES)
    if response.connection is not None:
        response.close()


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


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
