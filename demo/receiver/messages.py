"""What the shop may send: CloudEvents, signed as Standard Webhooks."""

import base64
import hashlib
import hmac
import json
from typing import Any

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
# A signature is good for this long, either way: clocks differ, replays come late.
TOLERANCE = 300  # seconds
REQUIRED = ("id", "source", "type", "specversion")
Event = dict[str, Any]


class Refused(Exception):
    """A request that gets another answer than 200."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the Standard Webhooks signature, "v1,<base64>"."""
    key = base64.b64decode(secret.strip().removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def check_signature(
    secret: str, headers: dict[str, str], body: bytes, *, now: float
) -> None:
    """Raise ``Refused`` unless one of the signatures is ours and fresh.

    While a secret is being replaced there can be several signatures, divided by spaces,
    and several secrets, divided by commas.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "")
    if not (message_id and given and timestamp.isascii() and timestamp.isdigit()):
        raise Refused(401, "not signed")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise Refused(401, "the signature is too old, or from the future")
    # As bytes: compare_digest refuses text that is not ASCII.
    expected = [
        signature(known, message_id, timestamp, body).encode()
        for known in secret.split(",")
    ]
    if not any(
        hmac.compare_digest(ours, one.encode())
        for ours in expected
        for one in given.split()
    ):
        raise Refused(401, "the signature is not ours")


def parse_events(content_type: str, body: bytes) -> list[Event]:
    """Return the events of a request's body; raise ``Refused`` if they are none."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in {SINGLE, BATCH}:
        raise Refused(415, f"send {SINGLE} or {BATCH}")
    try:
        data = json.loads(body)
    except ValueError:
        raise Refused(400, "the body is not JSON") from None
    events = data if media_type == BATCH else [data]
    if not isinstance(events, list) or not all(_is_event(event) for event in events):
        raise Refused(400, f"a CloudEvent has {', '.join(REQUIRED)}")
    return events


def _is_event(event: Any) -> bool:
    return isinstance(event, dict) and all(
        isinstance(event.get(name), str) and event[name] for name in REQUIRED
    )
