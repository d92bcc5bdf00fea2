"""What providers told us, and the books of the provider that is only a test."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from payments.models.payment import Payment


class InboxState(models.TextChoices):
    """What became of a message."""

    HANDLED = "handled", _("Handled")
    # It says nothing that concerns a payment.
    IGNORED = "ignored", _("Not for us")
    # It contradicts our books or names nothing of ours: for a human.
    PARKED = "parked", _("Parked")


class ProviderEvent(models.Model):
    """A webhook, once for ever. What it says is believed only if it fits our books."""

    provider = models.CharField(_("provider"), max_length=16)
    event_id = models.CharField(_("event"), max_length=200)
    kind = models.CharField(_("kind"), max_length=80)
    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="events", null=True
    )
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=InboxState)
    note = models.CharField(_("note"), max_length=200, blank=True)
    received_at = models.DateTimeField(_("received"), db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "event_id"], name="provider_event_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["-id"],
                condition=Q(state=InboxState.PARKED),
                name="provider_event_parked",
            ),
        ]
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind}"


class SandboxState(models.TextChoices):
    """A payment's state in the books of the test provider."""

    OPEN = "open"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    FAILED = "failed"
    VOIDED = "voided"


class SandboxPayment(models.Model):
    """A payment as the test provider knows it: its books, not ours."""

    reference = models.CharField(max_length=40, primary_key=True)
    key = models.CharField(max_length=40, unique=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=200)
    return_url = models.URLField(max_length=1000)
    state = models.CharField(
        max_length=16, choices=SandboxState, default=SandboxState.OPEN
    )
    # How the provider is to behave; see ``payments/gateways/sandbox.py``.
    script = models.CharField(max_length=40, blank=True)
    # By the key they were asked with.
    refunds = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.reference} {self.state}"

    @property
    def refunded(self) -> int:
        return sum(self.refunds.values())
