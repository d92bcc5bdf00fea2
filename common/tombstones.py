"""What is left of things that were deleted, so that apps hear of it.

Triggers write them: a row that goes by a cascade or by hand in SQL leaves one, too.
"""

from datetime import timedelta

import pgtrigger
from django.utils import timezone

from common.models import Tombstone

# What an app asks for later than that, it has to read anew.
KEPT = timedelta(days=90)
# Nothing may be missing that somebody could still ask for.
MARGIN = timedelta(days=1)


def leaves_tombstone(kind: str, *, named_by: str = "id") -> pgtrigger.Trigger:
    """Return the trigger of a model whose deleted rows leave a tombstone.

    The model has a ``user``; its apps know the row by the column ``named_by``.
    """
    return pgtrigger.Trigger(
        name="leave_tombstone",
        operation=pgtrigger.Delete,
        when=pgtrigger.After,
        func=f"""
            INSERT INTO common_tombstone (user_id, kind, object_id)
            VALUES (OLD.user_id, '{kind}', OLD.{named_by});
            RETURN NULL;
        """,  # noqa: S608 — our own text
    )


def forget_old() -> int:
    """Drop tombstones that nobody can ask for any more; return how many."""
    old = timezone.now() - KEPT - MARGIN
    return Tombstone.objects.filter(deleted_at__lt=old).delete()[0]
