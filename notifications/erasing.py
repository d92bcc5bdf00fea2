"""Forgets what somebody was told, once they have deleted their account."""

from collections.abc import Sequence

from notifications.models import (
    Message,
    Notification,
    Preference,
    PushDevice,
    QuietHours,
)
from outbox.services import DELIVERED, Outcome, OutgoingEvent


def forget(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Delete news, messages and choices of people who are gone: a subscriber."""
    gone = [event.payload["user_id"] for event in events]
    Notification.objects.filter(user__in=gone).delete()
    Message.objects.filter(user__in=gone).delete()
    Preference.objects.filter(user__in=gone).delete()
    QuietHours.objects.filter(user__in=gone).delete()
    PushDevice.objects.filter(user__in=gone).delete()
    return [DELIVERED] * len(events)
