"""What the clients of the purchase benchmarks do, again and again."""

import json
import random
from collections.abc import Callable
from uuid import uuid4

from benchmarks import reference
from benchmarks.crew import Client, Operation
from benchmarks.data import PRODUCTS, owner_of
from checkout import services as checkout
from checkout.services import Purchase
from common.errors import DomainError
from common.idempotency import Claim, Reply
from orders.drafts import Draft
from orders.models import OrderStatus

HOT = 1
ADDRESS = {"recipient": "A Shopper", "line1": "1 Long Street", "city": "Seoul"}
Buy = Callable[[Purchase, Claim], object]


def production(client: Client) -> Operation:
    """Buy as the shop does."""
    return _buyer(client, _buy)


def by_orm(client: Client) -> Operation:
    """Buy as a straightforward Django shop would."""
    return _buyer(client, reference.buy)


def random_lines(*, hot: bool) -> dict[int, int]:
    """Choose 2 or 3 different products, 1 … 3 of each; product 1 if it is ``hot``."""
    first = HOT if hot else random.randint(1, PRODUCTS)
    gaps = (0, random.randint(1, 300), random.randint(301, 600))
    chosen = gaps[: random.randint(2, 3)]
    return {(first + gap - 1) % PRODUCTS + 1: random.randint(1, 3) for gap in chosen}


def claim_for(user_id: int) -> Claim:
    """Return a new idempotency key of a shopper."""
    return Claim(
        subject=f"user/{user_id}",
        method="POST",
        path="/api/v1/orders",
        key=str(uuid4()),
        fingerprint="f" * 64,
    )


def render(draft: Draft) -> Reply:
    """Answer as an API would, at the least."""
    reply = {
        "id": str(draft.id),
        "number": draft.number,
        "status": draft.status.value,
        "total": draft.quote.total,
    }
    return Reply(201, json.dumps(reply))


def _buyer(client: Client, buy: Buy) -> Operation:
    hot = bool(client.params["hot"])
    coupons = iter(
        range(
            client.params["first_coupon"] + client.index,
            client.params["last_coupon"] + 1,
            client.clients,
        )
    )

    def operation() -> str | None:
        coupon_id = next(coupons, None)
        if coupon_id is None:
            return None
        user_id = owner_of(coupon_id)
        purchase = Purchase(
            user_id=user_id,
            email="shopper@example.com",
            quantities=random_lines(hot=hot),
            coupon_id=coupon_id,
            address=ADDRESS,
        )
        try:
            buy(purchase, claim_for(user_id))
        except DomainError as error:
            return type(error).__name__
        return ""

    return operation


def _buy(purchase: Purchase, claim: Claim) -> object:
    return checkout.purchase_once(
        purchase, OrderStatus.PAID, claim=claim, render=render
    )
