"""Facts to be told, and the relay that tells them."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from outbox import services as outbox
from outbox.models import Dispatch
from webhooks.models import PUSH, Endpoint


def happen(
    topic: str = "order.paid", aggregate: str = "order/1", **payload: Any
) -> None:
    """Let something happen in the shop; nobody is told yet."""
    with transaction.atomic():
        outbox.publish(topic=topic, aggregate=aggregate, payload=payload)
    outbox.address()


def tell(endpoint: Endpoint) -> None:
    """Send an endpoint what is due."""
    while outbox.deliver_to(endpoint.subscriber):
        pass


def let_time_pass(**time: float) -> None:
    """Make everything that waits wait that much less, and nobody be left in peace."""
    outbox.breaker.forget()
    Dispatch.objects.waiting().update(
        next_attempt_at=F("next_attempt_at") - timedelta(**time)
    )


def for_endpoints() -> list[Dispatch]:
    """Return what is, or was, on its way to endpoints."""
    found = Dispatch.objects.filter(subscriber__startswith=PUSH)
    return list(found.order_by("pk"))
