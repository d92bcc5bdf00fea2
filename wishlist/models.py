"""What shoppers wish for."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from common.tombstones import leaves_tombstone


class WishlistItemQuerySet(models.QuerySet["WishlistItem"]):
    def of_user(self, user_id: int) -> "WishlistItemQuerySet":
        return self.filter(user_id=user_id)

    def newest_first(self) -> "WishlistItemQuerySet":
        return self.order_by("-id")


class WishlistItem(models.Model):
    """A product a shopper wishes for, and what it cost when they said so."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="wishes",
        db_index=False,
    )
    product = models.ForeignKey(
        "catalog.Product", on_delete=models.CASCADE, related_name="+"
    )
    # To tell the shopper that it costs less by now; never charged.
    price_when_saved = models.BigIntegerField(_("price when saved"))
    saved_at = models.DateTimeField(_("saved"), db_default=Now())

    objects = WishlistItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "product"], name="wishlist_item_product_once"
            ),
            models.CheckConstraint(
                condition=Q(price_when_saved__gt=0),
                name="wishlist_item_price_positive",
            ),
        ]
        # A page of the list, the newest first.
        indexes = [models.Index(fields=["user", "-id"], name="wishlist_item_newest")]
        # Lists are read by product: nobody is told the ids of the rows.
        triggers = [leaves_tombstone("wish", named_by="product_id")]

    def __str__(self) -> str:
        return f"Product {self.product_id} for user {self.user_id}"
