"""What can go wrong with accounts."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, NotFound


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
