"""Money given back by the payment that it came by."""

from uuid import UUID

from django.http import HttpResponse

from api.fields import clean
from api.idempotency import key_of, once
from api.schema import operation
from api.staff import demand
from api.typing import AuthenticatedRequest
from api.v1.parcel_shapes import LINES, RefundJson
from api.v1.refunds import EXAMPLE, MAY_REFUND, REFUND, refund_order
from api.views import PersonalView
from common.ids import uuid7
from orders.models import Order
from payments.errors import NothingToRefund, PaymentNotFound
from payments.models import Payment


class PaymentRefundsView(PersonalView):
    """Refunds of what a payment paid for."""

    @operation(
        "payments_refund",
        "Refund what a payment paid for",
        body=REFUND,
        example=EXAMPLE,
        reply={201: RefundJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, payment_id: UUID) -> HttpResponse:
        """Give money back for units that were not sent, as staff.

        It is the refund of the payment's order, by another name: an order that was paid
        by points and by somebody else gets each part back to where it came from, which
        the `legs` of the reply say.
        """
        demand(request, MAY_REFUND)
        asked = clean(REFUND, request)
        order = _order_of(payment_id)
        key = key_of(request) or str(uuid7())
        return once(
            request, lambda: refund_order(request, order, asked, key), status=201
        )


def _order_of(payment_id: UUID) -> Order:
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise PaymentNotFound
    if payment.order_id is None:
        # Points that were bought are the shopper's, who can spend them.
        raise NothingToRefund
    return Order.objects.prefetch_related(*LINES, "payments").get(pk=payment.order_id)
