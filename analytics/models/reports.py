"""What the reports read: each day's takings, and each product's standing."""

from collections.abc import Collection

from django.db import models
from django.db.models import Case, Q, When
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

# Above so many deviations from the usual, a product is on the rise.
RISING_Z = 2.0
# Fewer orders than these are chance, however unusual.
RISING_ORDERS = 3


class DailyTakings(models.Model):
    """What one way of delivery took in on one shop day. Replaced with the day's sales.

    Orders stand on the day they were paid, refunds on the day they were given.
    """

    day = models.DateField(_("day"))
    # As the order has it; empty where nothing is sent.
    delivery_method = models.CharField(
        _("delivery method"), max_length=40, blank=True, db_default=""
    )
    orders = models.BigIntegerField(_("orders"), default=0)
    goods = models.BigIntegerField(_("goods"), default=0)
    discount = models.BigIntegerField(_("discount"), default=0)
    delivery = models.BigIntegerField(_("delivery"), default=0)
    refunded_goods = models.BigIntegerField(_("refunded goods"), default=0)
    refunded_delivery = models.BigIntegerField(_("refunded delivery"), default=0)

    class Meta:
        verbose_name_plural = "daily takings"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "delivery_method"],
                name="daily_takings_once_per_day_and_method",
            ),
            models.CheckConstraint(
                condition=Q(
                    orders__gte=0,
                    goods__gte=0,
                    discount__gte=0,
                    delivery__gte=0,
                    refunded_goods__gte=0,
                    refunded_delivery__gte=0,
                ),
                name="daily_takings_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.orders} orders by {self.delivery_method or '–'}"


class ProductScoreQuerySet(models.QuerySet["ProductScore"]):
    def on_sale(self, categories: Collection[int] | None) -> "ProductScoreQuerySet":
        """Keep products on sale, of some categories or (``None``) of all."""
        scores = self.filter(product__published_at__lte=Now())
        if categories is None:
            return scores
        return scores.filter(product__category__in=categories)

    def by_trend(self) -> "ProductScoreQuerySet":
        """Put what is on the rise first, then the higher score, then the lower id."""
        is_rising = Q(z__gte=RISING_Z, recent_orders__gte=RISING_ORDERS)
        place = Case(When(is_rising, then=0), default=1)
        return self.order_by(place, "-score", "product_id")


class ProductScore(models.Model):
    """How one product sells: ever, this month, and lately beside what is usual.

    Replaced by the clock from the daily sales; a product without any has no row.
    """

    product = models.OneToOneField(
        "catalog.Product",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="score",
    )
    # What was sold less what came back.
    units_ever = models.BigIntegerField(_("units ever"))
    revenue_ever = models.BigIntegerField(_("revenue ever"))
    units_month = models.BigIntegerField(_("units in 30 days"))
    revenue_month = models.BigIntegerField(_("revenue in 30 days"))
    # Orders, not units: one that buys a hundred is one.
    recent_orders = models.IntegerField(_("orders lately"))
    usual_orders = models.FloatField(_("orders usual in that time"))
    z = models.FloatField(_("deviations above usual"))
    recent_views = models.IntegerField(_("visits with a look, lately"))
    # Orders and views, each day's counting less than that of the day after.
    score = models.FloatField(_("score"))

    objects = ProductScoreQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    recent_orders__gte=0,
                    usual_orders__gte=0,
                    recent_views__gte=0,
                    score__gte=0,
                ),
                name="product_score_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["-score", "product"], name="product_score_best"),
        ]

    def __str__(self) -> str:
        return f"product {self.product_id}: {self.score:.2f}"

    @property
    def is_rising(self) -> bool:
        return self.z >= RISING_Z and self.recent_orders >= RISING_ORDERS


class ReportRun(models.Model):
    """When a table of the reports was last made anew, and how much that changed."""

    SCORES = "scores"
    FUNNEL = "funnel"

    name = models.CharField(max_length=32, primary_key=True)
    computed_at = models.DateTimeField(_("computed"), db_default=Now())
    changed = models.BigIntegerField(_("rows that differed"), default=0)

    def __str__(self) -> str:
        return f"{self.name} at {self.computed_at}"


class DailyFunnel(models.Model):
    """How far visits and orders of one shop day came. Outlives the raw events.

    Visits are those of shoppers who let themselves be observed; orders are all.
    """

    day = models.DateField(_("day"), primary_key=True)
    visits = models.BigIntegerField(_("visits"), default=0)
    viewed = models.BigIntegerField(_("visits that looked at a product"), default=0)
    added = models.BigIntegerField(_("visits that filled a cart"), default=0)
    bought = models.BigIntegerField(_("visits that bought"), default=0)
    # Orders placed that day, and those of them that were paid, whenever.
    placed = models.BigIntegerField(_("orders placed"), default=0)
    paid = models.BigIntegerField(_("of these, paid"), default=0)

    class Meta:
        verbose_name_plural = "daily funnel"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    viewed__range=(0, models.F("visits")),
                    added__range=(0, models.F("visits")),
                    bought__range=(0, models.F("visits")),
                    paid__range=(0, models.F("placed")),
                ),
                name="daily_funnel_narrows",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.visits} visits, {self.placed} orders"
