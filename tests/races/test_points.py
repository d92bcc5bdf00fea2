"""Races 19 and 20: one balance, many hands."""

from dataclasses import dataclass

from django.db.models import Sum

from accounts.models import User
from checkout import services as checkout
from common.idempotency import Claim, Reply
from orders.models import OrderStatus
from points import services as points
from points.models import EntryKind, LedgerEntry, PointAccount
from tests.concurrency import run_together, told
from tests.factories import ProductFactory
from tests.races import mutants
from tests.races.stage import everybody_reads_first, purchase, shoppers, unpaid_order


@dataclass(frozen=True)
class Ledger:
    told: dict[str, int]
    balance: int
    sum: int
    # Balances that do not follow from the one before.
    breaks: int
    uses: int


def _ledger(said: dict[str, int], user: User) -> Ledger:
    entries = list(LedgerEntry.objects.of_user(user.pk).order_by("sequence", "pk"))
    before = [0, *(entry.balance_after for entry in entries)]
    return Ledger(
        told=said,
        balance=PointAccount.objects.get(user=user).balance,
        sum=LedgerEntry.objects.aggregate(total=Sum("amount"))["total"],
        breaks=sum(
            entry.balance_after != balance + entry.amount
            for entry, balance in zip(entries, before, strict=False)
        ),
        uses=sum(entry.kind == EntryKind.USE for entry in entries),
    )


def charges_and_uses() -> Ledger:
    [user] = shoppers(1, balance=1_000)

    def move(number: int) -> LedgerEntry:
        key = f"movement {number}"
        if number % 2:
            return points.charge(user_id=user.pk, amount=100, idempotency_key=key)
        return points.use(
            user_id=user.pk, amount=300, reference="", idempotency_key=key
        )

    return _ledger(told(run_together(move, times=50)), user)


def whole_balance_from_four_devices() -> Ledger:
    """Two buy at once, one of them over the API; two pay orders they had placed."""
    [user], product = shoppers(1, balance=10_000), ProductFactory.create()
    wish = purchase(user, product)
    waiting = [unpaid_order(user, product) for _ in range(2)]

    def spend(device: int) -> object:
        if device == 0:
            return checkout.place_and_pay(wish)
        if device == 1:
            claim = Claim("u:1", "POST", "/api/v1/orders", "a5", "f" * 64)
            return checkout.purchase_once(
                wish, OrderStatus.PAID, claim=claim, render=lambda _: Reply(201, "")
            )
        return checkout.pay(user_id=user.pk, order_id=waiting[device - 2])

    with everybody_reads_first(2):
        return _ledger(told(run_together(spend, times=4)), user)


def test_race_19_charges_and_uses_add_up() -> None:
    outcome = charges_and_uses()

    refused = outcome.told.get("insufficient_points", 0)
    assert outcome.told.get("ok") == 50 - refused
    assert outcome == Ledger(
        told=outcome.told,
        balance=1_000 + 25 * 100 - (25 - refused) * 300,
        sum=outcome.balance,
        breaks=0,
        uses=25 - refused,
    )
    # 3 500 points are enough for eleven uses of 300, and the first three always are.
    assert 3 <= outcome.uses <= 11


def test_race_19_mutant_is_caught() -> None:
    with mutants.points_without_lock():
        outcome = charges_and_uses()

    assert outcome.balance != outcome.sum
    assert outcome.breaks


def test_race_20_a_balance_is_spent_once() -> None:
    assert whole_balance_from_four_devices() == Ledger(
        told={"insufficient_points": 3, "ok": 1}, balance=0, sum=0, breaks=0, uses=1
    )


def test_race_20_mutant_is_caught() -> None:
    with mutants.points_without_lock():
        outcome = whole_balance_from_four_devices()

    assert outcome.told == {"ok": 4}
    assert outcome.uses == 4
