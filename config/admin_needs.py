"""What waits for somebody, line by line; each for those who may see to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from inventory.models import Stock
from notifications.models import Message
from orders.models import OPEN_RETURNS, Order, Return
from outbox.models import Dispatch
from payments.models import InboxState, LegState, Payment, ProviderEvent, RefundLeg
from points.models import CorrectionState, PointCorrection
from reviews.models import Review
from webhooks.models import PUSH

# How the outbox knows other systems: they come and go, and are no fault of ours.
HOOKS = f"{PUSH}#"


@dataclass(frozen=True, slots=True)
class Need:
    """Something that may wait; ``page`` names the list of it, ``query`` its filter."""

    label: Any
    count: Callable[[], int]
    permission: str
    page: str
    query: str

    @property
    def url(self) -> str:
        return f"{reverse(f'admin:{self.page}_changelist')}?{self.query}"


NEEDS = (
    Need(
        _("Unpaid orders about to expire"),
        lambda: Order.objects.expiring().count(),
        "orders.view_order",
        "orders_order",
        "attention=expiring",
    ),
    Need(
        _("Paid over a day ago, not shipped"),
        lambda: Order.objects.late().count(),
        "orders.view_order",
        "orders_order",
        "attention=late",
    ),
    Need(
        _("Returns waiting for an answer or a parcel"),
        lambda: Return.objects.filter(state__in=OPEN_RETURNS).count(),
        "orders.view_return",
        "orders_return",
        f"state__in={','.join(OPEN_RETURNS)}",
    ),
    Need(
        _("Products low in stock"),
        lambda: Stock.objects.low().count(),
        "inventory.view_stock",
        "inventory_stock",
        "level=low",
    ),
    Need(
        _("Messages late or given up"),
        lambda: Dispatch.objects.stuck().exclude(subscriber__startswith=HOOKS).count(),
        "outbox.view_dispatch",
        "outbox_dispatch",
        "state=stuck&subscriber=own",
    ),
    Need(
        _("Webhooks given up"),
        lambda: Dispatch.objects.dead().filter(subscriber__startswith=HOOKS).count(),
        "outbox.view_dispatch",
        "outbox_dispatch",
        "state=dead&subscriber=others",
    ),
    Need(
        _("Letters and texts that failed"),
        lambda: Message.objects.failed().count(),
        "notifications.view_message",
        "notifications_message",
        "state=failed",
    ),
    Need(
        _("Money taken that bought nothing"),
        lambda: Payment.objects.stuck().count(),
        "payments.view_payment",
        "payments_payment",
        "attention=stuck",
    ),
    Need(
        _("Refunds that a provider refused"),
        lambda: RefundLeg.objects.filter(state=LegState.REFUSED).count(),
        "payments.view_refundleg",
        "payments_refundleg",
        "state__exact=refused",
    ),
    Need(
        _("Messages about money that fit nothing"),
        lambda: ProviderEvent.objects.filter(state=InboxState.PARKED).count(),
        "payments.view_providerevent",
        "payments_providerevent",
        "state__exact=parked",
    ),
    Need(
        _("Points waiting for a second person"),
        lambda: PointCorrection.objects.filter(state=CorrectionState.OPEN).count(),
        "points.view_pointcorrection",
        "points_pointcorrection",
        f"state__exact={CorrectionState.OPEN}",
    ),
    Need(
        _("Reviews to moderate"),
        lambda: Review.objects.to_moderate().count(),
        "reviews.view_review",
        "reviews_review",
        "queue=open",
    ),
)


def attention(request: HttpRequest) -> list[tuple[Any, int, str]]:
    """Return label, number and address of what this person may see to."""
    return [
        (need.label, need.count(), need.url)
        for need in NEEDS
        if request.user.has_perm(need.permission)
    ]
