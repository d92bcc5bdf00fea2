"""The races of a drill, by name."""

from collections.abc import Callable
from dataclasses import dataclass

from drill.outcome import Outcome
from drill.races import coupons, goods, keys, money, points, relays, stock

USUAL = 50  # attempts
FEWEST, MOST = 4, 500
# Of what a drop has, so many times as many want one, in two processes.
CROWD = 10


@dataclass(frozen=True)
class Scenario:
    """A race that must always end in the same way; ``run`` takes the attempts."""

    name: str
    title: str
    run: Callable[[int], Outcome]


SCENARIOS = (
    Scenario(
        "last-unit",
        "all have seen the last unit, and all buy it",
        lambda n: stock.last_units(buyers=n, units=1),
    ),
    Scenario(
        "last-units",
        "crowds in two processes buy what there is a fifth of",
        lambda n: stock.last_units_in_processes(
            buyers=CROWD * n, units=2 * n, clients=n // 2
        ),
    ),
    Scenario(
        "coupon-drop",
        "crowds in two processes claim coupons for a fifth",
        lambda n: coupons.drop_in_processes(
            users=CROWD * n, quantity=2 * n, clients=n // 2
        ),
    ),
    Scenario(
        "once-per-user",
        "one shopper claims in two tabs, as fast as they click",
        lambda n: coupons.one_shopper_in_two_tabs(claims=n, quantity=2 * n),
    ),
    Scenario(
        "double-spend",
        "web, app and two older orders all spend the same points",
        lambda n: points.whole_balance_from_devices(devices=n),
    ),
    Scenario(
        "one-key",
        "one request with one idempotency key, sent again and again",
        lambda n: keys.same_key_same_body(times=n),
    ),
    Scenario(
        "expiry-capture",
        "money comes late, at the moment the order expires",
        lambda n: money.late_capture_and_expire(orders=n // 2, clients=n),
    ),
    Scenario(
        "cancel-ship",
        "each order is cancelled and shipped at the same moment",
        lambda n: goods.cancel_and_ship(orders=n // 2, clients=n),
    ),
    Scenario(
        "refund-twice",
        "one order is refunded whole, each time by another key",
        lambda n: goods.refund_many_times(times=n, units=10, keys=n),
    ),
    Scenario(
        "webhook-twice",
        "capture told before authorisation, each many times",
        lambda n: money.webhooks_doubled_and_reversed(times=n),
    ),
    Scenario(
        "opposite-order",
        "ten products each, every second buyer from the far end",
        lambda n: stock.opposite_order(buyers=n),
    ),
    Scenario(
        "import-sale",
        "an import receives and counts what is being sold",
        lambda n: stock.import_against_sale(hands=n, units=n),
    ),
    Scenario(
        "worker-killed",
        "two of four workers killed between commit and push",
        lambda n: relays.killed_between_commit_and_push(aggregates=n, kills=2),
    ),
)
