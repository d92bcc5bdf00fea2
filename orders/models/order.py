"""Orders, frozen as they were placed, and what happened to them since."""

import re
from datetime import datetime, timedelta

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Lower, Now, Right
from django.utils.translation import gettext_lazy as _

from common.ids import public_number, uuid7

MAX_QUANTITY = 999
# What staff are told to look at: unpaid orders about to expire, paid ones not shipped.
SOON = timedelta(minutes=10)
LATE_AFTER = timedelta(hours=24)


class OrderStatus(models.TextChoices):
    """How far an order has come."""

    PENDING = "pending", _("Awaiting payment")
    PAID = "paid", _("Paid")
    PROCESSING = "processing", _("Being packed")
    SHIPPED = "shipped", _("Shipped")
    DELIVERED = "delivered", _("Delivered")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")


# The only ways an order may go. The services check it under the row lock, the trigger
# below once more for everything that comes another way.
NEXT_STATUSES: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset(
        {OrderStatus.PAID, OrderStatus.CANCELLED, OrderStatus.EXPIRED}
    ),
    OrderStatus.PAID: frozenset({OrderStatus.PROCESSING, OrderStatus.CANCELLED}),
    OrderStatus.PROCESSING: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELLED}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED}),
    OrderStatus.DELIVERED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    # Money that arrives late: the goods are taken again, if they are still there.
    OrderStatus.EXPIRED: frozenset({OrderStatus.PAID}),
}
# Paid for, and not undone.
SETTLED = (
    OrderStatus.PAID,
    OrderStatus.PROCESSING,
    OrderStatus.SHIPPED,
    OrderStatus.DELIVERED,
)
# Given up: what they held is free again.
DEAD = (OrderStatus.CANCELLED, OrderStatus.EXPIRED)
# As much of a phone number as is the same with and without the code of a country.
PHONE_DIGITS = 8
# Not packed yet, so it can still go elsewhere.
READDRESSABLE = (OrderStatus.PENDING, OrderStatus.PAID)
FROZEN_FIELDS = (
    "number",
    "email",
    "subtotal",
    "discount",
    "delivery_cost",
    "total",
    "currency",
    "coupon_id",
    "deliver_by",
    "placed_at",
)


# Times are the database's.
IS_EXPIRING = Q(status=OrderStatus.PENDING, expires_at__lte=Now() + SOON)
IS_LATE = Q(
    status__in=[OrderStatus.PAID, OrderStatus.PROCESSING],
    paid_at__lt=Now() - LATE_AFTER,
)


def phone_of_address() -> Right:
    """Return the last digits of an order's phone number, as an expression."""
    digits = Func(
        KeyTextTransform("phone", "address"),
        Value(r"\D"),
        Value(""),
        Value("g"),
        function="regexp_replace",
        output_field=models.TextField(),
    )
    return Right(digits, PHONE_DIGITS)


class OrderQuerySet(models.QuerySet["Order"]):
    def placed_by(self, user_id: int) -> "OrderQuerySet":
        return self.filter(user_id=user_id)

    def overdue(self) -> "OrderQuerySet":
        """Keep unpaid orders whose time is up, by the database's clock."""
        return self.filter(status=OrderStatus.PENDING, expires_at__lte=Now())

    def expiring(self) -> "OrderQuerySet":
        """Keep unpaid orders whose time is up in a moment."""
        return self.filter(IS_EXPIRING)

    def late(self) -> "OrderQuerySet":
        """Keep orders that have waited too long for their parcel."""
        return self.filter(IS_LATE)

    def of_guest(self, email: str) -> "OrderQuerySet":
        """Keep orders that a guest placed with this address and nobody has claimed.

        The address is in lower case, as guests' are written down.
        """
        # Said twice: the first finds the index, the second is what is meant.
        lowered = self.alias(lowered=Lower("email"))
        return lowered.filter(user=None, lowered=email, email=email)

    def of_email(self, beginning: str) -> "OrderQuerySet":
        """Keep orders whose e-mail address begins so, in whatever case."""
        lowered = self.alias(lowered=Lower("email"))
        return lowered.filter(lowered__startswith=beginning.strip().lower())

    def of_phone(self, number: str) -> "OrderQuerySet":
        """Keep orders that go to a phone number, however it is written.

        Of fewer digits than ``PHONE_DIGITS`` there is none.
        """
        digits = "".join(re.findall(r"[0-9]", number))[-PHONE_DIGITS:]
        if len(digits) < PHONE_DIGITS:
            return self.none()
        return self.alias(phone=phone_of_address()).filter(phone=digits)

    def newest_first(self) -> "OrderQuerySet":
        # The ids are made in the order of time (UUID version 7).
        return self.order_by("-id")


class Order(models.Model):
    """A purchase. Its money, address and lines never change once it is placed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.CharField(
        _("number"), max_length=16, unique=True, default=public_number, editable=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        db_index=False,
    )
    email = models.EmailField(_("e-mail"), max_length=254)
    status = models.CharField(
        _("status"), max_length=16, choices=OrderStatus, default=OrderStatus.PENDING
    )
    subtotal = models.BigIntegerField(_("subtotal"))
    discount = models.BigIntegerField(_("discount"), default=0)
    delivery_cost = models.BigIntegerField(_("delivery cost"), default=0)
    total = models.BigIntegerField(_("total"))
    currency = models.CharField(max_length=3)
    address = models.JSONField(_("address"), default=dict, blank=True)
    delivery_method = models.CharField(_("delivery method"), max_length=40, blank=True)
    # The shopper's words to whoever packs and brings it.
    note = models.CharField(_("note"), max_length=500, blank=True, db_default="")
    # The last day that the shopper was promised.
    deliver_by = models.DateField(_("promised by"), null=True, blank=True)
    # A copy, not a reference: coupons stand above orders and point down to them.
    coupon_id = models.BigIntegerField(null=True, blank=True, editable=False)
    coupon_name = models.CharField(_("coupon"), max_length=100, blank=True)
    # Each reduction of the price with its reason, as quoted.
    adjustments = models.JSONField(default=list, blank=True)
    placed_at = models.DateTimeField(_("placed"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    closed_at = models.DateTimeField(_("cancelled or expired"), null=True, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=OrderStatus.values), name="order_status_known"
            ),
            models.CheckConstraint(
                condition=Q(total=F("subtotal") - F("discount") + F("delivery_cost")),
                name="order_total_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(
                    discount__gte=0, discount__lte=F("subtotal"), delivery_cost__gte=0
                ),
                name="order_discount_within_subtotal",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=SETTLED) | Q(paid_at__isnull=False),
                name="order_paid_at_set_once_paid",
            ),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.PENDING)
                | Q(expires_at__isnull=False, paid_at__isnull=True),
                name="order_pending_has_a_deadline",
            ),
            models.CheckConstraint(
                condition=Q(status__in=DEAD, closed_at__isnull=False)
                | (~Q(status__in=DEAD) & Q(closed_at__isnull=True)),
                name="order_closed_at_set_when_dead",
            ),
            models.UniqueConstraint(
                fields=["coupon_id"],
                condition=~Q(status__in=DEAD),
                name="order_coupon_on_one_live_order",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="order_history"),
            # The expiry job.
            models.Index(
                fields=["expires_at"],
                condition=Q(status=OrderStatus.PENDING),
                name="order_overdue",
            ),
            # Guests' orders, to be claimed by whoever proves the address; and what
            # staff look for by the beginning of an address, or by a phone number.
            models.Index(
                OpClass(Lower("email"), name="text_pattern_ops"), name="order_by_email"
            ),
            models.Index(phone_of_address(), name="order_by_phone"),
            # The staff's lists: by status, newest first.
            models.Index(fields=["status", "-id"], name="order_by_status"),
            models.Index(
                fields=["-paid_at"],
                condition=Q(paid_at__isnull=False),
                name="order_recently_paid",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="frozen", fields=list(FROZEN_FIELDS)),
            # A guest's order can be claimed once, and is its owner's for ever.
            pgtrigger.Protect(
                name="owner_kept",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__user__isnull=False)
                & pgtrigger.Q(old__user__df=pgtrigger.F("new__user")),
            ),
            pgtrigger.FSM(
                name="status_transitions",
                field="status",
                transitions=[
                    (str(before), str(after))
                    for before, nexts in NEXT_STATUSES.items()
                    for after in sorted(nexts)
                ],
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def can_become(self, status: OrderStatus) -> bool:
        return status in NEXT_STATUSES[OrderStatus(self.status)]

    def is_overdue(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


class OrderLine(models.Model):
    """One product of an order, with name and price as they were."""

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    product = models.ForeignKey(
        "catalog.Product", on_delete=models.PROTECT, related_name="order_lines"
    )
    sku = models.CharField(_("SKU"), max_length=40)
    name = models.CharField(_("name"), max_length=200)
    unit_price = models.BigIntegerField(_("unit price"))
    quantity = models.PositiveIntegerField(_("quantity"))
    line_total = models.GeneratedField(
        expression=F("unit_price") * F("quantity"),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    # This line's part of the order's discount; the shares add up to it exactly.
    discount_share = models.BigIntegerField(default=0)
    # Copied from the order, so that a day's sales are one index range.
    paid_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "product"], name="order_line_product_once"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=MAX_QUANTITY),
                name="order_line_quantity_in_range",
            ),
            models.CheckConstraint(
                condition=Q(unit_price__gt=0), name="order_line_price_positive"
            ),
            models.CheckConstraint(
                condition=Q(
                    discount_share__gte=0,
                    discount_share__lte=F("unit_price") * F("quantity"),
                ),
                name="order_line_discount_within_total",
            ),
        ]
        indexes = [
            # The sales rollup reads one day of it and nothing else.
            models.Index(
                fields=["paid_at"],
                include=["product", "quantity", "unit_price", "discount_share"],
                condition=Q(paid_at__isnull=False),
                name="order_line_sales",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="frozen",
                fields=[
                    "order",
                    "product",
                    "sku",
                    "name",
                    "unit_price",
                    "quantity",
                    "discount_share",
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"


class OrderEvent(models.Model):
    """An entry of an order's timeline. Never changed or deleted."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    # Empty for the first entry.
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    happened_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(to_status__in=OrderStatus.values),
                name="order_event_status_known",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_status or 'new'} → {self.to_status}"


class AddressChange(models.Model):
    """An order was sent elsewhere; ``before`` is where it would have gone."""

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="address_changes"
    )
    before = models.JSONField(_("address before"), default=dict)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    happened_at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        ordering = ["id"]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            # Not ``before``: it names a person, who may want to be forgotten.
            pgtrigger.ReadOnly(name="frozen", fields=["order", "actor", "happened_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.happened_at:%Y-%m-%d %H:%M}"
