"""What happens to purchases when nobody does anything."""

from celery import shared_task

from checkout import providers
from checkout import services as checkout


@shared_task(name="checkout.tasks.expire_overdue_orders")
def expire_overdue_orders() -> None:
    """Give back what unpaid orders held, once their time is up."""
    checkout.expire_overdue()


@shared_task(name="checkout.tasks.ask_providers")
def ask_providers() -> int:
    """Ask providers after payments that have been silent; return how many."""
    return providers.ask_providers()
