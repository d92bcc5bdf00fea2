"""A worker that delivers events until it is killed."""

import time
from datetime import timedelta

import django

django.setup()

from django.conf import settings  # noqa: E402

# Models can be imported only from here on.
from drill import processes  # noqa: E402
from outbox import services as outbox  # noqa: E402

PATIENCE = outbox.Patience(
    timedelta(milliseconds=100), timedelta(milliseconds=800), 1_000
)


def main() -> None:
    """Deliver for ever, as one is told to."""
    processes.listen()
    order = processes.receive()
    settings.DATA_PLATFORM_URL = order["platform"]
    settings.OUTBOX_SUBSCRIPTIONS = order["subscriptions"]
    settings.OUTBOX_LEASE_SECONDS = order["lease"]
    outbox.BATCH = order["batch"]
    outbox.PATIENCE["patient"] = PATIENCE
    outbox.AWAY_PAUSE = PATIENCE.longest
    processes.say("ready")
    while True:
        if not outbox.deliver_due():
            time.sleep(0.02)


if __name__ == "__main__":
    main()
