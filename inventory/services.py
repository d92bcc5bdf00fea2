"""The only code that moves stock.

Stock is taken set-based: one statement locks all rows in the order of their product
ids, checks, moves and journals. It touches fewer rows than asked if anything is short,
and the caller's transaction is rolled back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.db import Pipeline, Statement, requires_transaction, use_case
from inventory.errors import (
    AdjustmentInvalid,
    InsufficientStock,
    StockBelowReserved,
    StockChanged,
)
from inventory.models import STAFF_KINDS, MovementKind, Stock, StockMovement
from outbox import services as outbox

# ``wanted`` are the products with the price they were quoted at: the row comes back
# only if the product still sells at that price and enough of it is left.
_TAKE_SQL = """
    WITH wanted AS (
        SELECT * FROM unnest(%(product_ids)s::bigint[], %(quantities)s::bigint[],
                             %(prices)s::bigint[]) AS t (product_id, quantity, price)
    ), locked AS (
        SELECT stock.product_id, wanted.quantity
          FROM inventory_stock AS stock
          JOIN wanted ON wanted.product_id = stock.product_id
          JOIN catalog_product AS product ON product.id = stock.product_id
         WHERE product.price = wanted.price AND product.published_at <= now()
         ORDER BY stock.product_id
           FOR NO KEY UPDATE OF stock
    ), taken AS (
        UPDATE inventory_stock AS stock
           SET on_hand = stock.on_hand - {on_hand}, version = stock.version + 1,
               reserved = stock.reserved + {reserved}
          FROM locked
         WHERE stock.product_id = locked.product_id
           AND stock.on_hand - stock.reserved >= locked.quantity
     RETURNING stock.product_id, locked.quantity, stock.on_hand, stock.reserved
    )
    INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
        reserved_delta, on_hand_after, reserved_after, order_id, reason, moved_at)
    SELECT product_id, '{kind}', -({on_hand_taken}), {reserved_taken}, on_hand,
           reserved, %(order_id)s, '', now()
      FROM taken
"""
SELL_SQL = _TAKE_SQL.format(
    kind=MovementKind.SOLD.value,
    on_hand="locked.quantity",
    reserved="0",
    on_hand_taken="quantity",
    reserved_taken="0",
)
RESERVE_SQL = _TAKE_SQL.format(
    kind=MovementKind.RESERVED.value,
    on_hand="0",
    reserved="locked.quantity",
    on_hand_taken="0",
    reserved_taken="quantity",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A product to take from stock, at the price it was quoted."""

    product_id: int
    quantity: int
    unit_price: int


def queue_sell(
    pipe: Pipeline, *, order_id: UUID, wanted: Sequence[Wanted]
) -> Statement:
    """Queue the sale of ``wanted``; it touches fewer rows if anything is short."""
    return _queue_take(pipe, SELL_SQL, order_id=order_id, wanted=wanted)


def queue_reserve(
    pipe: Pipeline, *, order_id: UUID, wanted: Sequence[Wanted]
) -> Statement:
    """Queue the reservation of ``wanted`` for an unpaid order."""
    return _queue_take(pipe, RESERVE_SQL, order_id=order_id, wanted=wanted)


@requires_transaction
def commit(*, order_id: UUID, quantities: Mapping[int, int]) -> None:
    """Turn an order's reservation into a sale, by product id and quantity."""
    _settle(
        MovementKind.COMMITTED,
        order_id=order_id,
        changes={pk: (-quantity, -quantity) for pk, quantity in quantities.items()},
    )


@requires_transaction
def release(*, order_id: UUID, quantities: Mapping[int, int]) -> None:
    """Give an unpaid order's reservation back, exactly once."""
    _settle(
        MovementKind.RELEASED,
        order_id=order_id,
        changes={pk: (0, -quantity) for pk, quantity in quantities.items()},
    )


@requires_transaction
def take_back(*, order_id: UUID, quantities: Mapping[int, int]) -> None:
    """Put the goods of a cancelled paid order back on the shelf, exactly once."""
    _settle(
        MovementKind.RETURNED,
        order_id=order_id,
        changes={pk: (quantity, 0) for pk, quantity in quantities.items()},
    )


@use_case
def adjust(
    *,
    product_id: int,
    kind: MovementKind,
    delta: int,
    reason: str,
    actor_id: int | None,
    expected_version: int | None = None,
) -> StockMovement:
    """Change what is on hand by ``delta``, as staff or an import, for a reason.

    With ``expected_version`` the change is refused (``StockChanged``) if anything was
    sold since the number was read. Raises ``StockBelowReserved`` rather than break a
    promise to an unpaid order.
    """
    _check_adjustment(kind, delta, reason)
    stock, _created = Stock.objects.select_for_update(no_key=True).get_or_create(
        product_id=product_id
    )
    stock.refresh_from_db()
    if expected_version is not None and stock.version != expected_version:
        raise StockChanged(
            on_hand=stock.on_hand, reserved=stock.reserved, version=stock.version
        )
    if stock.on_hand + delta < stock.reserved:
        raise StockBelowReserved(reserved=stock.reserved)
    was_available = stock.available
    movement = _move(
        stock, kind=kind, deltas=(delta, 0), reason=reason, actor_id=actor_id
    )
    _announce(stock, was_available)
    return movement


@use_case
def count(
    *,
    product_id: int,
    on_hand: int,
    expected_version: int,
    reason: str,
    actor_id: int | None,
) -> StockMovement | None:
    """Set what was counted on the shelf; ``None`` if it is what the books say.

    Refused with ``StockChanged`` if anything moved since ``expected_version`` was read,
    so that a count never wipes out a sale.
    """
    stock = Stock.objects.select_for_update(no_key=True).get(product_id=product_id)
    if stock.version != expected_version:
        raise StockChanged(
            on_hand=stock.on_hand, reserved=stock.reserved, version=stock.version
        )
    if on_hand == stock.on_hand:
        return None
    return adjust(
        product_id=product_id,
        kind=MovementKind.COUNTED,
        delta=on_hand - stock.on_hand,
        reason=reason,
        actor_id=actor_id,
    )


def shortage(wanted: Sequence[Wanted]) -> InsufficientStock | None:
    """Say what is missing of ``wanted`` right now, or ``None`` if nothing is."""
    stocks = Stock.objects.in_bulk([item.product_id for item in wanted])
    short = {
        item.product_id: stocks[item.product_id].available
        if item.product_id in stocks
        else 0
        for item in wanted
        if item.product_id not in stocks
        or stocks[item.product_id].available < item.quantity
    }
    return InsufficientStock(short) if short else None


def _queue_take(
    pipe: Pipeline, sql: str, *, order_id: UUID, wanted: Sequence[Wanted]
) -> Statement:
    params = {
        "order_id": order_id,
        "product_ids": [item.product_id for item in wanted],
        "quantities": [item.quantity for item in wanted],
        "prices": [item.unit_price for item in wanted],
    }
    return pipe.run(sql, params)


def _settle(
    kind: MovementKind, *, order_id: UUID, changes: Mapping[int, tuple[int, int]]
) -> None:
    stocks = list(Stock.objects.lock(list(changes)))
    for stock in stocks:
        was_available = stock.available
        _move(stock, kind=kind, deltas=changes[stock.product_id], order_id=order_id)
        _announce(stock, was_available)


def _move(
    stock: Stock,
    *,
    kind: MovementKind,
    deltas: tuple[int, int],
    order_id: UUID | None = None,
    reason: str = "",
    actor_id: int | None = None,
) -> StockMovement:
    on_hand_delta, reserved_delta = deltas
    stock.on_hand += on_hand_delta
    stock.reserved += reserved_delta
    stock.version += 1
    stock.save(update_fields=["on_hand", "reserved", "version"])
    return StockMovement.objects.create(
        product_id=stock.product_id,
        kind=kind,
        on_hand_delta=on_hand_delta,
        reserved_delta=reserved_delta,
        on_hand_after=stock.on_hand,
        reserved_after=stock.reserved,
        order_id=order_id,
        reason=reason,
        actor_id=actor_id,
    )


def _announce(stock: Stock, was_available: int) -> None:
    # Pages ask the database for exact stock; others only need to hear of the edges.
    if (was_available == 0) == (stock.available == 0):
        return
    outbox.publish(
        topic="stock.changed",
        aggregate=f"product/{stock.product_id}",
        payload={"product_id": stock.product_id, "available": stock.available},
    )


def _check_adjustment(kind: MovementKind, delta: int, reason: str) -> None:
    signs = {MovementKind.RECEIVED: delta > 0, MovementKind.DAMAGED: delta < 0}
    if kind not in STAFF_KINDS or delta == 0 or not signs.get(kind, True):
        raise AdjustmentInvalid(_("This kind of movement needs another amount."))
    if not reason.strip():
        raise AdjustmentInvalid(_("Please give a reason."))
