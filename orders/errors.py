"""What can go wrong with orders."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, NotFound


class OrderNotFound(NotFound):
    """There is no such order among the shopper's own."""

    code = "order_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such order."))


class InvalidTransition(Conflict):
    """An order in this status cannot go there."""

    code = "invalid_transition"

    def __init__(self, *, status: str, wanted: str) -> None:
        super().__init__(
            _("An order that is %(status)s cannot become %(wanted)s.")
            % {"status": status, "wanted": wanted},
            order_status=status,
            wanted=wanted,
        )


class OrderNotPayable(InvalidTransition):
    """Only an order that awaits its payment can be paid."""

    code = "order_not_payable"


class OrderNotCancellable(InvalidTransition):
    """It is too late to cancel: the parcel is on its way, or the order is closed."""

    code = "order_not_cancellable"


class OrderExpired(Conflict):
    """The time to pay is over."""

    code = "order_expired"

    def __init__(self) -> None:
        super().__init__(_("The time to pay for this order is over."))
