"""Who is told of what, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet

from outbox.models import Dispatch
from webhooks.errors import DeliveryNotFound, EndpointNotFound
from webhooks.models import PUSH, Endpoint
from webhooks.topics import chosen


@dataclass(frozen=True, slots=True)
class Standing:
    """What an endpoint has not got: on its way, given up, since when the oldest."""

    waiting: int = 0
    dead: int = 0
    oldest: datetime | None = None


def subscriptions() -> list[tuple[str, str]]:
    """Return topic and subscriber of each endpoint that is switched on."""
    return [
        (topic, endpoint.subscriber)
        for endpoint in Endpoint.objects.enabled().only("topics")
        for topic in chosen(endpoint.topics)
    ]


def endpoint_of(endpoint_id: int) -> Endpoint:
    """Return an endpoint; raise ``EndpointNotFound``."""
    endpoint = Endpoint.objects.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise EndpointNotFound
    return endpoint


def deliveries(endpoint: Endpoint) -> QuerySet[Dispatch]:
    """Return what was, is or was to be sent to an endpoint, the newest first."""
    own = Dispatch.objects.filter(subscriber=endpoint.subscriber)
    return own.select_related("event").order_by("-id")


def standings(endpoints: Sequence[Endpoint]) -> dict[str, Standing]:
    """Return by subscriber what has not got there; nothing of who has it all."""
    names = [endpoint.subscriber for endpoint in endpoints]
    # Each half has an index of its own.
    open_ones = (Dispatch.objects.waiting() | Dispatch.objects.dead()).filter(
        subscriber__in=names
    )
    waiting = Q(dead_at__isnull=True)
    rows = open_ones.values("subscriber").annotate(
        waiting=Count("pk", filter=waiting),
        dead=Count("pk", filter=~waiting),
        oldest=Min("event__occurred_at", filter=waiting),
    )
    return {
        row["subscriber"]: Standing(row["waiting"], row["dead"], row["oldest"])
        for row in rows
    }


def delivery_of(delivery_id: int) -> tuple[Dispatch, Endpoint]:
    """Return a delivery and whom it is for; raise ``DeliveryNotFound``."""
    found = Dispatch.objects.select_related("event").filter(
        pk=delivery_id, subscriber__startswith=f"{PUSH}#"
    )
    dispatch = found.first()
    if dispatch is None:
        raise DeliveryNotFound
    return dispatch, endpoint_of(int(dispatch.subscriber.partition("#")[2]))
