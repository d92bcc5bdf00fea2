"""What becomes of promotions by the clock."""

from celery import shared_task

from promotions import services as promotions


@shared_task(name="promotions.tasks.announce_started")
def announce_started() -> None:
    """Tell of the promotions that have started since the last look."""
    promotions.announce_started()
