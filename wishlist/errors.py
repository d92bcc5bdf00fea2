"""What can go wrong with wishlists."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict


class WishlistFull(Conflict):
    """More products than one shopper can keep an eye on."""

    code = "wishlist_full"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("A wishlist holds at most %(limit)s products.") % {"limit": limit},
            limit=limit,
        )
