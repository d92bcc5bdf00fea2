"""Coupons that come in limited numbers."""

from datetime import datetime

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class DiscountKind(models.TextChoices):
    """How a coupon reduces the price."""

    PERCENT = "percent", _("Percent")
    FIXED = "fixed", _("Fixed amount")


class CouponState(models.TextChoices):
    """Where a coupon is in its life."""

    ISSUED = "issued", _("Usable")
    RESERVED = "reserved", _("On an unpaid order")
    USED = "used", _("Used")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Withdrawn")


class Segment(models.TextChoices):
    """How somebody buys, by how recently, how often and how much (RFM)."""

    CHAMPION = "champion", _("Buys very often")
    REGULAR = "regular", _("Buys regularly")
    SLEEPING = "sleeping", _("Has not bought for a while")
    NEW = "new", _("Has bought once, lately")
    OCCASIONAL = "occasional", _("Buys now and then")


class CouponBatchQuerySet(models.QuerySet["CouponBatch"]):
    def shown(self) -> "CouponBatchQuerySet":
        """Keep the drops a shopper may see: for all, not withdrawn, still valid."""
        return self.filter(
            is_active=True, is_personal=False, valid_until__gt=Now()
        ).order_by("opens_at", "pk")


class CouponBatch(models.Model):
    """A limited number of equal coupons; who comes first gets one."""

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=16, choices=DiscountKind)
    value = models.BigIntegerField(
        _("value"), help_text=_("Percent, or an amount in minor units.")
    )
    max_discount = models.BigIntegerField(_("at most"), null=True, blank=True)
    min_spend = models.BigIntegerField(_("minimum spend"), default=0)
    quantity = models.PositiveIntegerField(_("number of coupons"))
    # Raised by each claim and never lowered: it is also the last place in line.
    issued = models.PositiveIntegerField(_("issued"), db_default=0, editable=False)
    opens_at = models.DateTimeField(_("claims open"))
    # Half-open: valid from the first instant until just before the second.
    valid_from = models.DateTimeField(_("valid from"))
    valid_until = models.DateTimeField(_("valid until"))
    is_active = models.BooleanField(_("active"), default=True)
    # Given to certain shoppers by a rule; nobody can claim one.
    is_personal = models.BooleanField(
        _("personal"), default=False, db_default=False, editable=False
    )
    campaign = models.ForeignKey(
        "promotions.Campaign",
        verbose_name=_("campaign"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="coupon_batches",
    )

    objects = CouponBatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "coupon batches"
        constraints = [
            models.CheckConstraint(
                condition=Q(issued__gte=0, issued__lte=F("quantity")),
                name="coupon_batch_issued_within_quantity",
            ),
            models.CheckConstraint(
                condition=Q(kind=DiscountKind.PERCENT, value__gte=1, value__lte=100)
                | Q(kind=DiscountKind.FIXED, value__gte=1),
                name="coupon_batch_value_possible",
            ),
            models.CheckConstraint(
                condition=Q(min_spend__gte=0)
                & (Q(max_discount__isnull=True) | Q(max_discount__gt=0)),
                name="coupon_batch_limits_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("valid_from")),
                name="coupon_batch_valid_from_before_until",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def left(self) -> int:
        return self.quantity - self.issued

    def is_open(self, now: datetime) -> bool:
        return self.is_active and self.opens_at <= now < self.valid_until


class CouponQuerySet(models.QuerySet["Coupon"]):
    def of_user(self, user_id: int) -> "CouponQuerySet":
        return self.filter(user_id=user_id)

    def usable(self) -> "CouponQuerySet":
        """Keep coupons that could be put on an order right now."""
        return self.filter(
            state=CouponState.ISSUED,
            batch__is_active=True,
            batch__valid_from__lte=Now(),
            batch__valid_until__gt=Now(),
        )


class Coupon(models.Model):
    """One shopper's coupon of a batch."""

    batch = models.ForeignKey(
        CouponBatch, on_delete=models.PROTECT, related_name="coupons", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="coupons",
        db_index=False,
    )
    # The shopper's place in line: 1 came first.
    serial = models.PositiveIntegerField(_("serial"))
    state = models.CharField(
        _("state"), max_length=16, choices=CouponState, db_default=CouponState.ISSUED
    )
    order = models.ForeignKey(
        "orders.Order",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="coupons",
    )
    issued_at = models.DateTimeField(_("issued"), db_default=Now())
    used_at = models.DateTimeField(_("used"), null=True, blank=True)

    objects = CouponQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "user"], name="coupon_once_per_user_and_batch"
            ),
            models.UniqueConstraint(
                fields=["batch", "serial"], name="coupon_serial_once_per_batch"
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[CouponState.RESERVED, CouponState.USED],
                    order__isnull=False,
                )
                | (
                    ~Q(state__in=[CouponState.RESERVED, CouponState.USED])
                    & Q(order__isnull=True)
                ),
                name="coupon_has_an_order_while_taken",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(order__isnull=False),
                name="coupon_one_per_order",
            ),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="coupon_wallet")]

    def __str__(self) -> str:
        return f"{self.batch} no. {self.serial}"


class PersonalRule(models.Model):
    """Which customers get a coupon of their own by night, and within which budget."""

    campaign = models.ForeignKey(
        "promotions.Campaign",
        verbose_name=_("campaign"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="personal_rules",
    )
    name = models.CharField(
        _("name"), max_length=100, help_text=_("Shoppers read it on the coupon.")
    )
    segment = models.CharField(_("for whom"), max_length=16, choices=Segment)
    kind = models.CharField(_("kind"), max_length=16, choices=DiscountKind)
    value = models.BigIntegerField(
        _("value"), help_text=_("Percent, or an amount in minor units.")
    )
    max_discount = models.BigIntegerField(
        _("at most"),
        null=True,
        blank=True,
        help_text=_("Needed for percent: the budget is planned by it."),
    )
    min_spend = models.BigIntegerField(_("minimum spend"), default=0)
    days_valid = models.PositiveIntegerField(_("valid for, days"), default=14)
    # The same customer is not thought of again before.
    pause_days = models.PositiveIntegerField(_("pause, days"), default=60)
    # What used coupons took off, and what open ones still can, stays within it.
    budget = models.BigIntegerField(_("budget"))
    holdout_percent = models.PositiveIntegerField(
        _("left out, %"),
        default=10,
        help_text=_("Get nothing, by lot, so that it shows what the coupons bring."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind=DiscountKind.PERCENT,
                    value__range=(1, 100),
                    max_discount__isnull=False,
                )
                | Q(kind=DiscountKind.FIXED, value__gte=1),
                name="personal_rule_value_possible",
            ),
            models.CheckConstraint(
                condition=Q(budget__gte=0, min_spend__gte=0, days_valid__gte=1)
                & (Q(max_discount__isnull=True) | Q(max_discount__gt=0)),
                name="personal_rule_limits_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(holdout_percent__lte=50),
                name="personal_rule_holds_out_half_at_most",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def worst(self) -> int:
        """The most that one coupon can take off, in minor units."""
        return self.value if self.max_discount is None else self.max_discount


class PersonalOffer(models.Model):
    """What a rule decided about a customer: a coupon, or by lot none. Never changed."""

    rule = models.ForeignKey(
        PersonalRule, on_delete=models.PROTECT, related_name="offers", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    # Empty for who was left out.
    coupon = models.OneToOneField(
        Coupon, on_delete=models.PROTECT, null=True, related_name="personal_offer"
    )
    # Why: the segment of that night, and the paid orders of the 90 days before.
    segment = models.CharField(max_length=16, choices=Segment)
    orders = models.PositiveIntegerField()
    decided_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["rule", "user", "-decided_at"], name="personal_offers")
        ]
        triggers = [
            pgtrigger.Protect(
                name="append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule}: user {self.user_id}"
