"""What can go wrong with carts."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid, NotFound


class CartItemNotFound(NotFound):
    """The product is not in this cart."""

    code = "cart_item_not_found"

    def __init__(self) -> None:
        super().__init__(_("This product is not in your cart."))


class QuantityOutOfRange(Invalid):
    """A quantity that no order line can have."""

    code = "quantity_out_of_range"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("The quantity must be between 1 and %(limit)s.") % {"limit": limit},
            limit=limit,
        )


class CartFull(Conflict):
    """More different products than an order may have."""

    code = "cart_full"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("A cart holds at most %(limit)s different products.") % {"limit": limit},
            limit=limit,
        )


class CartChanged(Conflict):
    """The cart is not what the shopper confirmed."""

    code = "cart_changed"

    def __init__(self) -> None:
        super().__init__(_("Your cart has changed. Please check it once more."))


class CartEmpty(Invalid):
    """There is nothing to order."""

    code = "cart_empty"

    def __init__(self) -> None:
        super().__init__(_("Your cart is empty."))
