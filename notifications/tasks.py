"""What the outbox and the clock start."""

import logging
import time
from collections.abc import Sequence

from celery import shared_task

from notifications import sending
from notifications import services as notifications
from notifications.models import Channel
from outbox.services import Outcome, OutgoingEvent

WAKE_UP_SECONDS = 10
# Others want the worker, too; the clock sends the next one.
LONGEST_RUN = 20.0  # seconds

logger = logging.getLogger(__name__)


def tell(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Write down who is told what, then have it sent at once: a subscriber."""
    outcomes = notifications.tell(events)
    try:
        for channel in Channel:
            send_messages.apply_async((channel.value,), expires=WAKE_UP_SECONDS)
    except Exception as error:  # noqa: BLE001 — the broker is away: the clock will do
        logger.warning("cannot wake the senders: %s", error)
    return outcomes


@shared_task(name="notifications.tasks.send_messages")
def send_messages(channel: str) -> None:
    """Send what is due by one channel until nothing is, or nothing goes."""
    end = time.monotonic() + LONGEST_RUN
    while sending.send_due(channel) == sending.BATCH and time.monotonic() < end:
        pass
