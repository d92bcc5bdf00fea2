"""What can go wrong with the catalogue."""

from django.utils.translation import gettext_lazy as _

from common.errors import Invalid, NotFound


class ProductNotFound(NotFound):
    """There is no such product on sale."""

    code = "product_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such product on sale."))


class PriceInvalid(Invalid):
    """A price must be a positive amount, and another one than before."""

    code = "price_invalid"

    def __init__(self) -> None:
        super().__init__(
            _("The price must be positive and differ from the present one.")
        )
