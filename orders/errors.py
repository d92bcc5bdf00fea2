"""What can go wrong with orders."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, NotFound

TOO_LATE = {
    "processing": _(
        "This order is already packed, so it cannot be cancelled any more. Once it is"
        " with you, you can send it back."
    ),
    "shipped": _(
        "This order is on its way, so it cannot be cancelled any more. Once it is with"
        " you, you can send it back."
    ),
}
TOO_LATE_TO_READDRESS = _(
    "This order is already packed, so its address cannot be changed any more."
)


class OrderNotFound(NotFound):
    """There is no such order among the shopper's own."""

    code = "order_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such order."))


class InvalidTransition(Conflict):
    """An order in this status cannot go there."""

    code = "invalid_transition"

    def __init__(self, *, status: str, wanted: str, detail: Promise | str = "") -> None:
        super().__init__(
            detail
            or _("An order that is %(status)s cannot become %(wanted)s.")
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

    def __init__(self, *, status: str, wanted: str) -> None:
        super().__init__(status=status, wanted=wanted, detail=TOO_LATE.get(status, ""))


class AddressNotChangeable(InvalidTransition):
    """It is too late to send the order elsewhere, or it waits at a pickup point."""

    code = "address_not_changeable"

    def __init__(self, *, status: str) -> None:
        super().__init__(
            status=status,
            wanted="another address",
            detail=TOO_LATE_TO_READDRESS
            if status in TOO_LATE
            else _("The address of this order cannot be changed."),
        )


class OrderNotChangeable(InvalidTransition):
    """It is too late to change how the order is brought, or what is said of it."""

    code = "order_not_changeable"

    def __init__(self, *, status: str) -> None:
        super().__init__(
            status=status,
            wanted="another way of delivery or note",
            detail=_("This order is already packed or closed."),
        )


class OrderExpired(Conflict):
    """The time to pay is over."""

    code = "order_expired"

    def __init__(self) -> None:
        super().__init__(_("The time to pay for this order is over."))


class NotShippable(Conflict):
    """More is to be sent than is left of the order; ``line_id`` says of what."""

    code = "not_shippable"

    def __init__(self, *, line_id: int | None, left: int) -> None:
        detail = (
            _("There is nothing left to send of this order.")
            if line_id is None
            else _("Only %(left)s of this line can still be sent.") % {"left": left}
        )
        super().__init__(detail, line_id=line_id, left=left)


class NotReturnable(Conflict):
    """More is to come back than was sent, or it is too late for that."""

    code = "not_returnable"

    def __init__(self, *, line_id: int | None, left: int) -> None:
        detail = (
            _("There is nothing to send back of this order any more.")
            if line_id is None
            else _("Only %(left)s of this product can be sent back.") % {"left": left}
        )
        super().__init__(detail, line_id=line_id, left=left)


class ReturnNotFound(NotFound):
    """There is no such return among the shopper's own."""

    code = "return_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such return."))


class ReturnPending(Conflict):
    """Another return of the order is not finished yet."""

    code = "return_pending"

    def __init__(self) -> None:
        super().__init__(_("Another return of this order is not finished yet."))


class InvalidReturnStep(Conflict):
    """A return in this state cannot go there."""

    code = "invalid_return_step"

    def __init__(self, *, state: str, wanted: str) -> None:
        super().__init__(
            _("A return that is %(state)s cannot become %(wanted)s.")
            % {"state": state, "wanted": wanted},
            return_state=state,
            wanted=wanted,
        )
