"""What the README does by curl, with the library made from the description."""

import sys
import time
from typing import TypeVar
from uuid import uuid4

from dojang import AuthenticatedClient, Client
from dojang.api.auth import auth_register, auth_token
from dojang.api.coupon_campaigns import coupon_campaigns_list
from dojang.api.coupons import coupons_issue
from dojang.api.orders import orders_create, orders_pay, orders_retrieve
from dojang.api.points import points_charge
from dojang.api.products import products_list
from dojang.models import (
    ChargeInput,
    IssueInput,
    ItemInput,
    PayOrderInput,
    PlaceOrderInput,
    Problem,
    RegisterInput,
    SignInInput,
)

T = TypeVar("T")


def ok(reply: T | Problem | None) -> T:
    """Return the reply, unless it is a problem."""
    if reply is None or isinstance(reply, Problem):
        raise SystemExit(f"problem: {reply.code if reply else 'no reply'}")
    return reply


base_url = sys.argv[1]
email, password = f"py-{time.time_ns()}@example.com", "paper and seal 7"
anybody = Client(base_url=base_url)
ok(auth_register.sync(client=anybody, body=RegisterInput(email, password)))
tokens = ok(auth_token.sync(client=anybody, body=SignInInput(email, password)))
client = AuthenticatedClient(base_url=base_url, token=tokens.access)

charged = ok(
    points_charge.sync(
        client=client, body=ChargeInput(300_000), idempotency_key=str(uuid4())
    )
)
campaigns = ok(coupon_campaigns_list.sync(client=client)).items
campaign = next(found for found in campaigns if found.is_open and found.left)
coupon = ok(coupons_issue.sync(client=client, body=IssueInput(campaign.id)))

products = ok(products_list.sync(client=client, limit=50)).items
product = next(
    found
    for found in products
    if found.available > 3
    and coupon.discount.min_spend.amount <= found.price.amount * 2 < 180_000
)
order = ok(
    orders_create.sync(
        client=client,
        body=PlaceOrderInput(items=[ItemInput(product.id, 2)], coupon_id=coupon.id),
        idempotency_key=str(uuid4()),
    )
)
paid = ok(orders_pay.sync(order.id, client=client, body=PayOrderInput()))
assert paid.status == "captured", paid.status
seen = ok(orders_retrieve.sync(order.id, client=client))
assert seen.status == "paid", seen.status
print(
    f"{seen.number} is {seen.status}: {seen.total.amount} {seen.total.currency}"
    f" of {charged.balance} points, {seen.discount.amount} off"
)
