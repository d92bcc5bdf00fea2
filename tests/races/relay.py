"""A relay process of race 25: it delivers until it is killed."""

import os
import time
from contextlib import nullcontext
from datetime import timedelta

import django

django.setup()

from django.conf import settings  # noqa: E402

# Models can be imported only from here on.
from outbox import services as outbox  # noqa: E402
from tests.races import mutants  # noqa: E402

PATIENCE = outbox.Patience(
    timedelta(milliseconds=100), timedelta(milliseconds=800), 1_000
)
BATCH = 20
# Events of a topic that belong to no order, for the books know nothing of them.
SUBSCRIPTIONS = {"race.run": ["analytics.data_platform.push"]}


def main() -> None:
    """Deliver for ever."""
    settings.OUTBOX_SUBSCRIPTIONS = SUBSCRIPTIONS
    outbox.BATCH = BATCH
    outbox.PATIENCE["patient"] = PATIENCE
    outbox.AWAY_PAUSE = PATIENCE.longest
    name = os.environ.get("MUTANT", "")
    with mutants.MUTANTS[name]() if name else nullcontext():
        print('"ready"', flush=True)  # noqa: T201
        while True:
            if not outbox.deliver_due():
                time.sleep(0.02)


if __name__ == "__main__":
    main()
