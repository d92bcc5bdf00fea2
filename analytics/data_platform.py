"""Sends paid orders to the data platform: CloudEvents 1.0 over HTTP, signed.

The signature is Standard Webhooks: HMAC-SHA256 over "id.timestamp.body". The event's
id is the receiver's key to recognise a repetition.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import urllib3
from django.conf import settings

from outbox.services import DELIVERED, Outcome, OutgoingEvent

CONNECT_SECONDS = 3
TOTAL_SECONDS = 10
IN_FLIGHT = 16
SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
# These may pass: time-out, conflict, too early, too many. Other 4xx will not.
SUCCESS, CLIENT_ERROR = 2, 4  # hundreds
PASSING = frozenset({408, 409, 425, 429})


def push(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Send events and say what became of each; never raises for the network's sake."""
    if not settings.DATA_PLATFORM_URL:
        return [Outcome(error="DATA_PLATFORM_URL is not set")] * len(events)
    if settings.DATA_PLATFORM_BATCH:
        bodies = [cloud_event(event) for event in events]
        outcome = _post(str(events[0].id), _dump(bodies), BATCH)
        return [outcome] * len(events)
    return list(_threads().map(_push_one, events))


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
        "data": event.payload,
    }


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the ``webhook-signature`` header."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _push_one(event: OutgoingEvent) -> Outcome:
    return _post(str(event.id), _dump(cloud_event(event)), SINGLE)


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
            "POST", settings.DATA_PLATFORM_URL, body=body, headers=headers
        )
    except urllib3.exceptions.HTTPError as error:
        return Outcome(error=f"{type(error).__name__}: {error}")
    kind = response.status // 100
    if kind == SUCCESS:
        return DELIVERED
    is_final = kind == CLIENT_ERROR and response.status not in PASSING
    return Outcome(error=f"HTTP {response.status}", is_final=is_final)


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(
        maxsize=IN_FLIGHT,
        retries=False,  # the outbox retries, and it remembers
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, total=TOTAL_SECONDS),
    )


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=IN_FLIGHT, thread_name_prefix="push")
