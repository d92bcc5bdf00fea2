"""What the stock's books say of somebody who wants to be forgotten."""

from collections.abc import Collection
from uuid import UUID

import pgtrigger
from django.db.models import Q

from common.db import requires_transaction
from common.traces import Traces
from inventory import services as inventory
from inventory.models import Hold, RestockAlert, StockMovement


@requires_transaction
def forget(
    *,
    user_id: int,
    emails: Collection[str],
    order_ids: Collection[UUID],
    nobody: str,
    traces: Traces,
) -> list[int]:
    """End a person's waiting for products, and take their name off the movements.

    ``emails`` are those that are proved to be theirs, ``nobody`` stands there from now
    on. Returns the ids of all their alerts.
    """
    whose = Q(user=user_id) | Q(user=None, email__in=[mail.lower() for mail in emails])
    alerts = RestockAlert.objects.filter(whose)
    for alert in alerts.open().order_by("product"):
        inventory.cancel_alert(alert_id=alert.pk)
    ids = list(alerts.order_by("pk").values_list("pk", flat=True))
    alerts.filter(user=None).update(email=nobody)
    Hold.objects.filter(whose, user=None).update(email=nobody)
    # Few have a reason: those that staff have made.
    named = StockMovement.objects.exclude(reason="").filter(
        Q(order__in=order_ids) | traces.within("reason")
    )
    # The one time that a movement changes.
    with pgtrigger.ignore("inventory.StockMovement:append_only"):
        for movement in named.order_by("pk"):
            is_own = movement.order_id in order_ids
            reason = "" if is_own else traces.without(movement.reason)
            StockMovement.objects.filter(pk=movement.pk).update(reason=reason[:200])
    return ids
