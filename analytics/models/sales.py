"""Sales by day and product."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class DailySales(models.Model):
    """What one product sold on one shop day. Replaced whole when the day changes.

    Sales stand on the day they were paid, refunds on the day they were given.
    """

    day = models.DateField(_("day"))
    product = models.ForeignKey(
        "catalog.Product", on_delete=models.CASCADE, related_name="daily_sales"
    )
    units = models.BigIntegerField(_("units"), default=0)
    orders = models.BigIntegerField(_("orders"), default=0)
    revenue = models.BigIntegerField(_("revenue"), default=0)
    refunded_units = models.BigIntegerField(_("refunded units"), default=0)
    refunded = models.BigIntegerField(_("refunded"), default=0)

    class Meta:
        verbose_name_plural = "daily sales"
        constraints = [
            # A ranking, and a rollup, read their days of the index and nothing else.
            models.UniqueConstraint(
                fields=["day", "product"],
                include=["units", "orders", "revenue", "refunded_units", "refunded"],
                name="daily_sales_once_per_day_and_product",
            ),
            models.CheckConstraint(
                condition=Q(
                    units__gte=0,
                    orders__gte=0,
                    revenue__gte=0,
                    refunded_units__gte=0,
                    refunded__gte=0,
                ),
                name="daily_sales_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.units} of product {self.product_id}"


class DirtyDay(models.Model):
    """A shop day whose rollup no longer holds and has to be made again."""

    day = models.DateField(primary_key=True)
    marked_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.day)


class RollupRun(models.Model):
    """When a shop day was last rolled up."""

    day = models.DateField(primary_key=True)
    computed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.day} at {self.computed_at}"
