"""Who wishes for what."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from wishlist.models import WishlistItem


def wishers_of(product_ids: Iterable[int]) -> Mapping[int, frozenset[int]]:
    """Return who has each of the products on their list: user ids by product id.

    A product that nobody wishes for is missing.
    """
    found: dict[int, set[int]] = defaultdict(set)
    items = WishlistItem.objects.filter(product__in=list(product_ids))
    for product_id, user_id in items.values_list("product_id", "user_id"):
        found[product_id].add(user_id)
    return {product_id: frozenset(users) for product_id, users in found.items()}
