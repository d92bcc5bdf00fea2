"""The relay: a worker that empties the outbox."""

import time

from celery import shared_task

from outbox import services as outbox
from outbox import wake

# A worker leaves after a while, so that a stream of events cannot keep it for ever.
LONGEST_RUN = 20.0  # seconds


@shared_task(name="outbox.tasks.relay")
def relay() -> None:
    """Deliver what is due until nothing is."""
    # First: an event committed after this line wakes another worker.
    wake.awake()
    end = time.monotonic() + LONGEST_RUN
    while outbox.deliver_due() and time.monotonic() < end:
        pass


def _send() -> None:
    relay.apply_async(expires=5)


wake.send_with(_send)
