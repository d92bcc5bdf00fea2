"""Carts of shoppers and of guests."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orders.models import MAX_QUANTITY


class Cart(models.Model):
    """What one shopper, or one guest's browser, is about to buy."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        related_name="cart",
    )
    # The guest's random token; their browser holds it in a signed cookie.
    token = models.CharField(max_length=43, unique=True, null=True)  # noqa: DJ001 — a user's cart has none
    coupon = models.ForeignKey(
        "coupons.Coupon", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    # Said by the shopper; nobody offers them their best coupon any more.
    declines_coupons = models.BooleanField(db_default=False)
    # Raised with every change: an order says which version of the cart it is for.
    version = models.PositiveBigIntegerField(db_default=1)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, token__isnull=True)
                | Q(user__isnull=True, token__isnull=False),
                name="cart_belongs_to_a_user_or_a_guest",
            ),
        ]

    def __str__(self) -> str:
        return f"Cart of {self.user_id or 'a guest'}"


class CartItemQuerySet(models.QuerySet["CartItem"]):
    def inside(self) -> "CartItemQuerySet":
        """Keep what lies in the cart, whether it is selected or not."""
        return self.filter(is_saved=False)

    def saved(self) -> "CartItemQuerySet":
        return self.filter(is_saved=True)

    def selected(self) -> "CartItemQuerySet":
        """Keep what an order of the cart would be for."""
        return self.filter(is_selected=True)


class CartItem(models.Model):
    """A product in a cart, or beside it for later, and the price it was put in at."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(
        "catalog.Product", on_delete=models.CASCADE, related_name="+"
    )
    quantity = models.PositiveIntegerField()
    # To tell the shopper that the price has changed; never charged.
    price_when_added = models.BigIntegerField()
    added_at = models.DateTimeField(db_default=Now())
    # An order takes what is selected; the rest stays in the cart.
    is_selected = models.BooleanField(default=True, db_default=True)
    # Put aside for later: shown beneath the cart, in no total.
    is_saved = models.BooleanField(default=False, db_default=False)

    objects = CartItemQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["cart", "product"], name="cart_item_product_once"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=MAX_QUANTITY),
                name="cart_item_quantity_in_range",
            ),
            models.CheckConstraint(
                condition=~Q(is_saved=True, is_selected=True),
                name="cart_item_saved_is_not_selected",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × product {self.product_id}"
