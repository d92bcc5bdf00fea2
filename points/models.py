"""Balances, and the entries they are the sum of."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# The head of a ledger that has no entries yet.
GENESIS = b"\x00" * 32


class EntryKind(models.TextChoices):
    """Why points moved, seen from the shopper's side."""

    CHARGE = "charge", pgettext_lazy("points", "Charged")
    USE = "use", pgettext_lazy("points", "Used")
    REFUND = "refund", pgettext_lazy("points", "Refunded")
    EXPIRE = "expire", pgettext_lazy("points", "Expired")
    ADJUST = "adjust", pgettext_lazy("points", "Adjusted")


class SystemAccount(models.TextChoices):
    """The other side of each entry. These hold no stored balance: it is a sum."""

    ISSUANCE = "issuance", _("Issuance")
    SALES = "sales", _("Sales")
    REFUND = "refund", _("Refunds")
    EXPIRY = "expiry", _("Expiry")
    ADJUSTMENT = "adjustment", _("Adjustment")


class PointAccount(models.Model):
    """A shopper's point balance. Locking this row serialises their ledger."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="point_account",
    )
    balance = models.BigIntegerField(_("balance"), db_default=0)
    last_sequence = models.BigIntegerField(db_default=0)
    head_hash = models.BinaryField(max_length=32, db_default=GENESIS)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(balance__gte=0), name="point_account_balance_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.balance} points of user {self.user_id}"


class LedgerEntryQuerySet(models.QuerySet["LedgerEntry"]):
    def of_user(self, user_id: int) -> "LedgerEntryQuerySet":
        return self.filter(account_id=user_id)


class LedgerEntry(models.Model):
    """One transfer of points between a shopper and the shop. Never changed or deleted.

    Both sides are in the one row, so the books cannot be out of balance.
    """

    account = models.ForeignKey(
        PointAccount, on_delete=models.PROTECT, related_name="entries", db_index=False
    )
    counter_account = models.CharField(max_length=16, choices=SystemAccount)
    kind = models.CharField(_("kind"), max_length=16, choices=EntryKind)
    # Signed from the shopper's side: a charge or refund credits, a use debits.
    amount = models.BigIntegerField(_("amount"))
    balance_after = models.BigIntegerField(_("balance after"))
    # 1, 2, 3 … per account, without gaps.
    sequence = models.BigIntegerField()
    # What it was for, e.g. an order number.
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    # The same key always means the same movement, however often it is sent.
    idempotency_key = models.CharField(max_length=200)
    previous_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(_("time"), db_default=Now())

    objects = LedgerEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=EntryKind.CHARGE, amount__gt=0)
                | Q(kind=EntryKind.REFUND, amount__gt=0)
                | Q(kind=EntryKind.USE, amount__lt=0)
                | Q(kind=EntryKind.EXPIRE, amount__lt=0)
                | (Q(kind=EntryKind.ADJUST) & ~Q(amount=0)),
                name="ledger_entry_sign_matches_kind",
            ),
            models.CheckConstraint(
                condition=Q(balance_after__gte=0) & Q(balance_after__gte=F("amount")),
                name="ledger_entry_balance_after_possible",
            ),
            models.UniqueConstraint(
                fields=["account", "sequence"], name="ledger_entry_sequence_once"
            ),
            models.UniqueConstraint(
                fields=["account", "idempotency_key"],
                name="ledger_entry_idempotent_per_account",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="append_only",
                operation=pgtrigger.Update | pgtrigger.Delete,
            ),
            # The settings tell each connection the limits; see ``config/settings.py``.
            # Only charges are bound by them: a refund always finds its way back.
            pgtrigger.Trigger(
                name="charge_within_limits",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__kind=EntryKind.CHARGE),
                func="""
                    IF NEW.amount > nullif(current_setting(
                           'shop.points_max_charge', true), '')::bigint
                    OR NEW.balance_after > nullif(current_setting(
                           'shop.points_max_balance', true), '')::bigint THEN
                        RAISE EXCEPTION 'a charge of % to % is beyond the limits',
                              NEW.amount, NEW.balance_after
                        USING ERRCODE = 'check_violation',
                              CONSTRAINT = 'ledger_entry_charge_within_limits';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount:+d}"


class CorrectionState(models.TextChoices):
    """How far points that staff give or take have come."""

    OPEN = "open", _("Waits for a second person")
    DONE = "done", pgettext_lazy("points", "Done")
    REJECTED = "rejected", pgettext_lazy("points", "Rejected")


class PointCorrection(models.Model):
    """Points that one member of staff gives or takes; many need a second one's yes."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="point_corrections",
        verbose_name=_("whose"),
    )
    amount = models.BigIntegerField(_("amount"))
    reason = models.CharField(_("reason"), max_length=200)
    # What it is about, e.g. an order number; the shopper reads it.
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    state = models.CharField(
        _("state"),
        max_length=16,
        choices=CorrectionState,
        default=CorrectionState.OPEN,
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("asked by"),
    )
    asked_at = models.DateTimeField(_("asked"), db_default=Now())
    # Nobody, if it was below the limit.
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    answer = models.CharField(_("why not"), max_length=200, blank=True)
    entry = models.OneToOneField(
        LedgerEntry,
        on_delete=models.PROTECT,
        null=True,
        related_name="correction",
        verbose_name=_("ledger entry"),
    )

    class Meta:
        verbose_name = _("points given by staff")
        verbose_name_plural = _("points given by staff")
        constraints = [
            models.CheckConstraint(
                condition=~Q(amount=0), name="point_correction_moves_points"
            ),
            models.CheckConstraint(
                condition=~Q(reason=""), name="point_correction_has_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("asked_by")),
                name="point_correction_takes_two_people",
            ),
            models.CheckConstraint(
                condition=~Q(asked_by=F("user"))
                & (Q(decided_by__isnull=True) | ~Q(decided_by=F("user"))),
                name="point_correction_not_for_oneself",
            ),
            models.CheckConstraint(
                condition=Q(
                    state=CorrectionState.OPEN,
                    decided_by__isnull=True,
                    decided_at__isnull=True,
                    entry__isnull=True,
                )
                | Q(
                    state=CorrectionState.DONE,
                    decided_at__isnull=False,
                    entry__isnull=False,
                )
                | Q(
                    state=CorrectionState.REJECTED,
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                    entry__isnull=True,
                ),
                name="point_correction_moves_points_when_done",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(state=CorrectionState.OPEN),
                name="point_correction_open",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="stays_as_asked",
                fields=[
                    *("user", "amount", "reason", "reference", "asked_by", "asked_at")
                ],
            ),
            pgtrigger.FSM(
                name="state_transitions",
                field="state",
                transitions=[("open", "done"), ("open", "rejected")],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount:+,} points for user {self.user_id}"
