"""Race 24 with all that there is: money of every kind moves, and none is lost or made.

``STORM_SEED`` repeats the wishes of a storm, ``STORM_SECONDS`` makes it longer.
"""

import os
import time
from random import SystemRandom
from typing import Any

import pytest
from django.db.models import F, Sum

from common.db import run
from common.invariants import snapshot
from demo.receiver import DataPlatform
from outbox.models import Dispatch
from payments.models import (
    OPEN,
    LegState,
    Payment,
    PaymentState,
    RefundLeg,
    SandboxPayment,
    SandboxState,
)
from tests.books import violations
from tests.concurrency import run_together
from tests.factories import ProductFactory
from tests.figures import Note
from tests.races.stage import shoppers
from tests.races.storm import WISHES, Storm
from tests.running import platform as platform

pytestmark = pytest.mark.slow

THREADS = 8
# What was put into purses is in them, or has been paid or held and not given back.
POINTS_SQL = """
    SELECT (SELECT coalesce(sum(amount), 0) FROM points_ledgerentry
             WHERE kind NOT IN ('use', 'refund')),
           (SELECT coalesce(sum(balance), 0) FROM points_pointaccount)
           + (SELECT coalesce(sum(amount - refunded), 0) FROM payments_payment
               WHERE method = 'points' AND state IN ('authorised', 'captured'))
"""
# What our books say, and whether a provider's may say so too, in the end.
ENDS = {
    (PaymentState.CAPTURED, SandboxState.CAPTURED),
    (PaymentState.FAILED, SandboxState.FAILED),
    (PaymentState.VOIDED, SandboxState.VOIDED),
    (PaymentState.VOIDED, SandboxState.FAILED),
}


@pytest.fixture
def storm(platform: DataPlatform) -> Storm:
    seed = int(os.environ.get("STORM_SEED") or SystemRandom().randrange(10**6))
    return Storm(
        seed=seed,
        users=shoppers(6, balance=200_000),
        products=[
            ProductFactory.create(price=price, stock_on_hand=stock)
            for price, stock in ((9_900, 200), (12_345, 60), (777, 30), (5_000, 8))
        ],
        seconds=float(os.environ.get("STORM_SECONDS", "15")),
    )


def test_money_storm_loses_and_makes_no_money(storm: Storm, note: Note) -> None:
    print(f"STORM_SEED={storm.seed}")  # noqa: T201 — shown when it fails
    looks: list[int] = []

    def act(number: int) -> Any:
        if number < THREADS:
            return storm.rage(number)
        if number == THREADS:
            return storm.relay()
        return _watch(storm, looks)

    results = run_together(act, times=THREADS + 2)
    assert [result for result in results if result is not None] == []
    storm.calm_down()

    _assert_nothing_is_open()
    _assert_captured_money_bought_something_or_is_back()
    _assert_provider_has_the_same_books()
    assert set(storm.granted) == set(WISHES)
    note(
        seed=storm.seed,
        granted=sum(storm.granted.values()),
        refused=sum(storm.refused.values()),
        snapshots=len(looks),
        captured=Payment.objects.outside().filter(state="captured").count(),
        refunds=RefundLeg.objects.count(),
    )


def _watch(storm: Storm, looks: list[int]) -> None:
    """Sum everything up in snapshots while it moves."""
    end = time.monotonic() + storm.seconds
    try:
        while time.monotonic() < end:
            with snapshot():
                [(put_in, found)] = run(POINTS_SQL, {}).rows()
            assert put_in == found
            broken = [item for item in violations() if item.invariant.id != "I13b"]
            assert not broken, [(item.invariant.id, item.examples) for item in broken]
            looks.append(put_in)
            time.sleep(0.1)
    finally:
        storm.is_over.set()


def _assert_nothing_is_open() -> None:
    assert not Dispatch.objects.waiting().exists()
    assert not Dispatch.objects.dead().exists()
    assert not Payment.objects.filter(state__in=OPEN).exists()
    assert not RefundLeg.objects.exclude(state=LegState.DONE).exists()


def _assert_captured_money_bought_something_or_is_back() -> None:
    captured = Payment.objects.outside().filter(state=PaymentState.CAPTURED)
    bought_nothing = captured.filter(settled_at=None)
    assert captured.exists()
    assert not bought_nothing.exclude(refunded=F("amount")).exists()


def _assert_provider_has_the_same_books() -> None:
    theirs = {book.key: book for book in SandboxPayment.objects.all()}
    for payment in Payment.objects.outside():
        book = theirs.pop(str(payment.pk))
        back = payment.legs.aggregate(sum=Sum("amount"))["sum"] or 0
        assert (payment.state, book.state) in ENDS
        assert (payment.amount, payment.refunded) == (book.amount, book.refunded)
        assert payment.refunded == back
    assert not theirs
