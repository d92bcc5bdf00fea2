"""What the events say of somebody who wants to be forgotten."""

from collections.abc import Collection
from typing import Any

import pgtrigger
from django.db.models import Q

from common.db import requires_transaction
from outbox.models import Dispatch, Event

# What people wrote, wherever in a payload. The rest are ids, goods and amounts.
WORDS = frozenset({"reason", "note", "answer"})
AT_ONCE = 500


@requires_transaction
def forget(*, aggregates: Collection[str], user_id: int, email: str) -> int:
    """Take addresses and words out of the events of a person; return of how many.

    ``aggregates`` are what the events are about, besides the person; ``email`` stands
    there from now on, which reaches nobody. Ids, numbers and amounts stay: who heard
    of an event can still tell it from others, and the stream keeps its order.
    """
    own = Q(aggregate__in=[*aggregates, f"user/{user_id}"])
    events = list(Event.objects.filter(own).order_by("pk"))
    changed = []
    for event in events:
        payload = bare(event.payload, email)
        if payload != event.payload:
            event.payload = payload
            changed.append(event)
    # The one time that an event changes.
    with pgtrigger.ignore("outbox.Event:frozen"):
        Event.objects.bulk_update(changed, ["payload"], batch_size=AT_ONCE)
    # Receivers' answers may repeat what they were sent.
    Dispatch.objects.filter(event__in=[event.pk for event in events]).update(
        last_error="", failures=[]
    )
    return len(changed)


def bare(payload: Any, email: str) -> Any:
    """Return a payload without what people wrote and where they are written to."""
    if isinstance(payload, list):
        return [bare(item, email) for item in payload]
    if not isinstance(payload, dict):
        return payload
    found = {}
    for name, value in payload.items():
        if name == "email":
            found[name] = email if value else value
        elif name in WORDS and isinstance(value, str):
            found[name] = ""
        else:
            found[name] = bare(value, email)
    return found
