"""Forgets what somebody looked at, once they have deleted their account."""

from collections.abc import Sequence

from analytics import privacy
from outbox.services import DELIVERED, Outcome, OutgoingEvent


def forget(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Delete what people who are gone looked at and chose: a subscriber."""
    for event in events:
        privacy.forget_user(event.payload["user_id"])
    return [DELIVERED] * len(events)
