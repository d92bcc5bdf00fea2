"""Events, and their way to each subscriber."""

from datetime import timedelta

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from common.ids import uuid7

LATE_AFTER = timedelta(minutes=15)


class Event(models.Model):
    """A fact, stored in the transaction that made it true."""

    # Also the key by which receivers recognise a repetition.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    topic = models.CharField(_("topic"), max_length=64)
    # What the event is about, e.g. "order/<id>": order is kept per aggregate.
    aggregate = models.CharField(_("aggregate"), max_length=64)
    payload = models.JSONField(_("payload"))
    occurred_at = models.DateTimeField(_("time"), db_default=Now())
    # In an aggregate the order of writing, which no clock could tell.
    position = models.BigIntegerField(
        editable=False,
        db_default=Func(Value("outbox_event_position_seq"), function="nextval"),
    )
    # 1, 2, 3 … in each topic without gaps, stamped by the relay: by it a receiver can
    # prove that nothing is missing.
    sequence = models.BigIntegerField(_("sequence"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["topic", "sequence"], name="event_sequence_once_per_topic"
            ),
        ]
        indexes = [
            models.Index(fields=["aggregate", "topic"], name="event_of_aggregate"),
            # A day of the stream; next to nothing to keep up, as time only grows.
            BrinIndex(
                fields=["occurred_at"], autosummarize=True, name="event_occurred_at"
            ),
            # What the relay has yet to stamp.
            models.Index(
                fields=["id"],
                condition=Q(sequence__isnull=True),
                name="event_unstamped",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="frozen", fields=["topic", "aggregate", "payload", "occurred_at"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.aggregate}"


class DispatchQuerySet(models.QuerySet["Dispatch"]):
    def waiting(self) -> "DispatchQuerySet":
        return self.filter(delivered_at__isnull=True, dead_at__isnull=True)

    def late(self) -> "DispatchQuerySet":
        """Keep what should have arrived long ago."""
        return self.waiting().filter(event__occurred_at__lt=Now() - LATE_AFTER)

    def stuck(self) -> "DispatchQuerySet":
        """Keep what is late or was given up."""
        return self.dead() | self.late()

    def dead(self) -> "DispatchQuerySet":
        """Keep what was given up, and nobody has seen to since."""
        return self.filter(dead_at__isnull=False, handled_at__isnull=True)

    def handled(self) -> "DispatchQuerySet":
        """Keep what was given up, and somebody saw to by other means."""
        return self.filter(handled_at__isnull=False)


class Dispatch(models.Model):
    """An event on its way to one subscriber, until that one has it."""

    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="dispatches", db_index=False
    )
    subscriber = models.CharField(_("subscriber"), max_length=64)
    # Copied from the event: the oldest waiting one of an aggregate goes first.
    aggregate = models.CharField(max_length=64)
    attempts = models.PositiveIntegerField(_("attempts"), db_default=0)
    # Also the end of the lease of the worker that is busy with it.
    next_attempt_at = models.DateTimeField(_("next attempt"), db_default=Now())
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    dead_at = models.DateTimeField(_("given up"), null=True, blank=True)
    last_error = models.CharField(
        _("last error"), max_length=500, blank=True, db_default=""
    )
    # The latest tries that failed, the oldest of them first: at, attempt, error.
    failures = models.JSONField(db_default=Value([], models.JSONField()))
    # Somebody saw to it by other means, and said how: nothing is sent any more.
    handled_at = models.DateTimeField(null=True, blank=True)
    handled_because = models.CharField(max_length=200, blank=True, db_default="")

    objects = DispatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "dispatches"
        constraints = [
            models.UniqueConstraint(
                fields=["event", "subscriber"], name="dispatch_once_per_subscriber"
            ),
            models.CheckConstraint(
                condition=Q(delivered_at__isnull=True) | Q(dead_at__isnull=True),
                name="dispatch_delivered_or_dead",
            ),
            models.CheckConstraint(
                condition=Q(handled_at__isnull=True, handled_because="")
                | (
                    Q(handled_at__isnull=False, dead_at__isnull=False)
                    & ~Q(handled_because="")
                ),
                name="dispatch_handled_once_dead_for_a_reason",
            ),
        ]
        indexes = [
            # What the relay claims next, and what blocks it.
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(delivered_at__isnull=True, dead_at__isnull=True),
                name="dispatch_due",
            ),
            models.Index(
                fields=["subscriber", "aggregate", "id"],
                condition=Q(delivered_at__isnull=True, dead_at__isnull=True),
                name="dispatch_first_of_aggregate",
            ),
            # What waits for a person.
            models.Index(
                fields=["id"],
                condition=Q(dead_at__isnull=False, handled_at__isnull=True),
                name="dispatch_dead",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} → {self.subscriber}"
