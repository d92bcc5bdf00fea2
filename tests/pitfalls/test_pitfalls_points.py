"""Pitfalls 21 to 24: points."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError

from points import services as points
from points.errors import AmountOutOfRange, MovementKeyReused
from points.models import EntryKind, LedgerEntry, PointAccount
from tests.api.client import Api
from tests.concurrency import run_together, told
from tests.factories import UserFactory
from tests.races.stage import shoppers

pytestmark = pytest.mark.django_db(transaction=True)


def test_pitfall_21_two_tabs_do_not_spend_the_same_balance() -> None:
    [user] = shoppers(1, balance=1_000)

    results = run_together(
        lambda tab: points.use(
            user_id=user.pk, amount=1_000, reference="", idempotency_key=f"tab {tab}"
        ),
        times=2,
    )

    assert told(results) == {"insufficient_points": 1, "ok": 1}
    assert points.balance_of(user.pk) == 0
    with pytest.raises(IntegrityError, match="point_account_balance_not_negative"):
        PointAccount.objects.update(balance=-1)


@pytest.mark.parametrize("amount", [0, -1, settings.POINTS_MAX_CHARGE + 1, 10**30])
def test_pitfall_22_impossible_amounts_are_refused(amount: int) -> None:
    [user] = shoppers(1, balance=1_000)

    with pytest.raises(AmountOutOfRange):
        points.charge(user_id=user.pk, amount=amount, idempotency_key="charge")

    assert points.balance_of(user.pk) == 1_000
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize(
    "amount", [True, 1.0, 1.5, "1e3", "100", 10**30, -1, 0, None, [], {}]
)
def test_pitfall_22_odd_amounts_are_refused_by_the_api(amount: Any) -> None:
    user = UserFactory.create(points=1_000)

    body = json.dumps({"amount": amount}).encode()
    answer = Api(user).send("POST", "/api/v1/points/charge", body)

    assert answer.status in {400, 422}
    assert points.balance_of(user.pk) == 1_000


def test_pitfall_23_balance_after_is_computed_under_the_lock() -> None:
    [user] = shoppers(1, balance=100)

    run_together(
        lambda number: points.charge(
            user_id=user.pk, amount=100, idempotency_key=f"charge {number}"
        ),
        times=20,
    )

    entries = LedgerEntry.objects.order_by("sequence")
    steps = list(entries.values_list("sequence", "balance_after"))
    assert steps == [(number, 100 * number) for number in range(1, 22)]
    last = entries.last()
    assert last is not None
    last.pk = None
    last.idempotency_key = "the same place again"
    with pytest.raises(IntegrityError, match="ledger_entry_sequence_once"):
        last.save()


def test_pitfall_24_charge_is_credited_once_per_key() -> None:
    [user] = shoppers(1, balance=1)

    results = run_together(
        lambda _number: points.charge(
            user_id=user.pk, amount=500, idempotency_key="payment 7"
        ),
        times=20,
    )

    assert told(results) == {"ok": 20}
    entries = LedgerEntry.objects.filter(kind=EntryKind.CHARGE, amount=500)
    assert {getattr(entry, "pk", None) for entry in results} == {entries.get().pk}
    assert points.balance_of(user.pk) == 501


def test_pitfall_24_key_of_another_charge_is_refused() -> None:
    [user] = shoppers(1, balance=1)
    points.charge(user_id=user.pk, amount=500, idempotency_key="payment 7")

    with pytest.raises(MovementKeyReused):
        points.charge(user_id=user.pk, amount=501, idempotency_key="payment 7")

    assert points.balance_of(user.pk) == 501
