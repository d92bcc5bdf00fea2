"""What can go wrong with accounts."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Forbidden, Gone, Invalid, NotFound, Unavailable


class AddressNotFound(NotFound):
    """There is no such address in the shopper's own book."""

    code = "address_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such address."))


class AddressBookFull(Conflict):
    """More addresses than anybody needs."""

    code = "address_book_full"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("An address book holds at most %(limit)s addresses.") % {"limit": limit},
            limit=limit,
        )


class AddressKnown(Conflict):
    """The very same address is in the book already."""

    code = "address_known"

    def __init__(self) -> None:
        super().__init__(_("This address is in your book already."))


class DeviceNotFound(NotFound):
    """No such sign-in is open, or it is somebody else's."""

    code = "device_not_found"

    def __init__(self) -> None:
        super().__init__(_("This sign-in is over already."))


class VerificationInvalid(Invalid):
    """This is not the token of a letter that asks whether an address is one's own."""

    code = "verification_invalid"

    def __init__(self) -> None:
        super().__init__(_("This is not the token of a letter of ours."))


class VerificationOver(Gone):
    """The letter's token was used before, is too old, or its address is gone."""

    code = "verification_over"

    def __init__(self) -> None:
        super().__init__(_("This token was used before, or is too old."))


class ResetInvalid(Invalid):
    """The token for a new password is wrong, used, or older than half an hour."""

    code = "reset_invalid"

    def __init__(self) -> None:
        super().__init__(_("This token is wrong, was used before, or is too old."))


class PasswordChanged(Conflict):
    """Somebody else changed the password at the same moment."""

    code = "password_changed"

    def __init__(self) -> None:
        super().__init__(_("The password has just been changed."))


class SecondStepRequired(Forbidden):
    """Staff may do nothing as such before they have set up a second step."""

    code = "second_step_required"

    def __init__(self) -> None:
        super().__init__(_("Set up a second step for signing in first."))


class ServiceNotOffered(NotFound):
    """One cannot sign in with this service here; ``GET /auth/social`` lists them."""

    code = "service_not_offered"

    def __init__(self) -> None:
        super().__init__(_("One cannot sign in with this service here."))


class ServiceTokenInvalid(Invalid):
    """The other service does not stand by this token, or made it for another app."""

    code = "service_token_invalid"

    def __init__(self) -> None:
        super().__init__(_("The other service does not stand by this token."))


class EmailMissing(Invalid):
    """The other service told no e-mail address, and there is no account without."""

    code = "email_missing"

    def __init__(self) -> None:
        super().__init__(_("The other service told no e-mail address."))


class TicketsAway(Unavailable):
    """What keeps the tickets for live news does not answer."""

    def __init__(self) -> None:
        super().__init__(_("Live news are away. Please try again soon."))


class NotACustomer(Conflict):
    """Staff, or somebody who is gone: nothing can be done to their account here."""

    code = "not_a_customer"

    def __init__(self, *, is_erased: bool) -> None:
        super().__init__(
            _("This account is deleted.")
            if is_erased
            else _("This is an account of staff: a superuser sees to it on its page.")
        )


class BlockedAlready(Conflict):
    """What blocking, or letting in again, would lead to is so already."""

    code = "blocked_already"

    def __init__(self, *, is_blocked: bool) -> None:
        super().__init__(
            _("This customer is blocked already.")
            if is_blocked
            else _("This customer is not blocked.")
        )
