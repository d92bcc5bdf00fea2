"""The rollup, by the clock."""

from celery import shared_task

from analytics import services as analytics


@shared_task(name="analytics.tasks.roll_up_fresh_days")
def roll_up_fresh_days() -> None:
    """Keep today's sales fresh and make dirty days anew."""
    analytics.roll_up_fresh_days()
