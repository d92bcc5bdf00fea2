"""What can go wrong between a list of products and a paid order."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid


class ProductUnavailable(Conflict):
    """Some products are not on sale; ``products`` names them."""

    code = "product_unavailable"

    def __init__(self, product_ids: Sequence[int]) -> None:
        super().__init__(
            _("Some products are not on sale any more."), products=sorted(product_ids)
        )


class PriceChanged(Conflict):
    """The purchase costs something else than the shopper agreed to."""

    code = "price_changed"

    def __init__(self, *, total: int, lines: Sequence[dict[str, Any]]) -> None:
        super().__init__(
            _("A price has changed. Please check the new total."),
            total=total,
            lines=list(lines),
        )


class DeliveryMethodUnavailable(Invalid):
    """There is no such way of delivery."""

    code = "delivery_method_unavailable"

    def __init__(self) -> None:
        super().__init__(_("This way of delivery is not offered."))


class NothingToOrder(Invalid):
    """An order needs at least one line and at most a hundred."""

    code = "nothing_to_order"

    def __init__(self) -> None:
        super().__init__(_("An order needs between 1 and 100 products."))


class PartInvalid(Invalid):
    """Points can pay a part of the total, and the other method has to pay the rest."""

    code = "points_part_invalid"

    def __init__(self, *, total: int) -> None:
        super().__init__(
            _("Points can pay from 0 to less than the whole total."), total=total
        )
