"""What happens to kept goods when nobody does anything."""

from celery import shared_task

from inventory import services as inventory


@shared_task(name="inventory.tasks.lapse_holds")
def lapse_holds() -> None:
    """Pass on what was kept in vain, to the next in the line or to everybody."""
    inventory.lapse_due()
    inventory.keep_overlooked()
