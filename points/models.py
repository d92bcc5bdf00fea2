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
