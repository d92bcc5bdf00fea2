"""What the clock does for other systems."""

from celery import shared_task
from django.core.cache import cache

from webhooks import serving

BUSY_KEY = "webhooks:busy"
# One worker at a time serves all endpoints, so that slow ones never take up the others.
LONGEST_RUN = 20.0
BUSY_SECONDS = 40


@shared_task(name="webhooks.tasks.send")
def send() -> None:
    """Send what is due to other systems, unless a worker is at it already."""
    if cache.add(BUSY_KEY, 1, BUSY_SECONDS):
        try:
            serving.serve_due(seconds=LONGEST_RUN)
        finally:
            cache.delete(BUSY_KEY)
