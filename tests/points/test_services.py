"""Points: charged, used, given back, corrected."""

import pytest
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction

from common.db import violates
from points import services as points
from points.errors import (
    AmountOutOfRange,
    BalanceLimitReached,
    InsufficientPoints,
    MovementKeyReused,
)
from points.models import EntryKind, LedgerEntry, PointAccount, SystemAccount
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def user_id() -> int:
    return UserFactory.create(points=1_000).pk


def _last() -> tuple[str, str, int, int]:
    entry = LedgerEntry.objects.latest("sequence")
    return entry.kind, entry.counter_account, entry.amount, entry.balance_after


def test_charge_credits_the_account() -> None:
    user = UserFactory.create()
    assert points.balance_of(user.pk) == 0

    entry = points.charge(user_id=user.pk, amount=500, idempotency_key="k")

    assert (entry.sequence, entry.balance_after) == (1, 500)
    assert _last() == (EntryKind.CHARGE, SystemAccount.ISSUANCE, 500, 500)
    assert points.balance_of(user.pk) == 500


def test_use_debits_the_account(user_id: int) -> None:
    points.use(user_id=user_id, amount=1_000, reference="7KQF", idempotency_key="k")

    assert _last() == (EntryKind.USE, SystemAccount.SALES, -1_000, 0)
    assert LedgerEntry.objects.latest("sequence").reference == "7KQF"


def test_refund_credits_the_account(user_id: int) -> None:
    with transaction.atomic():
        points.refund(user_id=user_id, amount=5, reference="7KQF", idempotency_key="k")

    assert _last() == (EntryKind.REFUND, SystemAccount.REFUND, 5, 1_005)


@pytest.mark.parametrize("amount", [77, -77])
def test_staff_may_correct_in_both_directions(user_id: int, amount: int) -> None:
    points.adjust(user_id=user_id, amount=amount, reason="typo", idempotency_key="k")

    balance = 1_000 + amount
    assert _last() == (EntryKind.ADJUST, SystemAccount.ADJUSTMENT, amount, balance)


def test_more_than_there_is_cannot_be_used(user_id: int) -> None:
    with pytest.raises(InsufficientPoints) as refusal:
        points.use(user_id=user_id, amount=1_001, reference="", idempotency_key="k")
    with pytest.raises(InsufficientPoints):
        points.adjust(user_id=user_id, amount=-1_001, reason="?", idempotency_key="l")

    assert refusal.value.extra == {"balance": 1_000, "required": 1_001}
    assert points.balance_of(user_id) == 1_000
    assert LedgerEntry.objects.count() == 1


def test_same_key_moves_points_once_whatever_the_movement(user_id: int) -> None:
    first = points.use(user_id=user_id, amount=10, reference="", idempotency_key="k")

    again = points.use(user_id=user_id, amount=10, reference="", idempotency_key="k")

    assert first == again
    with pytest.raises(MovementKeyReused):
        points.charge(user_id=user_id, amount=10, idempotency_key="k")
    with pytest.raises(MovementKeyReused):
        points.use(user_id=user_id, amount=11, reference="", idempotency_key="k")
    assert points.balance_of(user_id) == 990


def test_replay_is_found_even_when_the_points_are_gone(user_id: int) -> None:
    first = points.use(user_id=user_id, amount=1_000, reference="", idempotency_key="k")

    assert (
        points.use(user_id=user_id, amount=1_000, reference="", idempotency_key="k")
        == first
    )


def test_keys_of_two_accounts_never_meet(user_id: int) -> None:
    other = UserFactory.create()
    for owner in (user_id, other.pk):
        points.charge(user_id=owner, amount=10, idempotency_key="k")

    assert (points.balance_of(user_id), points.balance_of(other.pk)) == (1_010, 10)


def test_one_charge_has_a_limit(user_id: int) -> None:
    most = settings.POINTS_MAX_CHARGE
    points.charge(user_id=user_id, amount=most, idempotency_key="k")

    for amount in (0, most + 1):
        with pytest.raises(AmountOutOfRange) as refusal:
            points.charge(user_id=user_id, amount=amount, idempotency_key="l")
        assert refusal.value.extra == {"limit": most}

    assert points.balance_of(user_id) == 1_000 + most


def test_balance_has_a_limit_that_refunds_may_exceed(user_id: int) -> None:
    room = settings.POINTS_MAX_BALANCE - 1_000
    points.adjust(user_id=user_id, amount=room, reason="full", idempotency_key="full")

    with pytest.raises(BalanceLimitReached):
        points.charge(user_id=user_id, amount=1, idempotency_key="k")
    with transaction.atomic():
        points.refund(user_id=user_id, amount=9, reference="", idempotency_key="l")

    assert points.balance_of(user_id) == settings.POINTS_MAX_BALANCE + 9


@pytest.mark.parametrize("amount", [0, -5])
def test_use_needs_a_positive_amount(user_id: int, amount: int) -> None:
    with pytest.raises(AmountOutOfRange):
        points.use(user_id=user_id, amount=amount, reference="", idempotency_key="k")

    assert points.balance_of(user_id) == 1_000


def test_correction_needs_an_amount(user_id: int) -> None:
    with pytest.raises(AmountOutOfRange):
        points.adjust(user_id=user_id, amount=0, reason="?", idempotency_key="k")


def test_database_itself_guards_the_ledger(user_id: int) -> None:
    entry = LedgerEntry.objects.get()
    entry.pk = None
    entry.sequence, entry.idempotency_key = 2, "k"
    entry.kind = EntryKind.USE

    for change in (
        lambda: PointAccount.objects.update(balance=-1),
        lambda: LedgerEntry.objects.update(amount=2_000),
        lambda: LedgerEntry.objects.all().delete(),
        entry.save,
    ):
        with pytest.raises((DatabaseError, IntegrityError)), transaction.atomic():
            change()

    assert points.balance_of(user_id) == LedgerEntry.objects.get().amount == 1_000


@pytest.mark.parametrize(
    ("amount", "balance"), [(1_000_001, 1_000_001), (1_000_000, 10_000_001)]
)
def test_database_itself_holds_charges_to_the_limits(amount: int, balance: int) -> None:
    user = UserFactory.create(points=100)
    entry = LedgerEntry.objects.get(account_id=user.pk)
    entry.pk, entry.amount, entry.balance_after = None, amount, balance
    entry.sequence, entry.idempotency_key = 2, "past the service"

    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        entry.save(force_insert=True)

    assert violates(refused.value, "ledger_entry_charge_within_limits")
    assert LedgerEntry.objects.count() == 1
