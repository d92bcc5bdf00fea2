"""Discounts the shop gives by itself, and what each order got from them."""

from datetime import datetime

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from promotions.pricing import Audience, PromotionKind

# Who has paid for so many orders within so many days is a regular.
REGULAR_ORDERS = 3
REGULAR_DAYS = 90

KINDS = {
    PromotionKind.PERCENT: _("Percent off"),
    PromotionKind.FIXED: _("Amount off"),
    PromotionKind.N_FOR_M: _("Take some, pay for fewer"),
    PromotionKind.FREE_DELIVERY: _("Free delivery"),
}
AUDIENCES = {
    Audience.EVERYONE: _("Everyone"),
    Audience.NEW: _("Who buys for the first time"),
    Audience.REGULARS: _("Regulars"),
}


class Campaign(models.Model):
    """Why promotions and coupons are given, to be judged together afterwards."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    note = models.TextField(_("note"), blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class PromotionQuerySet(models.QuerySet["Promotion"]):
    def running(self) -> "PromotionQuerySet":
        """Keep what applies right now, by the database's clock."""
        return self.filter(
            Q(ends_at__isnull=True) | Q(ends_at__gt=Now()),
            is_active=True,
            starts_at__lte=Now(),
        )


# A name or a later end changes no price; whoever goes on with what is over does.
_NEXT_EDITION = """
    NEW.version = OLD.version + 1;
    IF OLD.created_at < now() AND (
        (OLD.kind, OLD.value, OLD.max_discount, OLD.min_spend, OLD.audience,
         OLD.starts_at, OLD.is_active, OLD.priority, OLD.exclusive_group)
        IS DISTINCT FROM
        (NEW.kind, NEW.value, NEW.max_discount, NEW.min_spend, NEW.audience,
         NEW.starts_at, NEW.is_active, NEW.priority, NEW.exclusive_group)
        OR (OLD.ends_at <= now() AND NEW.ends_at IS DISTINCT FROM OLD.ends_at)
    ) THEN
        NEW.changed_at = now();
    END IF;
    RETURN NEW;
"""


class Promotion(models.Model):
    """A rule that makes a purchase cheaper without anybody asking for it.

    Without categories and products it is for everything the shop sells.
    """

    campaign = models.ForeignKey(
        Campaign,
        verbose_name=_("campaign"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="promotions",
    )
    name = models.CharField(
        _("name"), max_length=100, help_text=_("Shoppers read it beside the discount.")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=list(KINDS.items()))
    value = models.BigIntegerField(
        _("value"),
        default=0,
        help_text=_("Percent, or an amount in minor units; 0 for the other kinds."),
    )
    # Of each ``take`` units of all that it is for ``pay`` are paid for.
    take = models.PositiveIntegerField(_("units to take"), default=0)
    pay = models.PositiveIntegerField(_("units to pay for"), default=0)
    max_discount = models.BigIntegerField(
        _("at most, per order"), null=True, blank=True
    )
    min_spend = models.BigIntegerField(
        _("minimum spend"),
        default=0,
        help_text=_("On the products it is for, before any discount."),
    )
    categories = models.ManyToManyField(
        "catalog.Category",
        verbose_name=_("categories"),
        blank=True,
        related_name="+",
        through="PromotionCategory",
    )
    products = models.ManyToManyField(
        "catalog.Product",
        verbose_name=_("products"),
        blank=True,
        related_name="+",
        through="PromotionProduct",
    )
    audience = models.CharField(
        _("for whom"),
        max_length=16,
        choices=list(AUDIENCES.items()),
        default=Audience.EVERYONE,
    )
    # Half-open: from the first instant until just before the second.
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)
    priority = models.IntegerField(
        _("priority"), default=0, help_text=_("Higher ones are applied first.")
    )
    exclusive_group = models.CharField(
        _("exclusive group"),
        max_length=40,
        blank=True,
        help_text=_("Of one group only the first that applies is given."),
    )
    budget = models.BigIntegerField(
        _("budget"), null=True, blank=True, help_text=_("Of all orders together.")
    )
    # What live orders got of the budget; only orders change it.
    spent = models.BigIntegerField(_("spent"), db_default=0, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    announcement = models.CharField(
        _("announcement"),
        max_length=200,
        blank=True,
        help_text=_(
            "Who agreed to hear of offers is told so when it starts; empty tells"
            " nobody."
        ),
    )
    announced_at = models.DateTimeField(null=True, editable=False)
    # Raised by the database when the terms change: an order is written only if they
    # are those that it was quoted by.
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # When the database last saw that other prices follow from the terms: nobody knows
    # what they were before. Empty if they are those that it was made with.
    changed_at = models.DateTimeField(null=True, editable=False)

    objects = PromotionQuerySet.as_manager()

    class Meta:
        ordering = ["-priority", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=PromotionKind.PERCENT, value__range=(1, 100))
                | Q(kind=PromotionKind.FIXED, value__gte=1)
                | Q(kind=PromotionKind.N_FOR_M, pay__gte=1, take__gt=F("pay"))
                | Q(kind=PromotionKind.FREE_DELIVERY),
                name="promotion_value_possible",
            ),
            models.CheckConstraint(
                condition=Q(audience__in=[str(one) for one in Audience]),
                name="promotion_audience_known",
            ),
            models.CheckConstraint(
                condition=Q(min_spend__gte=0)
                & (Q(max_discount__isnull=True) | Q(max_discount__gt=0)),
                name="promotion_limits_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="promotion_starts_before_it_ends",
            ),
            models.CheckConstraint(
                condition=Q(spent__gte=0)
                & (Q(budget__isnull=True) | Q(spent__lte=F("budget"))),
                name="promotion_spent_within_budget",
            ),
        ]
        indexes = [
            # Read by each purchase; few rows are active at a time.
            models.Index(
                fields=["starts_at"],
                condition=Q(is_active=True),
                name="promotion_active",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="raise_version",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.AnyChange(
                    exclude=[
                        "spent",
                        "version",
                        "announcement",
                        "announced_at",
                        "created_at",
                        "changed_at",
                    ]
                ),
                func=_NEXT_EDITION,
            ),
            # What orders got without a budget was not counted.
            pgtrigger.Protect(
                name="budget_from_the_start",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "((OLD.budget IS NULL) <> (NEW.budget IS NULL))"
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_running(self, now: datetime) -> bool:
        is_over = self.ends_at is not None and self.ends_at <= now
        return self.is_active and self.starts_at <= now and not is_over


# What a promotion is for is one of its terms.
_RAISE_VERSION = """
    UPDATE promotions_promotion
       SET version = version + 1,
           changed_at = CASE WHEN created_at < now() THEN now() ELSE changed_at END
     WHERE id IN (NEW.promotion_id, OLD.promotion_id);
    RETURN NULL;
"""


def _raises_version() -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="raise_version",
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        when=pgtrigger.After,
        func=_RAISE_VERSION,
    )


class PromotionCategory(models.Model):
    """A category whose products, and those of all below it, a promotion is for.

    It cannot go before the promotion: one that is for nothing would be for everything.
    """

    promotion = models.ForeignKey(
        Promotion, on_delete=models.CASCADE, related_name="category_rows"
    )
    category = models.ForeignKey(
        "catalog.Category",
        verbose_name=_("category"),
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta:
        db_table = "promotions_promotion_categories"
        unique_together = (("promotion", "category"),)
        verbose_name = _("category")
        verbose_name_plural = _("only for these categories")
        triggers = [_raises_version()]

    def __str__(self) -> str:
        return str(self.category)


class PromotionProduct(models.Model):
    """A product that a promotion is for; it cannot go before the promotion either."""

    promotion = models.ForeignKey(
        Promotion, on_delete=models.CASCADE, related_name="product_rows"
    )
    product = models.ForeignKey(
        "catalog.Product",
        verbose_name=_("product"),
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta:
        db_table = "promotions_promotion_products"
        unique_together = (("promotion", "product"),)
        verbose_name = _("product")
        verbose_name_plural = _("only for these products")
        triggers = [_raises_version()]

    def __str__(self) -> str:
        return str(self.product)


class UseState(models.TextChoices):
    """Whether an order still has what a promotion gave it."""

    TAKEN = "taken", _("Given")
    RELEASED = "released", _("Back, the order is dead")


class PromotionUse(models.Model):
    """What one order got from one promotion."""

    promotion = models.ForeignKey(
        Promotion, on_delete=models.PROTECT, related_name="uses", db_index=False
    )
    # Orders stand above promotions, so this is a copy and not a reference.
    order_id = models.UUIDField()
    amount = models.BigIntegerField(_("amount"))
    state = models.CharField(max_length=16, choices=UseState, db_default=UseState.TAKEN)
    # Whom a promotion for new buyers was given to; empty for others.
    new_buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    taken_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order_id", "promotion"], name="promotion_once_per_order"
            ),
            # Two first orders at once are still one first order.
            models.UniqueConstraint(
                fields=["promotion", "new_buyer"],
                condition=Q(state=UseState.TAKEN),
                name="promotion_once_per_new_buyer",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0), name="promotion_use_amount_positive"
            ),
        ]
        indexes = [
            models.Index(fields=["promotion", "-taken_at"], name="promotion_use_recent")
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="frozen",
                fields=["promotion", "order_id", "amount", "new_buyer"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of promotion {self.promotion_id}"
