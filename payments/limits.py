"""How much of an order's money a member of staff may give back."""

from django.conf import settings
from django.db.models import Sum

from accounts.models import User
from common.db import requires_transaction
from orders.models import Order
from payments.errors import RefundAboveLimit
from payments.models import Refund

UNLIMITED = "accounts.refund_above_limit"


@requires_transaction
def check(order: Order, *, amount: int, actor_id: int | None) -> None:
    """Raise ``RefundAboveLimit`` if somebody may not give back so much of an order.

    All they gave back of it counts, in minor units: a refund in parts is none below the
    limit. Shoppers, about their own order, and the shop itself have no limit.
    """
    if actor_id is None or actor_id == order.user_id:
        return
    own = Refund.objects.filter(order=order, actor_id=actor_id)
    before = own.aggregate(total=Sum("amount"))["total"] or 0
    if before + amount <= settings.REFUND_LIMIT:
        return
    if not User.objects.get(pk=actor_id).has_perm(UNLIMITED):
        raise RefundAboveLimit(limit=settings.REFUND_LIMIT)
