"""The ledger's chain of hashes."""

import pgtrigger
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from points import services as points
from points.errors import InsufficientPoints
from points.models import GENESIS, LedgerEntry, PointAccount
from tests.books import violations
from tests.factories import UserFactory
from tests.reference.checkout import entry_hash

pytestmark = pytest.mark.django_db

APPEND_ONLY = "points.LedgerEntry:append_only"
movements = st.lists(st.integers(-400, 600).filter(bool), min_size=1, max_size=12)
quick = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _move(user_id: int, movements: list[int]) -> list[LedgerEntry]:
    for number, amount in enumerate(movements):
        try:
            points.adjust(
                user_id=user_id,
                amount=amount,
                reason="count",
                idempotency_key=f"movement {number}",
            )
        except InsufficientPoints:
            continue
    return list(LedgerEntry.objects.of_user(user_id).order_by("sequence"))


@given(movements=movements)
@quick
def test_every_entry_follows_from_the_one_before(movements: list[int]) -> None:
    with transaction.atomic():
        user = UserFactory.create(points=100)
        entries = _move(user.pk, movements)

        head, balance = GENESIS, 0
        for sequence, entry in enumerate(entries, start=1):
            assert entry.sequence == sequence
            assert entry.balance_after == balance + entry.amount >= 0
            assert bytes(entry.previous_hash) == head
            assert bytes(entry.hash) == entry_hash(entry)
            head, balance = bytes(entry.hash), entry.balance_after
        account = PointAccount.objects.get(user=user)
        assert (account.balance, account.last_sequence) == (balance, len(entries))
        assert bytes(account.head_hash) == head
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "change",
    [
        "amount = amount + 1",
        "balance_after = balance_after + 1",
        "reference = 'something else'",
        "created_at = created_at + interval '1 microsecond'",
        "counter_account = 'sales'",
        "idempotency_key = 'another key'",
    ],
)
def test_altered_entry_is_found(change: str) -> None:
    user = UserFactory.create()
    _move(user.pk, [500, -100, 300])
    assert not violations()

    with pgtrigger.ignore(APPEND_ONLY), connection.cursor() as cursor:
        cursor.execute(f"UPDATE points_ledgerentry SET {change} WHERE sequence = 2")  # noqa: S608 — from the list above

    assert violations()


def test_removed_entry_is_found() -> None:
    user = UserFactory.create()
    _move(user.pk, [500, -100, 300])

    with pgtrigger.ignore(APPEND_ONLY):
        LedgerEntry.objects.filter(sequence=3).delete()

    assert violations()
