"""Sends paid orders to the data platform, by the transport of the settings."""

from collections.abc import Sequence

from django.conf import settings

from analytics.transports import transport
from analytics.transports.base import failed
from outbox.services import Outcome, OutgoingEvent


def push(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Send events and say what became of each: a subscriber."""
    if not settings.DATA_PLATFORM_URL:
        return [failed("DATA_PLATFORM_URL is not set", is_away=True)] * len(events)
    return transport().send(events)
