"""Prices that are changed together; ``catalog.models`` has them beside the others."""

from datetime import datetime, timedelta

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class RevisionState(models.TextChoices):
    """How far a change of many prices has come."""

    SCHEDULED = "scheduled", _("Scheduled")
    APPLIED = "applied", _("Applied")
    ENDED = "ended", _("Ended, old prices are back")
    UNDONE = "undone", _("Undone")
    CANCELLED = "cancelled", _("Called off")


# So long after it was applied a change of prices can be undone as a whole.
UNDO_WITHIN = timedelta(hours=24)


class PriceRevision(models.Model):
    """Prices that are changed together: at once or later, for good or for a while."""

    state = models.CharField(
        _("state"),
        max_length=16,
        choices=RevisionState,
        default=RevisionState.SCHEDULED,
    )
    # What was asked for, in words, e.g. "-10 %, to 100".
    rule = models.CharField(_("change"), max_length=200)
    reason = models.CharField(_("reason"), max_length=200)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("made"), db_default=Now())
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"), null=True)
    applied_at = models.DateTimeField(_("applied"), null=True)
    # Ended, undone or called off: by whom (nobody: by the clock) and why.
    closed_at = models.DateTimeField(_("closed"), null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    closed_because = models.CharField(_("closed because"), max_length=200, blank=True)

    class Meta:
        # Who may see prices change and who may change them is said elsewhere.
        default_permissions = ()
        verbose_name_plural = "price revisions"
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="price_revision_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""), name="price_revision_has_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(
                    state=RevisionState.SCHEDULED,
                    applied_at__isnull=True,
                    closed_at__isnull=True,
                )
                | Q(
                    state=RevisionState.APPLIED,
                    applied_at__isnull=False,
                    closed_at__isnull=True,
                )
                | Q(
                    state=RevisionState.ENDED,
                    ends_at__isnull=False,
                    applied_at__isnull=False,
                    closed_at__isnull=False,
                )
                | Q(
                    state=RevisionState.UNDONE,
                    applied_at__isnull=False,
                    closed_at__lte=F("applied_at") + UNDO_WITHIN,
                )
                | Q(
                    state=RevisionState.CANCELLED,
                    applied_at__isnull=True,
                    closed_at__isnull=False,
                ),
                name="price_revision_times_match_state",
            ),
        ]
        indexes = [
            # What the clock looks for.
            models.Index(
                fields=["starts_at"],
                condition=Q(state=RevisionState.SCHEDULED),
                name="price_revision_to_start",
            ),
            models.Index(
                fields=["ends_at"],
                condition=Q(state=RevisionState.APPLIED, ends_at__isnull=False),
                name="price_revision_to_end",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="frozen",
                fields=[
                    "rule",
                    "reason",
                    "actor",
                    "created_at",
                    "starts_at",
                    "ends_at",
                ],
            ),
            pgtrigger.FSM(
                name="state_transitions",
                field="state",
                transitions=[
                    ("scheduled", "applied"),
                    ("scheduled", "cancelled"),
                    ("applied", "ended"),
                    ("applied", "undone"),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.reason}"

    def can_be_undone(self, now: datetime) -> bool:
        """Tell whether it was applied within the last day and stands."""
        if self.state != RevisionState.APPLIED or self.applied_at is None:
            return False
        return now <= self.applied_at + UNDO_WITHIN


class LineOutcome(models.TextChoices):
    """What became of one price of a revision."""

    WAITING = "waiting", _("Waiting")
    CHANGED = "changed", _("Changed")
    PASSED_OVER = "passed_over", _("Passed over: another price by then")
    RESTORED = "restored", _("Put back")
    LEFT = "left", _("Left: changed since")


class PriceRevisionLine(models.Model):
    """One price of a revision: what it was, what it is to be, and what became of it."""

    revision = models.ForeignKey(
        PriceRevision, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    product = models.ForeignKey(
        "catalog.Product", on_delete=models.CASCADE, related_name="price_revision_lines"
    )
    old_price = models.BigIntegerField(_("old price"))
    new_price = models.BigIntegerField(_("new price"))
    # What was struck through beside the old price when this was applied.
    old_compare_at_price = models.BigIntegerField(null=True)
    outcome = models.CharField(
        _("outcome"), max_length=16, choices=LineOutcome, default=LineOutcome.WAITING
    )
    change = models.OneToOneField(
        "catalog.PriceChange", on_delete=models.PROTECT, null=True, related_name="+"
    )
    restored = models.OneToOneField(
        "catalog.PriceChange", on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["revision", "product"], name="price_revision_product_once"
            ),
            models.CheckConstraint(
                condition=Q(old_price__gt=0, new_price__gt=0)
                & ~Q(old_price=F("new_price")),
                name="price_revision_line_changes_the_price",
            ),
            models.CheckConstraint(
                condition=Q(
                    outcome__in=[LineOutcome.WAITING, LineOutcome.PASSED_OVER],
                    change__isnull=True,
                    restored__isnull=True,
                )
                | Q(
                    outcome__in=[LineOutcome.CHANGED, LineOutcome.LEFT],
                    change__isnull=False,
                    restored__isnull=True,
                )
                | Q(
                    outcome=LineOutcome.RESTORED,
                    change__isnull=False,
                    restored__isnull=False,
                ),
                name="price_revision_line_changes_match_outcome",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="frozen", fields=["revision", "product", "old_price", "new_price"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.old_price} → {self.new_price}"
