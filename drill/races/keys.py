"""The same request more than once."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from checkout import services as checkout
from checkout.services import Purchase
from common.idempotency import Claim, Reply, fingerprint
from drill.crowd import race
from drill.outcome import Outcome, judged
from drill.stage import product, products, purchase, shoppers
from orders.drafts import Draft
from orders.models import Order, OrderStatus

PATH = "/api/v1/orders"


def same_key_same_body(*, times: int) -> Outcome:
    """Send one request many times: one order, and the same reply to all."""
    [buyer], wanted = shoppers(1), product(stock=2 * times)
    claim = _claim(f"u:{buyer.pk}", uuid4().hex, "one")
    return _race(
        [purchase(buyer, wanted)] * times,
        [claim] * times,
        told={"ok": times},
        orders=1,
        replies=1,
    )


def same_key_two_bodies(*, times: int) -> Outcome:
    """Send two requests under one key: the one that came second is refused."""
    [buyer], shelf = shoppers(1), products(2, stock=2 * times)
    key, half = uuid4().hex, times // 2
    return _race(
        [purchase(buyer, shelf[number % 2]) for number in range(times)],
        [_claim(f"u:{buyer.pk}", key, f"body {n % 2}") for n in range(times)],
        told={"idempotency_mismatch": half, "ok": times - half},
        orders=1,
        replies=1,
    )


def same_key_of_two_users(*, times: int) -> Outcome:
    """Let two users have the same key by chance: an order for each."""
    buyers, wanted = shoppers(2), product(stock=2 * times)
    key = uuid4().hex
    return _race(
        [purchase(buyers[number % 2], wanted) for number in range(times)],
        [_claim(f"u:{buyers[n % 2].pk}", key, "one") for n in range(times)],
        told={"ok": times},
        orders=2,
        replies=2,
    )


def _claim(subject: str, key: str, body: str) -> Claim:
    return Claim(
        subject=subject,
        method="POST",
        path=PATH,
        key=key,
        fingerprint=fingerprint("POST", PATH, body.encode()),
    )


def _send(wish: Purchase, claim: Claim) -> Reply:
    # The reply names its reader and what they wanted, so that a foreign one shows.
    def render(draft: Draft) -> Reply:
        return Reply(201, f"{draft.number} {wish.user_id} {sorted(wish.quantities)}")

    return checkout.purchase_once(wish, OrderStatus.PAID, claim=claim, render=render)


def _race(
    wishes: Sequence[Purchase],
    claims: Sequence[Claim],
    *,
    told: dict[str, int],
    orders: int,
    replies: int,
) -> Outcome:
    run = race(lambda number: _send(wishes[number], claims[number]), times=len(wishes))
    bodies = [
        result.body if isinstance(result, Reply) else "" for result in run.results
    ]
    foreign = [
        body
        for body, wish in zip(bodies, wishes, strict=True)
        if body and not body.endswith(f" {wish.user_id} {sorted(wish.quantities)}")
    ]
    users = {wish.user_id for wish in wishes}
    found: dict[str, Any] = {
        "orders": Order.objects.filter(user__in=users).count(),
        # How many different ones there were, and how many were not the sender's own.
        "replies": len(set(bodies) - {""}),
        "foreign": len(foreign),
    }
    return judged(
        run.tally,
        winners=found["orders"],
        expected=orders,
        told=told,
        found=found,
        wanted={"orders": orders, "replies": replies, "foreign": 0},
        became=f"orders: {found['orders']}, different replies: {found['replies']}",
    )
