"""Hears of refunds: the day on which money went back has to be made anew."""

from collections.abc import Sequence
from datetime import datetime

from analytics import services as analytics
from common.days import shop_day
from outbox.services import DELIVERED, Outcome, OutgoingEvent


def note(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Mark the days of refunds as dirty."""
    days = {
        shop_day(datetime.fromisoformat(event.payload["refund"]["refunded_at"]))
        for event in events
    }
    for day in sorted(days):
        analytics.mark_dirty(day)
    return [DELIVERED] * len(events)
