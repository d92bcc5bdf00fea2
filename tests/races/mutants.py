"""The shop with one guard taken out, to see that a race notices.

Production code has no switches for it: the guards are cut out of the SQL and the
functions from here. A mutant that cannot be made, because the code it cuts has
changed, is an error.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from threading import Barrier
from time import sleep
from types import ModuleType
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.core.management import call_command
from django.db import connection, transaction

from analytics import services as analytics
from cart import services as carts
from checkout import placing
from checkout import services as checkout
from common import idempotency
from common.db import Pipeline
from common.idempotency import Claim, Reply
from common.models import IdempotencyRecord
from coupons import services as coupons
from inventory import services as inventory
from inventory.journal import move
from inventory.models import MovementKind, Stock
from inventory.services import Wanted
from orders import services as orders
from orders.models import Order, OrderStatus
from outbox import services as outbox
from points import services as points
from points.models import PointAccount
from tests.concurrency import STUCK_AFTER


@contextmanager
def altered_sql(
    module: ModuleType, name: str, *cuts: tuple[str, str]
) -> Iterator[None]:
    """Replace pieces of a module's SQL constant; each must be there."""
    sql = getattr(module, name)
    for old, new in cuts:
        if old not in sql:
            raise LookupError(f"{module.__name__}.{name} has no {old!r}")
        sql = sql.replace(old, new)
    with patch.object(module, name, sql):
        yield


@contextmanager
def without_constraints(*names: str) -> Iterator[None]:
    """Drop constraints and unique indexes; put them back on empty tables."""
    restore = []
    with connection.cursor() as cursor:
        for name in names:
            drop, create = _ddl(name)
            cursor.execute(drop)
            restore.append(create)
    try:
        yield
    finally:
        # The rows that the mutant left may violate them.
        call_command("flush", interactive=False, verbosity=0)
        with connection.cursor() as cursor:
            for create in restore:
                cursor.execute(create)


def _ddl(name: str) -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid)"
            " FROM pg_constraint WHERE conname = %s",
            [name],
        )
        found = cursor.fetchone()
        if found is not None:
            table, definition = found
            return (
                f"ALTER TABLE {table} DROP CONSTRAINT {name}",
                f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}",
            )
        cursor.execute(
            "SELECT pg_get_indexdef(oid) FROM pg_class WHERE relname = %s", [name]
        )
        return f"DROP INDEX {name}", cursor.fetchone()[0]


# --- Idempotency ---------------------------------------------------------------------


@contextmanager
def forgetful_keys() -> Iterator[None]:
    """Write no record of a key, so that none is found."""
    with patch.object(idempotency, "queue_store", lambda *_: None):
        yield


@contextmanager
def keys_without_fingerprint() -> Iterator[None]:
    """Replay a key to any request that carries it."""

    def find(claim: Claim) -> Reply | None:
        found = IdempotencyRecord.objects.filter(key=claim.key).get()
        return Reply(status=found.status, body=found.reply, is_replayed=True)

    with patch.object(idempotency, "find", find):
        yield


@contextmanager
def keys_without_subject() -> Iterator[None]:
    """Take two people's equal keys for one."""
    params, find = idempotency._params, idempotency.find

    def nobodys(claim: Claim) -> Claim:
        return Claim("", claim.method, claim.path, claim.key, claim.fingerprint)

    with (
        patch.object(
            idempotency, "_params", lambda claim, reply: params(nobodys(claim), reply)
        ),
        patch.object(idempotency, "find", lambda claim: find(nobodys(claim))),
    ):
        yield


# --- Stock ---------------------------------------------------------------------------


@contextmanager
def selling_without_looking() -> Iterator[None]:
    """Take what is wanted; no constraint minds."""
    guard = "AND stock.on_hand - stock.reserved >= locked.quantity"
    with (
        altered_sql(inventory, "SELL_SQL", (guard, "")),
        without_constraints(
            "stock_reserved_within_on_hand", "stock_movement_result_possible"
        ),
    ):
        yield


class _Untrue:
    def __init__(self, count: int) -> None:
        self._count = count

    def count(self) -> int:
        return self._count


@contextmanager
def partial_orders() -> Iterator[None]:
    """Believe that all of an order's products could be taken."""
    queue_sell = inventory.queue_sell

    def queue_and_claim_success(
        pipe: Pipeline, *, order_id: UUID, wanted: list[Wanted], **rest: Any
    ) -> _Untrue:
        queue_sell(pipe, order_id=order_id, wanted=wanted, **rest)
        return _Untrue(len(wanted))

    with patch.object(inventory, "queue_sell", queue_and_claim_success):
        yield


@contextmanager
def stock_locked_in_any_order() -> Iterator[None]:
    """Take each product by itself; every other buyer begins at the far end."""
    queue_sell = inventory.queue_sell
    turns = count()

    def queue_one_by_one(
        pipe: Pipeline, *, order_id: UUID, wanted: list[Wanted], **rest: Any
    ) -> _Untrue:
        for item in wanted[:: -1 if next(turns) % 2 else 1]:
            queue_sell(pipe, order_id=order_id, wanted=[item], **rest)
            pipe.run("SELECT pg_sleep(0.01)", {})
        return _Untrue(len(wanted))

    with patch.object(inventory, "queue_sell", queue_one_by_one):
        yield


@contextmanager
def adjusting_without_looking() -> Iterator[None]:
    """Let staff take from the shelf what is promised to others."""

    def damage(*, product_id: int, delta: int, reason: str, **_: Any) -> None:
        with transaction.atomic():
            stock = Stock.objects.select_for_update(no_key=True).get(pk=product_id)
            move(stock, kind=MovementKind.DAMAGED, deltas=(delta, 0), reason=reason)

    with (
        patch.object(inventory, "adjust", damage),
        without_constraints(
            "stock_reserved_within_on_hand", "stock_movement_result_possible"
        ),
    ):
        yield


@contextmanager
def counting_without_looking() -> Iterator[None]:
    """Write down what was counted a while ago, whatever was sold since."""

    def write(*, product_id: int, on_hand: int, reason: str, **_: Any) -> None:
        sleep(0.05)
        with transaction.atomic():
            stock = Stock.objects.select_for_update(no_key=True).get(pk=product_id)
            delta = on_hand - stock.on_hand
            if delta:
                kind = MovementKind.COUNTED
                move(stock, kind=kind, deltas=(delta, 0), reason=reason)

    with patch.object(inventory, "count", write):
        yield


# --- Coupons and prices --------------------------------------------------------------


@contextmanager
def claiming_without_limit() -> Iterator[None]:
    """Issue coupons to whoever asks."""
    with (
        altered_sql(coupons, "STANDING_SQL", ("issued >= quantity", "false")),
        altered_sql(coupons, "CLAIM_SQL", ("AND issued < quantity", "")),
        without_constraints("coupon_batch_issued_within_quantity"),
    ):
        yield


@contextmanager
def claiming_again_and_again() -> Iterator[None]:
    """Forget who has a coupon already."""
    cut = ("AND user_id = %(user_id)s)", "AND user_id = -%(user_id)s)")
    with (
        altered_sql(coupons, "STANDING_SQL", cut),
        altered_sql(coupons, "CLAIM_SQL", cut),
        without_constraints("coupon_once_per_user_and_batch"),
    ):
        yield


@contextmanager
def coupons_on_many_orders() -> Iterator[None]:
    """Put a coupon on an order whatever its state is."""
    with (
        altered_sql(coupons, "TAKE_SQL", ("AND coupons_coupon.state = 'issued'", "")),
        without_constraints("order_coupon_on_one_live_order"),
    ):
        yield


@contextmanager
def any_total_will_do() -> Iterator[None]:
    """Ignore the total that the shopper agreed to."""
    draft = placing._draft

    def draft_anyway(wish: checkout.Purchase, status: OrderStatus) -> Any:
        values = {name: getattr(wish, name) for name in wish.__dataclass_fields__}
        return draft(checkout.Purchase(**{**values, "expected_total": None}), status)

    with patch.object(placing, "_draft", draft_anyway):
        yield


@contextmanager
def selling_at_old_prices() -> Iterator[None]:
    """Charge a price that has changed since it was read."""
    guard = "product.price = wanted.price AND"
    with altered_sql(inventory, "SELL_SQL", (guard, "")):
        yield


# --- Orders --------------------------------------------------------------------------


@contextmanager
def orders_without_lock(together: int = 0) -> Iterator[None]:
    """Read an order without a lock; ``together`` readers wait for each other."""
    barrier = Barrier(together, timeout=STUCK_AFTER) if together else None

    def read(order_id: UUID, **_owner: Any) -> Order:
        order = Order.objects.get(pk=order_id)
        if barrier is None:
            sleep(0.1)
        else:
            barrier.wait()
        return order

    with patch.object(orders, "lock", read):
        yield


@contextmanager
def expiring_without_lock() -> Iterator[None]:
    """Expire orders that were due a moment ago without another look."""
    overdue = Order.objects.overdue

    def expire(order_ids: list[UUID]) -> int:
        due = list(overdue().filter(pk__in=order_ids))
        sleep(0.2)
        for order in due:
            with transaction.atomic():
                checkout._give_back(order, None)
                orders.become(order, OrderStatus.EXPIRED, actor_id=None)
        return len(due)

    with patch.object(checkout, "_expire_batch_or_each", expire):
        yield


@contextmanager
def carts_of_any_version() -> Iterator[None]:
    """Empty a cart for an order whatever is in it by now."""
    guard = "AND version = %(version)s"
    with altered_sql(carts, "CLEAR_SQL", (guard, "AND %(version)s > 0")):
        yield


# --- Points --------------------------------------------------------------------------


@contextmanager
def points_without_lock() -> Iterator[None]:
    """Read a balance, let time pass, and write a new one over it."""

    def account_of(user_id: int) -> PointAccount:
        return PointAccount.objects.get(user_id=user_id)

    with (
        altered_sql(
            points,
            "POST_SQL",
            ("FOR NO KEY UPDATE", ""),
            ("SELECT *, sha256", "SELECT draft.*, pg_sleep(0.05)::text AS nap, sha256"),
        ),
        patch.object(points, "lock_account", account_of),
        without_constraints("ledger_entry_sequence_once"),
    ):
        yield


# --- Outbox and analytics ------------------------------------------------------------


@contextmanager
def claims_without_lease() -> Iterator[None]:
    """Let the next relay claim what another is busy with."""
    lease = "make_interval(secs => %(lease)s)"
    with altered_sql(
        outbox, "CLAIM_SQL", (lease, "0 * make_interval(secs => %(lease)s)")
    ):
        yield


@contextmanager
def claims_in_any_order() -> Iterator[None]:
    """Let an event overtake the earlier ones of its aggregate."""
    guard = "AND earlier.id < candidate.id"
    with altered_sql(outbox, "CLAIM_SQL", (guard, "AND false")):
        yield


@contextmanager
def delivered_when_claimed() -> Iterator[None]:
    """Count an event as delivered before the subscriber has it."""
    change = "SET attempts = attempts + 1,"
    with altered_sql(outbox, "CLAIM_SQL", (change, f"{change} delivered_at = now(),")):
        yield


@contextmanager
def days_in_utc() -> Iterator[None]:
    """Begin a day of sales at midnight in Greenwich."""

    def bounds(day: date) -> tuple[datetime, datetime]:
        start = datetime.combine(day, time.min, tzinfo=UTC)
        return start, start + timedelta(days=1)

    with patch.object(analytics, "bounds", bounds):
        yield


@contextmanager
def sales_added_up() -> Iterator[None]:
    """Add what each run finds to what is there."""
    with altered_sql(
        analytics,
        "ROLL_UP_SQL",
        ("SET units = excluded.units", "SET units = old.units + excluded.units"),
        ("(fresh.units, fresh.orders", "(-1, fresh.orders"),
    ):
        yield


Mutant = Callable[[], Any]
# By the names that ``run_in_processes`` takes; constraints are not theirs to drop.
MUTANTS: dict[str, Mutant] = {
    mutant.__name__: mutant
    for mutant in (
        expiring_without_lock,
        claims_without_lease,
        claims_in_any_order,
        delivered_when_claimed,
    )
}
