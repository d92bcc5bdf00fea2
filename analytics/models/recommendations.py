"""What goes together, and what each shelf sells now; both made by the clock."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class PairKind(models.TextChoices):
    """What makes two products a pair."""

    BOUGHT = "also_bought", _("Bought together")
    VIEWED = "also_viewed", _("Looked at together")


class ItemPair(models.Model):
    """How much more often two products go together than chance would have them."""

    product = models.ForeignKey(
        "catalog.Product",
        on_delete=models.CASCADE,
        related_name="pairs",
        db_index=False,
    )
    other = models.ForeignKey(
        "catalog.Product", on_delete=models.CASCADE, related_name="+"
    )
    kind = models.CharField(_("kind"), max_length=16, choices=PairKind)
    score = models.FloatField(_("score"))
    # Shoppers, whether in one order or in a few; and the orders with both.
    together = models.PositiveIntegerField(_("shoppers with both"))
    orders = models.PositiveIntegerField(_("orders with both"), db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["product", "kind", "other"], name="item_pair_once_per_kind"
            ),
            models.CheckConstraint(
                condition=~Q(product=F("other")), name="item_pair_of_two_products"
            ),
            models.CheckConstraint(
                condition=Q(score__gt=0, together__gt=0), name="item_pair_positive"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=PairKind.values), name="item_pair_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product_id} with {self.other_id}: {self.score:.2f}"


class CategoryFavourite(models.Model):
    """What a category sells this week: the answer for products without pairs yet."""

    category = models.ForeignKey(
        "catalog.Category",
        on_delete=models.CASCADE,
        related_name="favourites",
        db_index=False,
    )
    product = models.ForeignKey(
        "catalog.Product", on_delete=models.CASCADE, related_name="+"
    )
    # Units, those of days ago counting less.
    score = models.FloatField(_("score"))
    units = models.PositiveIntegerField(_("units this week"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["category", "product"], name="category_favourite_once"
            ),
            models.CheckConstraint(
                condition=Q(score__gte=0), name="category_favourite_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product_id} in category {self.category_id}: {self.units}"


class PairRun(models.Model):
    """When the pairs of a kind were last made, and how many rows that changed."""

    kind = models.CharField(max_length=16, choices=PairKind, primary_key=True)
    computed_at = models.DateTimeField(_("computed"))
    pairs = models.PositiveIntegerField(_("pairs"))
    changed = models.PositiveIntegerField(_("rows that differed"))
    seconds = models.FloatField(_("seconds"))

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=PairKind.values), name="pair_run_kind_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.computed_at}"
