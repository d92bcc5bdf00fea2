"""How two carts become one: the guest's and the shopper's own."""

from collections.abc import Sequence
from dataclasses import dataclass

from cart.models import CartItem
from inventory.models import Stock
from orders.models import MAX_QUANTITY


@dataclass(frozen=True, slots=True)
class Merged:
    """What came along into the shopper's cart, in numbers of products.

    ``cut`` are those of which there is less than both carts wanted together, and
    ``left_out`` those for which there was no room.
    """

    products: int = 0
    cut: int = 0
    left_out: int = 0


def merged(
    *, mine: Sequence[CartItem], theirs: Sequence[CartItem], room: int
) -> tuple[Merged, list[int], list[CartItem]]:
    """Decide what becomes of a guest's items; nothing is written here.

    Returns what to tell, the ids of the items that move as they are, and the shopper's
    own items, changed. ``room`` is how many products fit into a cart, and beside it.
    """
    own = {item.product_id: item for item in mine}
    new = [item for item in theirs if item.product_id not in own]
    common = [item for item in theirs if item.product_id in own]
    changed, cut = _add_up(own, common, room)
    moved: list[int] = []
    for is_saved in (False, True):
        held = sum(item.is_saved == is_saved for item in mine)
        coming = [item.pk for item in new if item.is_saved == is_saved]
        moved += coming[: max(0, room - held)]
    told = Merged(
        products=len(moved) + len(common), cut=cut, left_out=len(new) - len(moved)
    )
    return told, moved, changed


def _add_up(
    own: dict[int, CartItem], common: Sequence[CartItem], room: int
) -> tuple[list[CartItem], int]:
    left = _available([item.product_id for item in common])
    cut = 0
    for item in common:
        held = own[item.product_id]
        is_full = sum(not one.is_saved for one in own.values()) >= room
        if item.is_saved or (held.is_saved and is_full):
            continue
        if held.is_saved:
            held.quantity, held.is_saved, held.is_selected = item.quantity, False, True
            continue
        total = held.quantity + item.quantity
        # What the shopper had said themselves is not lowered behind their back.
        ceiling = max(min(left.get(item.product_id, 0), MAX_QUANTITY), held.quantity)
        cut += total > ceiling
        held.quantity = min(total, ceiling)
        held.is_selected = held.is_selected or item.is_selected
    return list(own.values()), cut


def _available(product_ids: Sequence[int]) -> dict[int, int]:
    stocks = Stock.objects.filter(product__in=product_ids)
    return {stock.product_id: stock.available for stock in stocks}
