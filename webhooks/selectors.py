"""Who is told of what, and what became of it."""

from django.db.models import QuerySet

from outbox.models import Dispatch
from webhooks.errors import DeliveryNotFound, EndpointNotFound
from webhooks.models import PUSH, Endpoint
from webhooks.topics import chosen


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


def delivery_of(delivery_id: int) -> tuple[Dispatch, Endpoint]:
    """Return a delivery and whom it is for; raise ``DeliveryNotFound``."""
    found = Dispatch.objects.select_related("event").filter(
        pk=delivery_id, subscriber__startswith=f"{PUSH}#"
    )
    dispatch = found.first()
    if dispatch is None:
        raise DeliveryNotFound
    return dispatch, endpoint_of(int(dispatch.subscriber.partition("#")[2]))
