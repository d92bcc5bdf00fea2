"""The ledger as a table for those who check it."""

from typing import Any

from django.db.models import QuerySet

from common.importing import SheetExport, shown
from points.models import LedgerEntry


class LedgerSheet(SheetExport):
    """A row per entry, with the hashes that chain it to the one before."""

    created_at = shown("created_at")
    user = shown("user", reads="account__user__email")
    sequence = shown("sequence")
    kind = shown("kind")
    counter_account = shown("counter_account")
    amount = shown("amount")
    balance_after = shown("balance_after")
    reference = shown("reference")
    idempotency_key = shown("idempotency_key")
    previous_hash = shown("previous_hash")
    own_hash = shown("own_hash", reads="hash")

    class Meta:
        model = LedgerEntry
        fields = (
            *("created_at", "user", "sequence", "kind", "counter_account", "amount"),
            *("balance_after", "reference", "idempotency_key"),
            *("previous_hash", "own_hash"),
        )

    def get_queryset(self) -> QuerySet[Any]:
        return LedgerEntry.objects.select_related("account__user")

    def dehydrate_previous_hash(self, entry: LedgerEntry) -> str:
        return bytes(entry.previous_hash).hex()

    def dehydrate_own_hash(self, entry: LedgerEntry) -> str:
        return bytes(entry.hash).hex()
