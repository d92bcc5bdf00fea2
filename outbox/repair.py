"""What people do about events that do not get through, and what they go by."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, Func, JSONField, Value
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from outbox.models import Dispatch

# Tries that a dispatch remembers: what an error was last week says little.
REMEMBERED = 20
_ANEW: dict[str, Any] = {
    "dead_at": None,
    "attempts": 0,
    "next_attempt_at": Now(),
    "last_error": "",
    "handled_at": None,
    "handled_because": "",
}


@transaction.atomic
def replay(*, dispatch_ids: Sequence[int]) -> int:
    """Let dead, handled or waiting dispatches be tried at once; return how many."""
    return (
        Dispatch.objects.filter(pk__in=dispatch_ids, delivered_at__isnull=True)
    ).update(**_ANEW)


@transaction.atomic
def send_again(*, dispatch_id: int) -> None:
    """Send once more what was delivered, given up or waits; receivers know the id."""
    Dispatch.objects.filter(pk=dispatch_id).update(delivered_at=None, **_ANEW)


@transaction.atomic
def mark_handled(*, dispatch_ids: Sequence[int], reason: str) -> int:
    """Close dispatches that somebody saw to by other means; return how many.

    Only what is late or was given up: anything else is still on its way, or arrived.
    """
    stuck = list(
        Dispatch.objects.stuck()
        .filter(pk__in=dispatch_ids)
        .values_list("pk", flat=True)
    )
    # A worker may deliver one in this moment; then that is what happened.
    return Dispatch.objects.filter(
        pk__in=stuck, delivered_at__isnull=True, handled_at__isnull=True
    ).update(
        dead_at=Coalesce("dead_at", Now()), handled_at=Now(), handled_because=reason
    )


def noted(attempt: int, error: str) -> Func:
    """Return the list of failures with one more; of too many the oldest goes."""
    failure = {
        "at": timezone.now().isoformat(timespec="seconds"),
        "attempt": attempt,
        "error": error,
    }
    kept = Func(
        F("failures"),
        template="(CASE WHEN jsonb_array_length(%(expressions)s) >= "
        f"{REMEMBERED} THEN %(expressions)s - 0 ELSE %(expressions)s END)",
    )
    added = Value([failure], JSONField())
    return Func(
        kept,
        added,
        template="(%(expressions)s)",
        arg_joiner=" || ",
        output_field=JSONField(),
    )
