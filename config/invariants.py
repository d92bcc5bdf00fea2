"""Every invariant of the shop; ``manage.py verify`` and the tests check them all."""

import re

from analytics.invariants import INVARIANTS as ANALYTICS
from checkout.invariants import INVARIANTS as CHECKOUT
from common.invariants import INVARIANTS as COMMON
from common.invariants import Invariant
from coupons.invariants import INVARIANTS as COUPONS
from inventory.invariants import INVARIANTS as INVENTORY
from orders.invariants import INVARIANTS as ORDERS
from outbox.invariants import INVARIANTS as OUTBOX
from payments.invariants import INVARIANTS as PAYMENTS
from points.invariants import INVARIANTS as POINTS
from reviews.invariants import INVARIANTS as REVIEWS


def _place(invariant: Invariant) -> tuple[int, str]:
    number, letter = re.fullmatch(r"I(\d+)([a-z]?)", invariant.id).groups()  # type: ignore[union-attr]
    return int(number), letter


INVARIANTS = sorted(
    [
        *COMMON,
        *OUTBOX,
        *POINTS,
        *ORDERS,
        *INVENTORY,
        *COUPONS,
        *PAYMENTS,
        *REVIEWS,
        *CHECKOUT,
        *ANALYTICS,
    ],
    key=_place,
)
