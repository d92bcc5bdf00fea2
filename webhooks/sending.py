"""Sends events to other systems' addresses, signed as Standard Webhooks.

The outbox calls once per endpoint, tries again what failed and gives up after days.
What it sends again has the same ``webhook-id``, by which receivers know repetitions.
"""

import time
from collections.abc import Sequence
from typing import Any

import orjson

from common import http, signing
from outbox.services import DELIVERED, Outcome, OutgoingEvent
from webhooks import services as webhooks
from webhooks.models import Endpoint

# For one message, from looking its address up to the end of the answer.
SECONDS = 8.0
# After this the rest of a batch waits for the next: together with the last message it
# stays within the outbox's lease, or another worker would send it, too.
SENDING_SECONDS = 10.0
GONE = 410
USER_AGENT = "Dojang-Webhooks/1"
OFF = Outcome(error="the endpoint is switched off", is_final=True)
UNTRIED = Outcome(error="not sent: one before it failed", is_untried=True)


def push(endpoint_id: str, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Send events to an endpoint, one by one: a subscriber.

    The first that fails ends the batch: what is left is not held against it.
    """
    endpoint = Endpoint.objects.filter(pk=int(endpoint_id)).first()
    if endpoint is None or not endpoint.is_enabled:
        return [OFF] * len(events)
    until = time.monotonic() + SENDING_SECONDS
    outcomes: list[Outcome] = []
    for event in events:
        is_over = time.monotonic() > until
        if outcomes and (is_over or not outcomes[-1].is_delivered):
            outcomes.append(UNTRIED)
        else:
            outcomes.append(_send(endpoint, event))
    return outcomes


def message(event: OutgoingEvent) -> dict[str, Any]:
    """Return what is sent of an event."""
    return {
        "id": str(event.id),
        "type": event.topic,
        "timestamp": event.occurred_at.isoformat(),
        # A guest's link opens the order for whoever has it.
        "data": {key: value for key, value in event.payload.items() if key != "url"},
    }


def _send(endpoint: Endpoint, event: OutgoingEvent) -> Outcome:
    body = orjson.dumps(message(event))
    signed = signing.signed_headers(str(event.id), body, endpoint.signers())
    headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT, **signed}
    try:
        http.post_to_stranger(endpoint.url, headers=headers, data=body, seconds=SECONDS)
    except http.Refused as error:
        if error.status == GONE:
            webhooks.disable(endpoint_id=endpoint.pk, because="it answered 410 Gone")
        return _failed(error, is_final=error.status == GONE)
    except http.Away as error:
        return _failed(error, is_final=False)
    return DELIVERED


def _failed(error: Exception, *, is_final: bool) -> Outcome:
    # Never "away": that is for systems which we wait for without end.
    return Outcome(error=str(error), is_final=is_final, patience="patient")
