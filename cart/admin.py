"""What shoppers are about to buy, for those who help them."""

from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cart.models import Cart, CartItem
from common.admin import ReadOnlyAdmin, ReadOnlyInline, display, register


class CartItemInline(ReadOnlyInline[CartItem]):
    """The products of a cart."""

    model = CartItem
    fields = [
        "product",
        "quantity",
        "is_selected",
        "is_saved",
        "price_when_added",
        "added_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CartItem]:
        return super().get_queryset(request).select_related("product")


@register(Cart)
class CartAdmin(ReadOnlyAdmin[Cart]):
    """Nobody but the shopper changes a cart. A guest's token is a secret."""

    list_display = ["owner", "products", "coupon", "updated_at"]
    list_select_related = ["user", "coupon__batch"]
    search_fields = ["=user__email"]
    ordering = ["-updated_at"]
    fields = ["owner", "coupon", "declines_coupons", "version", "updated_at"]
    readonly_fields = ["owner"]
    inlines = [CartItemInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cart]:
        carts = super().get_queryset(request).select_related("user")
        return carts.annotate(products=Count("items"))

    @display(description=_("whose"))
    def owner(self, cart: Cart) -> str:
        return cart.user.email if cart.user else str(_("a guest"))

    @display(description=_("products"), ordering="products")
    def products(self, cart: Cart) -> int:
        return int(getattr(cart, "products", 0))
