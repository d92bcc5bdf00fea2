"""Races 19 and 20: one balance, many hands."""

from django.db.models import Sum

from drill.races import points as races
from orders.models import Order, OrderStatus
from points.models import EntryKind, LedgerEntry
from tests.races import mutants


def test_race_19_charges_and_uses_add_up() -> None:
    outcome = races.charges_and_uses(moves=50)

    refused = outcome.told.get("insufficient_points", 0)
    balance = 1_000 + 25 * 100 - (25 - refused) * 300
    assert outcome.complaints() == []
    assert outcome.told.get("ok") == 50 - refused
    assert outcome.found == {
        "told": outcome.told,
        "balance": balance,
        "sum": balance,
        "breaks": 0,
        "uses": 25 - refused,
    }
    assert LedgerEntry.objects.aggregate(total=Sum("amount")) == {"total": balance}
    # 3 500 points are enough for eleven uses of 300, and the first three always are.
    assert outcome.expected == (3, 11)
    assert 3 <= outcome.found["uses"] <= 11


def test_race_19_mutant_is_caught() -> None:
    with mutants.points_without_lock():
        outcome = races.charges_and_uses(moves=50)

    assert not outcome.is_good
    assert outcome.found["balance"] != outcome.found["sum"]
    assert outcome.found["breaks"]


def test_race_20_a_balance_is_spent_once() -> None:
    outcome = races.whole_balance_from_devices(devices=4)

    assert outcome.complaints() == []
    assert outcome.found == {
        "told": {"insufficient_points": 3, "ok": 1},
        "balance": 0,
        "sum": 0,
        "breaks": 0,
        "uses": 1,
    }
    assert LedgerEntry.objects.filter(kind=EntryKind.USE).count() == 1
    assert Order.objects.filter(status=OrderStatus.PAID).count() == 1


def test_race_20_mutant_is_caught() -> None:
    with mutants.points_without_lock():
        outcome = races.whole_balance_from_devices(devices=4)

    assert not outcome.is_good
    assert outcome.told == {"ok": 4}
    assert outcome.found["uses"] == 4
