"""What can go wrong with points."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Forbidden, Invalid, Mismatch


class InsufficientPoints(Conflict):
    """There are fewer points than are to be used."""

    code = "insufficient_points"

    def __init__(self, *, balance: int, required: int) -> None:
        super().__init__(
            _("You do not have enough points."), balance=balance, required=required
        )


class AmountOutOfRange(Invalid):
    """An amount that is not between 1 and the limit."""

    code = "amount_out_of_range"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("The amount must be between 1 and %(limit)s.") % {"limit": limit},
            limit=limit,
        )


class BalanceLimitReached(Conflict):
    """The balance would exceed what one account may hold."""

    code = "balance_limit_reached"

    def __init__(self, *, balance: int, limit: int) -> None:
        super().__init__(
            _("An account can hold at most %(limit)s points.") % {"limit": limit},
            balance=balance,
            limit=limit,
        )


class MovementKeyReused(Mismatch):
    """The key belongs to another movement of this account."""

    def __init__(self) -> None:
        super().__init__(_("This key was used for another movement."))


class OwnAccount(Forbidden):
    """Staff give no points to themselves, nor take any."""

    code = "own_account"

    def __init__(self) -> None:
        super().__init__(_("You cannot change your own points."))


class SecondPersonNeeded(Forbidden):
    """So many points take two members of staff, and this is the one who asked."""

    code = "second_person_needed"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("More than %(limit)s points take a second member of staff.")
            % {"limit": limit},
            limit=limit,
        )


class DecidedAlready(Conflict):
    """Somebody has approved or rejected these points before."""

    code = "decided_already"

    def __init__(self) -> None:
        super().__init__(_("Somebody has decided about these points already."))
