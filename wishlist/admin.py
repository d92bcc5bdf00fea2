"""What shoppers wish for, for those who help them."""

from django.utils.translation import gettext_lazy as _

from common.admin import ReadOnlyAdmin, display, register
from common.money import money
from wishlist.models import WishlistItem


@register(WishlistItem)
class WishlistItemAdmin(ReadOnlyAdmin[WishlistItem]):
    """Nobody but the shopper keeps a list; staff see what is wanted."""

    list_display = ["saved_at", "user", "product", "price"]
    list_select_related = ["user", "product"]
    search_fields = ["=user__email", "=product__sku"]
    ordering = ["-id"]
    fields = ["user", "product", "price", "saved_at"]
    readonly_fields = ["price"]

    @display(description=_("price when saved"), ordering="price_when_saved")
    def price(self, item: WishlistItem) -> str:
        return money(item.price_when_saved)
