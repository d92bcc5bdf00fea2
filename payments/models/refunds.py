"""Money that goes back, to where it came from."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from payments.models.payment import Payment

# The key of money that came too late, bought nothing and went back whole.
UNSOLD = "payment/"
# The same as ``of_sales``, for statements over ``payments_refund``.
IS_OF_SALE_SQL = f"NOT starts_with(idempotency_key, '{UNSOLD}')"


class RefundQuerySet(models.QuerySet["Refund"]):
    def of_sales(self) -> "RefundQuerySet":
        """Leave out what takes nothing off a sale: it had never been one."""
        return self.exclude(idempotency_key__startswith=UNSOLD)


class Refund(models.Model):
    """One decision to give money back. Never changed or deleted."""

    # Empty for money that bought no order: a charge of points, for example.
    order = models.ForeignKey(
        "orders.Order", on_delete=models.PROTECT, related_name="refunds", null=True
    )
    amount = models.BigIntegerField(_("amount"))
    # Of the amount: what was paid for delivery, and not for goods.
    delivery_amount = models.BigIntegerField(_("for delivery"), db_default=0)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    idempotency_key = models.CharField(max_length=200, unique=True)
    refunded_at = models.DateTimeField(_("time"), db_default=Now(), db_index=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    amount__gte=0,
                    delivery_amount__gte=0,
                    delivery_amount__lte=models.F("amount"),
                ),
                name="refund_amount_not_negative",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"Refund of {self.amount}"


class LegState(models.TextChoices):
    """Whether money is back at its source."""

    PENDING = "pending", _("On its way")
    DONE = "done", _("Given back")
    # The provider will not: staff pay it back another way.
    REFUSED = "refused", _("Refused by the provider")


class RefundLeg(models.Model):
    """The part of a refund that goes back through one payment."""

    refund = models.ForeignKey(
        Refund, on_delete=models.PROTECT, related_name="legs", db_index=False
    )
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="legs")
    amount = models.BigIntegerField(_("amount"))
    state = models.CharField(
        _("state"), max_length=16, choices=LegState, db_default=LegState.PENDING
    )
    provider_reference = models.CharField(max_length=100, blank=True, db_default="")
    note = models.CharField(_("note"), max_length=200, blank=True, db_default="")
    done_at = models.DateTimeField(_("given back"), null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["refund", "payment"], name="refund_leg_once_per_payment"
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0), name="refund_leg_amount_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(state=LegState.DONE, done_at__isnull=False)
                | (~Q(state=LegState.DONE) & Q(done_at__isnull=True)),
                name="refund_leg_done_at_set_once_done",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=~Q(state=LegState.DONE),
                name="refund_leg_not_done",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="frozen", fields=["refund", "payment", "amount"]),
            pgtrigger.FSM(
                name="state_transitions",
                field="state",
                transitions=[
                    ("pending", "done"),
                    ("pending", "refused"),
                    # Staff ask once more, or pay it back another way.
                    ("refused", "pending"),
                    ("refused", "done"),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} to {self.payment.get_method_display()}"


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
