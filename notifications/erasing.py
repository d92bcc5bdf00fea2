"""Forgets what somebody was told, once they have deleted their account."""

from collections.abc import Sequence

from accounts.erasing import NOBODY
from inventory.models import RestockAlert
from notifications.models import (
    Message,
    Notification,
    Preference,
    PushDevice,
    QuietHours,
)
from orders.models import Order
from outbox.models import Event
from outbox.services import DELIVERED, Outcome, OutgoingEvent


def forget(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Delete news, messages and choices of people who are gone: a subscriber."""
    for event in events:
        forget_user(event.payload["user_id"])
    return [DELIVERED] * len(events)


def forget_user(user_id: int) -> None:
    """Delete what somebody was told, also as a guest whose orders are theirs now."""
    Notification.objects.filter(user=user_id).delete()
    Message.objects.filter(user=user_id).delete()
    Preference.objects.filter(user=user_id).delete()
    QuietHours.objects.filter(user=user_id).delete()
    PushDevice.objects.filter(user=user_id).delete()
    own = Order.objects.placed_by(user_id).values_list("pk", flat=True)
    alerts = RestockAlert.objects.filter(user=None, email=NOBODY.format(pk=user_id))
    told = Event.objects.filter(
        aggregate__in=[
            *(f"order/{pk}" for pk in own),
            *(f"alert/{pk}" for pk in alerts.values_list("pk", flat=True)),
        ]
    )
    Message.objects.filter(user=None, event_id__in=told.values("pk")).delete()
