"""The only code that writes whom the shop tells what."""

from collections.abc import Sequence

from django.db.models.functions import Now

from common import outward, signing
from common.db import requires_transaction, use_case
from outbox import services as outbox
from webhooks.errors import (
    EndpointDisabled,
    EndpointNotFound,
    EndpointRefused,
    TooManyEndpoints,
)
from webhooks.models import OLD_SECRET_SIGNS, Endpoint
from webhooks.selectors import delivery_of

MAX_ENDPOINTS = 50
BY_STAFF = "switched off by staff"


@use_case
def create(*, url: str, topics: Sequence[str], description: str = "") -> Endpoint:
    """Tell another system from now on; its ``secret`` is shown this once.

    Raises ``EndpointRefused`` or ``TooManyEndpoints``.
    """
    check(url)
    if Endpoint.objects.count() >= MAX_ENDPOINTS:
        raise TooManyEndpoints(limit=MAX_ENDPOINTS)
    made = Endpoint.objects.create(
        url=url,
        topics=_sorted(topics),
        description=description,
        secret=signing.new_secret(),
    )
    made.refresh_from_db()
    return made


@use_case
def change(
    *,
    endpoint_id: int,
    url: str | None = None,
    topics: Sequence[str] | None = None,
    description: str | None = None,
    is_enabled: bool | None = None,
) -> Endpoint:
    """Change what is given of an endpoint.

    One that is switched off hears of nothing that happens meanwhile. Raises
    ``EndpointNotFound`` or ``EndpointRefused``.
    """
    endpoint = _lock(endpoint_id)
    if url is not None:
        check(url)
        endpoint.url = url
    if topics is not None:
        endpoint.topics = _sorted(topics)
    if description is not None:
        endpoint.description = description
    endpoint.save(update_fields=["url", "topics", "description"])
    if is_enabled is not None and is_enabled != endpoint.is_enabled:
        _switch(endpoint, off_because="" if is_enabled else BY_STAFF)
    return endpoint


@use_case
def rotate_secret(*, endpoint_id: int) -> Endpoint:
    """Give an endpoint a new secret; the one before signs as well for a day.

    Raises ``EndpointNotFound``.
    """
    endpoint = _lock(endpoint_id)
    endpoint.old_secret, endpoint.secret = endpoint.secret, signing.new_secret()
    endpoint.old_secret_until = Now() + OLD_SECRET_SIGNS
    endpoint.save(update_fields=["secret", "old_secret", "old_secret_until"])
    endpoint.refresh_from_db()
    return endpoint


@use_case
def disable(*, endpoint_id: int, because: str) -> None:
    """Switch an endpoint off, as its own server asked for; once is enough."""
    endpoint = _lock(endpoint_id)
    if endpoint.is_enabled:
        _switch(endpoint, off_because=because)


@use_case
def remove(*, endpoint_id: int) -> None:
    """Tell another system nothing any more, and forget what was to be sent.

    Doing so twice is fine.
    """
    endpoint = Endpoint.objects.filter(pk=endpoint_id).first()
    if endpoint is not None:
        outbox.forget(endpoint.subscriber)
        endpoint.delete()


@use_case
def replay(*, delivery_id: int) -> None:
    """Send a delivery once more, whatever became of it, under the same id.

    Raises ``DeliveryNotFound`` or ``EndpointDisabled``.
    """
    dispatch, endpoint = delivery_of(delivery_id)
    if not endpoint.is_enabled:
        raise EndpointDisabled
    outbox.send_again(dispatch_id=dispatch.pk)


def check(url: str) -> None:
    """Raise ``EndpointRefused`` for an address to which nothing may be sent."""
    try:
        outward.checked(url)
    except outward.AddressRefused as error:
        raise EndpointRefused(why=str(error)) from None


@requires_transaction
def _lock(endpoint_id: int) -> Endpoint:
    endpoints = Endpoint.objects.select_for_update(no_key=True)
    endpoint = endpoints.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise EndpointNotFound
    return endpoint


def _switch(endpoint: Endpoint, *, off_because: str) -> None:
    endpoint.disabled_at = Now() if off_because else None
    endpoint.disabled_because = off_because[:200]
    endpoint.save(update_fields=["disabled_at", "disabled_because"])
    endpoint.refresh_from_db()


def _sorted(topics: Sequence[str]) -> list[str]:
    return sorted(set(topics))
