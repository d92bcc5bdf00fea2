"""What can go wrong with stock."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid


class InsufficientStock(Conflict):
    """There is less left than is wanted; ``available`` says how much, by product."""

    code = "insufficient_stock"

    def __init__(self, available: Mapping[int, int]) -> None:
        super().__init__(
            _("Some products are no longer available in that quantity."),
            available=[
                {"product_id": product_id, "available": left}
                for product_id, left in sorted(available.items())
            ],
        )


class StockChanged(Conflict):
    """The stock has moved since the number was read."""

    code = "stock_changed"

    def __init__(self, *, on_hand: int, reserved: int, version: int) -> None:
        super().__init__(
            _("The stock has changed meanwhile. Please look again."),
            on_hand=on_hand,
            reserved=reserved,
            version=version,
        )


class StockBelowReserved(Conflict):
    """More is promised to unpaid orders than would be left."""

    code = "stock_below_reserved"

    def __init__(self, *, reserved: int) -> None:
        super().__init__(
            _("%(reserved)s are reserved for unpaid orders.") % {"reserved": reserved},
            reserved=reserved,
        )


class AdjustmentInvalid(Invalid):
    """An adjustment whose kind, sign or reason makes no sense."""

    code = "adjustment_invalid"
