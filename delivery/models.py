"""The ways a parcel can travel."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class DeliveryMethodQuerySet(models.QuerySet["DeliveryMethod"]):
    def offered(self) -> "DeliveryMethodQuerySet":
        return self.filter(is_active=True).order_by("position", "pk")


class DeliveryMethod(models.Model):
    """A way of delivery with its price and how many days it takes."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    cost = models.BigIntegerField(_("cost"))
    free_from = models.BigIntegerField(
        _("free from"),
        null=True,
        blank=True,
        help_text=_("Goods total, in minor units."),
    )
    days_min = models.PositiveSmallIntegerField(_("days, at least"), default=1)
    days_max = models.PositiveSmallIntegerField(_("days, at most"), default=3)
    is_active = models.BooleanField(_("offered"), default=True)
    position = models.PositiveIntegerField(_("position"), default=0)

    objects = DeliveryMethodQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(cost__gte=0), name="delivery_method_cost_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(days_max__gte=F("days_min")),
                name="delivery_method_days_in_order",
            ),
        ]

    def __str__(self) -> str:
        return self.name
