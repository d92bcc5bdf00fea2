"""The tables that every way in shares."""

import pgtrigger
from django.contrib.admin.models import LogEntry
from django.db import models
from django.db.models.functions import Now


class IdempotencyRecord(models.Model):
    """A request that took effect, and the reply it got.

    Written in the transaction of the effect itself: either both are there or neither.
    """

    # Whose key it is: a user ("u:7") or a guest ("g:<token>"). Keys of two people
    # never meet.
    subject = models.CharField(max_length=80)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    reply = models.TextField()
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "key", "method", "path"],
                name="idempotency_record_once_per_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} [{self.key}]"


class Tombstone(models.Model):
    """Something of a shopper's that was deleted; see ``common.tombstones``."""

    # No foreign key: this app knows no users.
    user_id = models.BigIntegerField()
    kind = models.CharField(max_length=16)
    object_id = models.BigIntegerField()
    deleted_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        indexes = [models.Index(fields=["user_id", "id"], name="tombstone_of_user")]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id} of user {self.user_id}"


class AuditRow(LogEntry):
    """A row of the staff's log, which the database keeps as it was written."""

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = [
            pgtrigger.Protect(
                name="append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return self.change_message
