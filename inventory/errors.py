"""What can go wrong with stock."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid, NotFound


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
    """More is promised to unpaid orders, and kept for shoppers, than would be left."""

    code = "stock_below_reserved"

    def __init__(self, *, reserved: int) -> None:
        super().__init__(
            _("%(reserved)s are reserved for unpaid orders.") % {"reserved": reserved},
            reserved=reserved,
        )


class AdjustmentInvalid(Invalid):
    """An adjustment whose kind, sign or reason makes no sense."""

    code = "adjustment_invalid"


class ReturnExceedsSale(Conflict):
    """An order gives back what it never had, or has given back already."""

    code = "return_exceeds_sale"

    def __init__(self, product_ids: Sequence[int]) -> None:
        super().__init__(
            _("The order does not have so many of these products any more."),
            products=list(product_ids),
        )


class InStock(Conflict):
    """There is nothing to wait for."""

    code = "in_stock"

    def __init__(self, *, available: int) -> None:
        super().__init__(
            _("This product is in stock. You can buy it now."), available=available
        )


class TooManyAlerts(Conflict):
    """Somebody waits for too much at a time."""

    code = "too_many_alerts"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("You can wait for at most %(limit)s products at a time.")
            % {"limit": limit},
            limit=limit,
        )


class AlertNotFound(NotFound):
    """There is no such alert, or it is somebody else's."""

    code = "alert_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such alert."))
