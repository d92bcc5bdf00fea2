"""Money that comes in: for an order, or for points."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from common.ids import uuid7


class PaymentMethod(models.TextChoices):
    """What is paid with."""

    POINTS = "points", _("Points")
    # An order that a coupon made free of charge still has its one payment, of zero.
    FREE = "free", _("Free of charge")
    STRIPE = "stripe", _("Card or wallet")
    PAYPAL = "paypal", _("PayPal")
    BTCPAY = "btcpay", _("Cryptocurrency")
    SANDBOX = "sandbox", _("Test card")
    # It came past all providers; a member of staff says so, and nobody else knows.
    BY_HAND = "by_hand", _("Bank transfer or cash")


# Settled in our own books, in the transaction that pays; all others are outside.
OWN_METHODS = (PaymentMethod.POINTS, PaymentMethod.FREE)


class PaymentState(models.TextChoices):
    """How far a payment has come."""

    CREATED = "created", _("Created")
    PROCESSING = "processing", _("Processing")
    AUTHORISED = "authorised", _("Authorised")
    CAPTURED = "captured", _("Captured")
    FAILED = "failed", _("Failed")
    VOIDED = "voided", _("Voided")


# Given up by us or by the provider. Money may arrive all the same, and is believed.
GIVEN_UP = (PaymentState.FAILED, PaymentState.VOIDED)
# Somebody may be paying right now.
UNDER_WAY = (PaymentState.PROCESSING, PaymentState.AUTHORISED)
OPEN = (PaymentState.CREATED, *UNDER_WAY)
NEXT_STATES: dict[PaymentState, frozenset[PaymentState]] = {
    PaymentState.CREATED: frozenset(
        {PaymentState.PROCESSING, PaymentState.CAPTURED, *GIVEN_UP}
    ),
    PaymentState.PROCESSING: frozenset(
        {PaymentState.AUTHORISED, PaymentState.CAPTURED, *GIVEN_UP}
    ),
    PaymentState.AUTHORISED: frozenset({PaymentState.CAPTURED, *GIVEN_UP}),
    PaymentState.FAILED: frozenset({PaymentState.CAPTURED, PaymentState.VOIDED}),
    PaymentState.VOIDED: frozenset({PaymentState.CAPTURED}),
    # Nothing that is told later can take captured money away.
    PaymentState.CAPTURED: frozenset(),
}


class PaymentQuerySet(models.QuerySet["Payment"]):
    def outside(self) -> "PaymentQuerySet":
        """Keep payments that somebody else takes for us."""
        return self.exclude(method__in=OWN_METHODS)

    def settled(self) -> "PaymentQuerySet":
        """Keep money that became a paid order or points."""
        return self.filter(settled_at__isnull=False)

    def under_way(self) -> "PaymentQuerySet":
        return self.filter(state__in=UNDER_WAY)

    def unanswered(self) -> "PaymentQuerySet":
        """Keep outside payments whose provider is to be asked by now."""
        return self.outside().filter(state__in=OPEN, next_look_at__lte=Now())

    def stuck(self) -> "PaymentQuerySet":
        """Keep money that is neither a paid order nor on its way back: for a human."""
        return self.filter(
            state=PaymentState.CAPTURED, settled_at=None, refunded__lt=F("amount")
        )


class Payment(models.Model):
    """One way in which an order, or points, was paid or was to be paid."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(
        "orders.Order",
        on_delete=models.PROTECT,
        related_name="payments",
        null=True,
        blank=True,
    )
    # Instead of an order: whose points it buys.
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="point_payments",
        null=True,
        blank=True,
    )
    method = models.CharField(_("method"), max_length=16, choices=PaymentMethod)
    amount = models.BigIntegerField(_("amount"))
    refunded = models.BigIntegerField(_("refunded"), db_default=0)
    state = models.CharField(
        _("state"), max_length=16, choices=PaymentState, db_default=PaymentState.CREATED
    )
    provider_reference = models.CharField(max_length=100, blank=True)
    # Of a charge: what its client calls it, so that asking twice begins one payment.
    client_key = models.CharField(max_length=200, blank=True, db_default="")
    # Where the payer goes; only good while the payment is open.
    provider_url = models.URLField(max_length=1000, blank=True, db_default="")
    # Why it failed, in the provider's words; for staff.
    note = models.CharField(_("note"), max_length=200, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    captured_at = models.DateTimeField(_("captured"), null=True, blank=True)
    # When the captured money became a paid order or points. What never does goes back.
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    next_look_at = models.DateTimeField(null=True, blank=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(order__isnull=False, buyer__isnull=True)
                | Q(order__isnull=True, buyer__isnull=False),
                name="payment_for_an_order_or_points",
            ),
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
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True) | Q(state=PaymentState.CAPTURED),
                name="payment_settled_only_if_captured",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(settled_at__isnull=False, method__in=OWN_METHODS),
                name="payment_captured_once_per_order",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(settled_at__isnull=False) & ~Q(method__in=OWN_METHODS),
                name="payment_captured_outside_once_per_order",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(state__in=OPEN) & ~Q(method__in=OWN_METHODS),
                name="payment_one_open_attempt_per_order",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(state=PaymentState.AUTHORISED, method=PaymentMethod.POINTS),
                name="payment_points_held_once_per_order",
            ),
            models.UniqueConstraint(
                fields=["buyer", "client_key"],
                condition=~Q(client_key=""),
                name="payment_charge_once_per_client_key",
            ),
            models.UniqueConstraint(
                fields=["method", "provider_reference"],
                condition=~Q(provider_reference=""),
                name="payment_once_per_provider_reference",
            ),
        ]
        indexes = [
            # The sweep that asks providers.
            models.Index(
                fields=["next_look_at"],
                condition=Q(state__in=OPEN, next_look_at__isnull=False),
                name="payment_unanswered",
            ),
            # What nobody has settled yet: the staff's list, and verify's.
            models.Index(
                fields=["captured_at"],
                condition=Q(state=PaymentState.CAPTURED, settled_at__isnull=True),
                name="payment_unsettled",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="frozen", fields=["order", "buyer", "method", "amount"]
            ),
            pgtrigger.FSM(
                name="state_transitions",
                field="state",
                transitions=[
                    (str(before), str(after))
                    for before, nexts in NEXT_STATES.items()
                    for after in sorted(nexts)
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()} {self.amount}"

    @property
    def is_outside(self) -> bool:
        return self.method not in OWN_METHODS

    @property
    def is_open(self) -> bool:
        return self.state in OPEN
