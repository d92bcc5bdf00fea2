"""One balance, many hands."""

from typing import Any
from uuid import uuid4

from django.db.models import Sum

from accounts.models import User
from checkout import services as checkout
from common.idempotency import Claim, Reply
from drill.crowd import race
from drill.outcome import Outcome, judged
from drill.stage import (
    PRICE,
    everybody_reads_first,
    product,
    purchase,
    shoppers,
    unpaid_order,
)
from orders.models import OrderStatus
from points import services as points
from points.models import EntryKind, LedgerEntry, PointAccount

CHARGED, USED, OPENING = 100, 300, 1_000


def charges_and_uses(*, moves: int) -> Outcome:
    """Let a balance be charged and used at once, more than it can bear."""
    [user] = shoppers(1, balance=OPENING)

    def move(number: int) -> LedgerEntry:
        key = f"movement {number}"
        if number % 2:
            return points.charge(user_id=user.pk, amount=CHARGED, idempotency_key=key)
        return points.use(
            user_id=user.pk, amount=USED, reference="", idempotency_key=key
        )

    tally = race(move, times=moves).tally
    found = _ledger(user)
    charges, refused = moves // 2, tally.told.get("insufficient_points", 0)
    uses = moves - charges - refused
    balance = OPENING + charges * CHARGED - uses * USED
    return judged(
        tally,
        winners=found["uses"],
        # The first three always find enough.
        expected=(
            min(OPENING // USED, moves - charges),
            min((OPENING + charges * CHARGED) // USED, moves - charges),
        ),
        told={"insufficient_points": refused, "ok": moves - refused},
        found=found,
        wanted={"balance": balance, "sum": balance, "breaks": 0, "uses": uses},
    )


def whole_balance_from_devices(*, devices: int) -> Outcome:
    """Let many devices spend all that there is.

    Of every four one buys, one does so over the API, and two pay orders placed before.
    """
    [user], wanted = shoppers(1, balance=PRICE), product(stock=2 * devices)
    wish, key = purchase(user, wanted), uuid4().hex
    waiting = {
        device: unpaid_order(user, wanted)
        for device in range(devices)
        if device % 4 > 1
    }

    def spend(device: int) -> object:
        if device in waiting:
            return checkout.pay(user_id=user.pk, order_id=waiting[device])
        if device % 4 == 0:
            return checkout.place_and_pay(wish)
        claim = Claim(
            f"u:{user.pk}", "POST", "/api/v1/orders", f"{key}/{device}", "f" * 64
        )
        return checkout.purchase_once(
            wish, OrderStatus.PAID, claim=claim, render=lambda _: Reply(201, "")
        )

    with everybody_reads_first(devices - len(waiting)):
        tally = race(spend, times=devices).tally
    found = _ledger(user)
    return judged(
        tally,
        winners=found["uses"],
        expected=1,
        told={"insufficient_points": devices - 1, "ok": 1},
        found=found,
        wanted={"balance": 0, "sum": 0, "breaks": 0, "uses": 1},
    )


def _ledger(user: User) -> dict[str, Any]:
    """Return what the ledger has, and how many balances do not follow from it."""
    own = LedgerEntry.objects.of_user(user.pk)
    entries = list(own.order_by("sequence", "pk"))
    before = [0, *(entry.balance_after for entry in entries)]
    return {
        "balance": PointAccount.objects.get(user=user).balance,
        "sum": own.aggregate(total=Sum("amount"))["total"],
        "breaks": sum(
            entry.balance_after != balance + entry.amount
            for entry, balance in zip(entries, before, strict=False)
        ),
        "uses": sum(entry.kind == EntryKind.USE for entry in entries),
    }
