"""Money that came in for orders, and money that went back."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from common.ids import uuid7


class PaymentMethod(models.TextChoices):
    """What an order was paid with."""

    POINTS = "points", _("Points")
    # An order that a coupon made free of charge still has its one payment, of zero.
    FREE = "free", _("Free of charge")


class PaymentState(models.TextChoices):
    """How far a payment has come."""

    CREATED = "created", _("Created")
    PROCESSING = "processing", _("Processing")
    AUTHORISED = "authorised", _("Authorised")
    CAPTURED = "captured", _("Captured")
    FAILED = "failed", _("Failed")
    VOIDED = "voided", _("Voided")


class Payment(models.Model):
    """One way in which an order was, or was to be, paid."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(
        "orders.Order", on_delete=models.PROTECT, related_name="payments"
    )
    method = models.CharField(_("method"), max_length=16, choices=PaymentMethod)
    amount = models.BigIntegerField(_("amount"))
    refunded = models.BigIntegerField(_("refunded"), db_default=0)
    state = models.CharField(
        _("state"), max_length=16, choices=PaymentState, db_default=PaymentState.CREATED
    )
    provider_reference = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    captured_at = models.DateTimeField(_("captured"), null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=0), name="payment_amount_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(refunded__gte=0, refunded__lte=F("amount")),
                name="payment_refunded_within_amount",
            ),
            models.CheckConstraint(
                condition=~Q(state=PaymentState.CAPTURED)
                | Q(captured_at__isnull=False),
                name="payment_captured_at_set_once_captured",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(state=PaymentState.CAPTURED),
                name="payment_captured_once_per_order",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="frozen", fields=["order", "method", "amount"]),
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()} {self.amount}"


class Refund(models.Model):
    """Money given back from one payment. Never changed or deleted."""

    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="refunds"
    )
    amount = models.BigIntegerField(_("amount"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    idempotency_key = models.CharField(max_length=200)
    refunded_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=0), name="refund_amount_not_negative"
            ),
            models.UniqueConstraint(
                fields=["payment", "idempotency_key"], name="refund_once_per_key"
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"Refund of {self.amount}"


class RefundLine(models.Model):
    """Which goods a refund was for. Never changed or deleted."""

    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="lines")
    order_line = models.ForeignKey(
        "orders.OrderLine", on_delete=models.PROTECT, related_name="refund_lines"
    )
    product = models.ForeignKey(
        "catalog.Product", on_delete=models.PROTECT, related_name="+"
    )
    quantity = models.PositiveIntegerField()
    amount = models.BigIntegerField()
    # Copied from the refund: the sales rollup reads one day of it.
    refunded_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["refund", "order_line"], name="refund_line_once_per_refund"
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0, quantity__gte=1),
                name="refund_line_amount_not_negative",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.order_line_id}"
