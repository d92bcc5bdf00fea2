"""What a transport is, and what all of them send: signed CloudEvents 1.0.

Everywhere the body is the event in CloudEvents' structured form, the same bytes. The
signature is Standard Webhooks: HMAC-SHA256 over "id.timestamp.body", and the event's id
is the receiver's key to recognise a repetition. Brokers carry both as headers.
"""

import json
from collections.abc import Sequence
from typing import Any, Protocol

from django.conf import settings

from common import signing
from common.signing import sign as sign
from outbox.services import Outcome, OutgoingEvent

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
# What is no header of its own.
BODY_ONLY = frozenset({"data", "datacontenttype"})


class Transport(Protocol):
    """One way to the platform, made of ``DATA_PLATFORM_URL`` and ``…_TOPIC``."""

    def __init__(self, url: str, topic: str) -> None: ...

    def send(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        """Send events; say what became of each. Never raise for the network's sake.

        It takes less than the outbox's lease, whatever the other side does.
        """
        ...


def failed(error: object, *, is_final: bool = False, is_away: bool = False) -> Outcome:
    """Return the outcome of an event that did not get through."""
    text = f"{type(error).__name__}: {error}" if isinstance(error, Exception) else error
    return Outcome(
        error=str(text), is_final=is_final, is_away=is_away, patience="patient"
    )


def unsent(why: str) -> Outcome:
    """Return the outcome of an event whose turn did not come."""
    return Outcome(error=f"not sent: {why}", is_away=True, is_untried=True)


def event_type(topic: str) -> str:
    """Return the CloudEvents type of a topic of the outbox."""
    return f"shop.{topic}.v1"


def cloud_event(event: OutgoingEvent) -> dict[str, Any]:
    """Return the event in CloudEvents' structured form."""
    kind = event_type(event.topic)
    return {
        "specversion": "1.0",
        "id": str(event.id),
        "source": f"/shop/{settings.SHOP_ENV}",
        "type": kind,
        "subject": event.aggregate,
        "time": event.occurred_at.isoformat(),
        "datacontenttype": "application/json",
        "dataschema": f"{settings.SHOP_BASE_URL}/api/v1/stream/schemas/{kind}",
        "sequence": str(event.sequence or ""),
        # A guest's link opens the order for whoever has it.
        "data": {key: value for key, value in event.payload.items() if key != "url"},
    }


def dump(value: Any) -> bytes:
    """Return the bytes that are sent, and signed."""
    return json.dumps(value, separators=(",", ":")).encode()


def secrets() -> list[str]:
    """Return the secrets that sign: two, divided by a comma, while one is replaced."""
    return [part for part in settings.DATA_PLATFORM_SECRET.split(",") if part.strip()]


def signed_headers(message_id: str, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks, with a signature of each secret."""
    return signing.signed_headers(message_id, body, secrets())


def broker_headers(event: dict[str, Any], body: bytes, prefix: str) -> dict[str, str]:
    """Return the event's attributes and signature, to route and check without parsing.

    ``prefix`` is what the broker's users know them by: ``ce-`` or ``ce_``.
    """
    attributes = {
        f"{prefix}{name}": str(value)
        for name, value in event.items()
        if name not in BODY_ONLY
    }
    return attributes | signed_headers(event["id"], body)
