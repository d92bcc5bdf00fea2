"""Units of an order as clients name them: by product, which each order has once."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from api.fields import merged
from common.errors import NotFound
from orders.models import Order


class NotInOrder(NotFound):
    """The order has no such product."""

    code = "product_not_in_order"

    def __init__(self, product_id: int) -> None:
        super().__init__(_("The order has no such product."), product_id=product_id)


def line_quantities(
    order: Order, items: Sequence[dict[str, int]], pointer: str = "items"
) -> dict[int, int]:
    """Return units by line id for what a client names by product."""
    lines = {line.product_id: line.pk for line in order.lines.all()}
    quantities = merged(list(items), pointer)
    for product_id in quantities:
        if product_id not in lines:
            raise NotInOrder(product_id)
    return {lines[product_id]: n for product_id, n in quantities.items()}
