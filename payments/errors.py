"""What can go wrong with payments."""

from django.utils.translation import gettext_lazy as _

from common.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Mismatch,
    NotFound,
    Unavailable,
)
from common.money import money


class PaymentNotFound(NotFound):
    """There is no such payment among the shopper's own."""

    code = "payment_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such payment."))


class PaymentMethodUnavailable(Invalid):
    """The shop does not take this kind of payment."""

    code = "payment_method_unavailable"

    def __init__(self) -> None:
        super().__init__(_("This way of paying is not offered."))


class PaymentKeyReused(Mismatch):
    """The key belongs to another payment of this buyer."""

    def __init__(self) -> None:
        super().__init__(_("This key was used for another payment."))


class PaymentDeclined(Conflict):
    """The provider will not take this payment."""

    code = "payment_declined"

    def __init__(self) -> None:
        super().__init__(_("The payment provider declined. Nothing was charged."))


class ProviderAway(Unavailable):
    """The provider of payments does not answer right now."""

    code = "provider_unavailable"

    def __init__(self) -> None:
        super().__init__(
            _("The payment provider does not answer. Please try again soon.")
        )


class WebhookRejected(Invalid):
    """A message that is not signed by the provider, or cannot be read."""

    code = "webhook_invalid"

    def __init__(self) -> None:
        super().__init__(_("This message is not signed by the provider."))


class NotRefundable(Conflict):
    """More is asked back than is left of the order."""

    code = "not_refundable"

    def __init__(self, *, line_id: int | None, left: int) -> None:
        detail = (
            _("Only %(left)s of this line can still be refunded.") % {"left": left}
            if line_id is not None
            else _("Only %(left)s can still be refunded.") % {"left": money(left)}
        )
        super().__init__(detail, line_id=line_id, left=left)


class NothingToRefund(Conflict):
    """The refund would be of nothing."""

    code = "nothing_to_refund"

    def __init__(self) -> None:
        super().__init__(_("There is nothing to give back."))


class LegNotRefused(Conflict):
    """Only what the provider refused can be asked again, or be paid another way."""

    code = "refund_not_refused"

    def __init__(self) -> None:
        super().__init__(_("The provider has not refused this refund."))


class NobodyToPay(Conflict):
    """A guest has no points account: the money has to go another way."""

    code = "nobody_to_pay"

    def __init__(self) -> None:
        super().__init__(_("Nobody with an account paid this: there are no points."))


class RefundAboveLimit(Forbidden):
    """So much of one order may only be given back by staff who are trusted with it."""

    code = "refund_above_limit"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("You may give back %(limit)s of an order; more is for a manager.")
            % {"limit": money(limit)},
            limit=limit,
        )
