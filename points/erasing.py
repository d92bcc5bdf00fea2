"""What the ledger says of somebody who wants to be forgotten."""

import re

import pgtrigger
from django.db import connection

from common.db import requires_transaction
from common.traces import GONE
from points.models import EntryKind, LedgerEntry, PointAccount, PointCorrection
from points.services import HASH_SQL

# An order's number, a ticket's: nothing that tells who somebody is.
PLAIN = re.compile(r"[A-Za-z0-9._/#-]*")
CHAIN_SQL = f"""
    UPDATE points_ledgerentry SET hash = {HASH_SQL} WHERE id = %s RETURNING hash
"""  # noqa: S608 — no input is formatted in


@requires_transaction
def forget_words(*, user_id: int) -> int:
    """Take the words that staff gave as reasons off a person's ledger; return how many.

    Amounts, balances and times stay. The chain is made anew from the first entry that
    had words, so that it proves again that nothing else was changed.
    """
    # Every movement waits for this row.
    account = (
        PointAccount.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    )
    with pgtrigger.ignore("points.PointCorrection:stays_as_asked"):
        PointCorrection.objects.filter(user=user_id).update(
            reason=GONE, reference="", answer=""
        )
    if account is None:
        return 0
    entries = list(LedgerEntry.objects.of_user(user_id).order_by("sequence"))
    worded = [entry for entry in entries if _has_words(entry)]
    if worded:
        first = entries.index(worded[0])
        with pgtrigger.ignore("points.LedgerEntry:append_only"):
            account.head_hash = _chain(entries[first:])
        account.save(update_fields=["head_hash"])
    return len(worded)


def _has_words(entry: LedgerEntry) -> bool:
    is_by_staff = entry.kind == EntryKind.ADJUST
    return is_by_staff and PLAIN.fullmatch(entry.reference) is None


def _chain(entries: list[LedgerEntry]) -> bytes:
    """Write entries anew, each with the hash of the one before; return the last."""
    previous = bytes(entries[0].previous_hash)
    with connection.cursor() as cursor:
        for entry in entries:
            reference = "" if _has_words(entry) else entry.reference
            LedgerEntry.objects.filter(pk=entry.pk).update(
                reference=reference, previous_hash=previous
            )
            cursor.execute(CHAIN_SQL, [entry.pk])
            previous = bytes(cursor.fetchone()[0])
    return previous
