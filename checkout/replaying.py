"""Telling the data platform of an order once more; it knows repetitions by their id."""

from uuid import UUID

from checkout.errors import NotToldYet
from common.db import use_case
from outbox import services as outbox
from outbox.models import Dispatch

PLATFORM = "analytics.data_platform.push"


@use_case
def tell_platform_again(*, order_id: UUID) -> int:
    """Send all that is for the data platform of an order again; return how much it is.

    Raises ``NotToldYet`` if there is nothing: it goes by itself once there is.
    """
    dispatches = Dispatch.objects.filter(
        event__aggregate=f"order/{order_id}", subscriber=PLATFORM
    )
    ids = list(dispatches.order_by("pk").values_list("pk", flat=True))
    if not ids:
        raise NotToldYet
    for dispatch_id in ids:
        outbox.send_again(dispatch_id=dispatch_id)
    return len(ids)
