"""The ways a parcel can travel, where to, and at what price."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class DeliveryKind(models.TextChoices):
    STANDARD = "standard", _("Standard")
    EXPRESS = "express", _("Express")
    PICKUP = "pickup", _("Pick-up")


class DeliveryMethodQuerySet(models.QuerySet["DeliveryMethod"]):
    def offered(self) -> "DeliveryMethodQuerySet":
        return self.filter(is_active=True).order_by("position", "pk")


class DeliveryMethod(models.Model):
    """A way of delivery with its price and how many working days it takes."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(
        _("kind"),
        max_length=12,
        choices=DeliveryKind,
        default=DeliveryKind.STANDARD,
    )
    cost = models.BigIntegerField(
        _("cost"), help_text=_("Everywhere, unless there are rates below.")
    )
    free_from = models.BigIntegerField(
        _("free from"),
        null=True,
        blank=True,
        help_text=_("Goods total, in minor units."),
    )
    carrier = models.CharField(_("carrier"), max_length=40, blank=True)
    carrier_service = models.CharField(
        _("the carrier's service"),
        max_length=80,
        blank=True,
        help_text=_(
            "With one, the carrier is asked for its price; empty: the prices here hold."
        ),
    )
    cut_off = models.TimeField(
        _("cut-off"),
        null=True,
        blank=True,
        help_text=_("What is ordered before, in shop time, leaves on the same day."),
    )
    days_min = models.PositiveSmallIntegerField(_("working days, at least"), default=1)
    days_max = models.PositiveSmallIntegerField(_("working days, at most"), default=3)
    works_weekends = models.BooleanField(_("works on weekends"), default=False)
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
            models.CheckConstraint(
                condition=Q(kind__in=DeliveryKind.values),
                name="delivery_method_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(carrier_service="") | ~Q(carrier=""),
                name="delivery_method_service_has_a_carrier",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Zone(models.Model):
    """A part of the world with prices of its own.

    An address belongs to the zone that fits it most closely: by the longest beginning
    of its postal code, then by its country, then the one that is everywhere else.
    """

    name = models.CharField(_("name"), max_length=100)
    countries = ArrayField(
        models.CharField(max_length=2),
        verbose_name=_("countries"),
        default=list,
        blank=True,
        help_text=_("ISO codes, separated by commas. Empty: everywhere else."),
    )
    # As ``postal_code_of`` writes them: capital letters and digits.
    postal_prefixes = ArrayField(
        models.CharField(max_length=16),
        verbose_name=_("postal codes"),
        default=list,
        blank=True,
        help_text=_("How they begin, separated by commas. Empty: all."),
    )
    position = models.PositiveIntegerField(_("position"), default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], name="delivery_zone_name_once"),
            models.UniqueConstraint(
                fields=["countries"],
                condition=Q(countries=[]),
                name="delivery_zone_one_everywhere_else",
            ),
            models.CheckConstraint(
                condition=Q(postal_prefixes=[]) | ~Q(countries=[]),
                name="delivery_zone_postal_codes_are_of_a_country",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Rate(models.Model):
    """What a way of delivery costs in a zone, up to a weight, from a goods total."""

    method = models.ForeignKey(
        DeliveryMethod, on_delete=models.CASCADE, related_name="rates"
    )
    zone = models.ForeignKey(
        Zone, on_delete=models.PROTECT, related_name="rates", verbose_name=_("zone")
    )
    weight_up_to = models.PositiveIntegerField(
        _("up to, g"), null=True, blank=True, help_text=_("Empty: any weight.")
    )
    value_from = models.BigIntegerField(_("goods total from"), default=0)
    cost = models.BigIntegerField(_("cost"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["method", "zone", "weight_up_to", "value_from"],
                nulls_distinct=False,
                name="delivery_rate_once",
            ),
            models.CheckConstraint(
                condition=Q(cost__gte=0), name="delivery_rate_cost_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(value_from__gte=0),
                name="delivery_rate_value_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(weight_up_to__isnull=True) | Q(weight_up_to__gt=0),
                name="delivery_rate_weight_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.zone}: {self.cost}"


class PickupPointQuerySet(models.QuerySet["PickupPoint"]):
    def open(self) -> "PickupPointQuerySet":
        return self.filter(is_active=True).order_by("position", "pk")


class PickupPoint(models.Model):
    """A place where parcels wait for their shoppers."""

    method = models.ForeignKey(
        DeliveryMethod,
        on_delete=models.CASCADE,
        related_name="pickup_points",
        limit_choices_to={"kind": DeliveryKind.PICKUP},
    )
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=100)
    postal_code = models.CharField(_("postal code"), max_length=16)
    line1 = models.CharField(_("address"), max_length=200)
    line2 = models.CharField(_("flat, floor"), max_length=200, blank=True)
    city = models.CharField(_("city"), max_length=100)
    country = models.CharField(_("country"), max_length=2, default="KR")
    opening_hours = models.CharField(_("opening hours"), max_length=200, blank=True)
    is_active = models.BooleanField(_("open"), default=True)
    position = models.PositiveIntegerField(_("position"), default=0)

    objects = PickupPointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["method", "code"], name="pickup_point_code_once_per_method"
            ),
        ]

    def __str__(self) -> str:
        return self.name
