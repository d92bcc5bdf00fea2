"""What happens to purchases when nobody does anything."""

import time

from celery import shared_task

from checkout import following, providers
from checkout import services as checkout

# Others want the worker, too; what is left is done at the next run.
LONGEST_RUN = 45.0  # seconds


@shared_task(name="checkout.tasks.expire_overdue_orders")
def expire_overdue_orders() -> None:
    """Give back what unpaid orders held, once their time is up."""
    end = time.monotonic() + LONGEST_RUN
    while checkout.expire_overdue() and time.monotonic() < end:
        pass


@shared_task(name="checkout.tasks.ask_providers")
def ask_providers() -> int:
    """Ask providers after payments that have been silent; return how many."""
    return providers.ask_providers()


@shared_task(name="checkout.tasks.follow_parcels")
def follow_parcels() -> int:
    """Ask carriers after parcels that are under way; return how many answered."""
    return following.follow_parcels()
