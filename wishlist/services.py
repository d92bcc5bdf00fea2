"""The only code that writes wishlists."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from catalog.errors import ProductNotFound
from catalog.models import Product
from common.db import requires_transaction, use_case
from wishlist.errors import WishlistFull
from wishlist.models import WishlistItem, WishlistItemQuerySet

MAX_ITEMS = 500


@dataclass(frozen=True, slots=True)
class Removed:
    """An item as it was; ``price_when_saved`` is in minor units."""

    product_id: int
    price_when_saved: int
    saved_at: datetime


@use_case
def save(*, user_id: int, product_id: int) -> bool:
    """Put a product on the shopper's list; return whether it was not on it before.

    Raises ``ProductNotFound`` for a product that is not on sale, unless it is on the
    list already, and ``WishlistFull``.
    """
    if _own(user_id, product_id).exists():
        return False
    product = Product.objects.on_sale().filter(pk=product_id).only("price").first()
    if product is None:
        raise ProductNotFound
    return _insert(
        WishlistItem(
            user_id=user_id, product_id=product.pk, price_when_saved=product.price
        )
    )


@use_case
def remove(*, user_id: int, product_id: int) -> Removed | None:
    """Take a product off the list; return what ``restore`` needs to undo it.

    ``None`` if it was not on it, which is fine.
    """
    item = _own(user_id, product_id).select_for_update(no_key=True).first()
    if item is None:
        return None
    item.delete()
    return Removed(product_id, item.price_when_saved, item.saved_at)


@use_case
def restore(*, user_id: int, removed: Removed) -> bool:
    """Put back what was removed, with its old price, even if it is not on sale.

    Returns whether it was gone. Raises ``ProductNotFound`` and ``WishlistFull``.
    """
    if not Product.objects.filter(pk=removed.product_id).exists():
        raise ProductNotFound
    return _insert(
        WishlistItem(
            user_id=user_id,
            product_id=removed.product_id,
            price_when_saved=removed.price_when_saved,
            saved_at=removed.saved_at,
        )
    )


@requires_transaction
def _insert(item: WishlistItem) -> bool:
    # The shopper's row stands for their list: two tabs cannot both take its last place.
    User.objects.select_for_update(no_key=True).only("pk").get(pk=item.user_id)
    own = WishlistItem.objects.of_user(item.user_id)
    if own.filter(product_id=item.product_id).exists():
        return False
    if own.count() >= MAX_ITEMS:
        raise WishlistFull(limit=MAX_ITEMS)
    item.save(force_insert=True)
    return True


def _own(user_id: int, product_id: int) -> WishlistItemQuerySet:
    return WishlistItem.objects.of_user(user_id).filter(product_id=product_id)
