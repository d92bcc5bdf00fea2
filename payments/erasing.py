"""What payments and refunds say of somebody who wants to be forgotten."""

from collections.abc import Collection
from uuid import UUID

import pgtrigger
from django.db.models import Q

from common.db import requires_transaction
from common.traces import Traces
from payments.models import Payment, ProviderEvent, Refund, RefundLeg

Ids = Collection[UUID]


@requires_transaction
def forget_words(*, order_ids: Ids, user_id: int, traces: Traces) -> list[UUID]:
    """Take people's words off the payments of a person; return whose ids they have.

    Amounts, states and what a provider calls them stay: they are the books.
    """
    own = Payment.objects.filter(Q(order__in=order_ids) | Q(buyer=user_id))
    ids = list(own.order_by("pk").values_list("pk", flat=True))
    own.update(note="", provider_url="")
    legs = RefundLeg.objects.filter(payment__in=ids)
    refunds = Refund.objects.filter(
        Q(order__in=order_ids) | Q(pk__in=legs.values("refund"))
    )
    legs.update(note="")
    # The one time that a refund changes.
    with pgtrigger.ignore("payments.Refund:append_only"):
        refunds.exclude(reason="").update(reason="")
    for event in ProviderEvent.objects.filter(payment__in=ids).exclude(note=""):
        note = traces.without(event.note)
        ProviderEvent.objects.filter(pk=event.pk).update(note=note[:200])
    return ids
