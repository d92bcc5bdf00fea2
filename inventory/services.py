"""The only code that moves stock.

Stock is moved set-based: one statement locks all rows in the order of their product
ids, checks, moves and journals. Taking touches fewer rows than asked if anything is
short, and the caller's transaction is rolled back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.db import (
    Pipeline,
    Statement,
    pipeline,
    requires_transaction,
    run,
    use_case,
)
from inventory.errors import (
    AdjustmentInvalid,
    InsufficientStock,
    ReturnExceedsSale,
    StockBelowReserved,
    StockChanged,
)
from inventory.journal import move
from inventory.models import (
    ALWAYS_FEWER,
    ALWAYS_MORE,
    STAFF_KINDS,
    MovementKind,
    Stock,
    StockMovement,
)
from inventory.restock import Change, pass_on, queue_keep, tell
from inventory.restock import alert as alert
from inventory.restock import cancel_alert as cancel_alert
from inventory.restock import keep_overlooked as keep_overlooked
from inventory.restock import lapse as lapse
from inventory.restock import lapse_due as lapse_due
from inventory.statements import (
    COMMIT_SQL,
    RELEASE_SQL,
    RESERVE_HELD_SQL,
    RESERVE_SQL,
    RETAKE_SQL,
    SELL_HELD_SQL,
    SELL_SQL,
    TAKE_BACK_SQL,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A product to take from stock, at the price it was quoted."""

    product_id: int
    quantity: int
    unit_price: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody for whom units are kept: a shopper, a guest's e-mail, or both."""

    user_id: int | None
    email: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A product whose stock was moved, by how much, and what that left."""

    product_id: int
    quantity: int
    on_hand: int
    reserved: int

    @property
    def available(self) -> int:
        """What everybody can buy now."""
        return self.on_hand - self.reserved


def queue_sell(
    pipe: Pipeline,
    *,
    order_id: UUID,
    wanted: Sequence[Wanted],
    holder: Holder | None = None,
) -> Statement:
    """Queue the sale of ``wanted``; it touches fewer rows if anything is short.

    ``holder`` is for a purchase with units that are kept for the shopper: they are
    used with it.
    """
    sql = SELL_HELD_SQL if holder else SELL_SQL
    return _queue_take(pipe, sql, order_id=order_id, wanted=wanted, holder=holder)


def queue_reserve(
    pipe: Pipeline,
    *,
    order_id: UUID,
    wanted: Sequence[Wanted],
    holder: Holder | None = None,
) -> Statement:
    """Queue the reservation of ``wanted`` for an unpaid order, as ``queue_sell``."""
    sql = RESERVE_HELD_SQL if holder else RESERVE_SQL
    return _queue_take(pipe, sql, order_id=order_id, wanted=wanted, holder=holder)


@requires_transaction
def commit(*, order_id: UUID, quantities: Mapping[int, int]) -> tuple[Moved, ...]:
    """Turn an order's reservation into a sale, by product id and quantity."""
    rows = run(COMMIT_SQL, _settle_params(order_id, quantities)).rows()
    return tuple(Moved(*row) for row in rows)


@requires_transaction
def release(*, order_id: UUID, quantities: Mapping[int, int]) -> tuple[Moved, ...]:
    """Give an unpaid order's reservation back, exactly once."""
    return _give_back(RELEASE_SQL, _settle_params(order_id, quantities))


@requires_transaction
def release_many(quantities: Mapping[UUID, Mapping[int, int]]) -> None:
    """Give the reservations of many unpaid orders back, each exactly once."""
    product_ids = sorted({pk for order in quantities.values() for pk in order})
    # All of them before any is moved, or two orders could meet others crosswise.
    before = {stock.product_id: stock for stock in Stock.objects.lock(product_ids)}
    with pipeline() as pipe:
        given = [
            pipe.run(RELEASE_SQL, _settle_params(order_id, wanted))
            for order_id, wanted in quantities.items()
        ]
        kept = queue_keep(pipe, product_ids)
    after = {row[0]: Moved(*row) for rows in given for row in rows.rows()}
    tell(
        [
            Change(pk, before[pk].available, moved.available)
            for pk, moved in after.items()
        ],
        kept.rows(),
    )


@requires_transaction
def take_back(
    *, order_id: UUID, quantities: Mapping[int, int], reference: str = ""
) -> tuple[Moved, ...]:
    """Put goods of a locked order back on the shelf, all of them or some.

    Each ``reference`` (a refund, a return; none for the whole order) counts once per
    product. Goods that cannot be sold again are not taken back: they stay sold. Raises
    ``ReturnExceedsSale`` for more than the order still has.
    """
    params = _settle_params(order_id, quantities, reference)
    moved = _give_back(TAKE_BACK_SQL, params)
    missing = set(quantities) - {item.product_id for item in moved}
    if missing:
        known = StockMovement.objects.filter(
            order=order_id,
            kind=MovementKind.RETURNED,
            reference=reference,
            product__in=missing,
        )
        if known.count() != len(missing):
            raise ReturnExceedsSale(sorted(missing))
    return moved


@requires_transaction
def sort_out(
    *,
    order_id: UUID,
    good: Mapping[int, int],
    bad: Mapping[int, int],
    reference: str,
    reason: str,
    actor_id: int | None,
) -> None:
    """Take goods of a locked order back, by product id: ``good`` ones are sold again.

    ``bad`` ones are returned and damaged in one breath: nobody can buy them in between.
    Raises ``ReturnExceedsSale``; each ``reference`` counts once.
    """
    if bad:
        # All of them before any is moved, or the two steps could meet others crosswise.
        list(Stock.objects.lock([*good, *bad]))
        _write_off(order_id, bad, f"{reference}/off", reason=reason, actor_id=actor_id)
    if good:
        take_back(order_id=order_id, quantities=good, reference=reference)


def _write_off(
    order_id: UUID,
    quantities: Mapping[int, int],
    reference: str,
    *,
    reason: str,
    actor_id: int | None,
) -> None:
    rows = run(TAKE_BACK_SQL, _settle_params(order_id, quantities, reference)).rows()
    if missing := set(quantities) - {row[0] for row in rows}:
        raise ReturnExceedsSale(sorted(missing))
    for stock in Stock.objects.lock(list(quantities)):
        move(
            stock,
            kind=MovementKind.DAMAGED,
            deltas=(-quantities[stock.product_id], 0),
            reference=reference,
            reason=reason[:200],
            actor_id=actor_id,
        )


def put_back_by(reference: str, *, order_id: UUID | None) -> dict[int, int]:
    """Return what ``sort_out`` put on the shelf for a reference, by product id."""
    moved = StockMovement.objects.filter(
        order=order_id, kind=MovementKind.RETURNED, reference=reference
    )
    return dict(moved.values_list("product_id", "on_hand_delta"))


@requires_transaction
def retake(*, order_id: UUID, quantities: Mapping[int, int]) -> tuple[Moved, ...]:
    """Sell to an expired order that is paid late what it had to give back.

    Raises ``InsufficientStock``; then nothing was taken, and the transaction is good.
    """
    rows = run(RETAKE_SQL, _settle_params(order_id, quantities)).rows()
    if len(rows) != len(quantities):
        raise _short(quantities) or InsufficientStock({})
    return tuple(Moved(*row) for row in rows)


@use_case
def adjust(
    *,
    product_id: int,
    kind: MovementKind,
    delta: int,
    reason: str,
    actor_id: int | None,
    reference: str = "",
    expected_version: int | None = None,
) -> StockMovement:
    """Change what is on hand by ``delta``, as staff or an import, for a reason.

    ``reference`` names the paper it goes back to, e.g. a delivery note. With
    ``expected_version`` the change is refused (``StockChanged``) if anything was sold
    since the number was read. Raises ``StockBelowReserved`` rather than break a
    promise to an unpaid order or to somebody a unit is kept for.
    """
    check_adjustment(kind, delta, reason)
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
    before = stock.available
    movement = move(
        stock,
        kind=kind,
        deltas=(delta, 0),
        reference=reference,
        reason=reason,
        actor_id=actor_id,
    )
    pass_on([Change(product_id, before, stock.available)])
    return movement


@use_case
def count(
    *,
    product_id: int,
    on_hand: int,
    expected_version: int,
    reason: str,
    actor_id: int | None,
    reference: str = "",
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
        reference=reference,
    )


def shortage(wanted: Sequence[Wanted]) -> InsufficientStock | None:
    """Say what is missing of ``wanted`` right now, or ``None`` if nothing is."""
    return _short({item.product_id: item.quantity for item in wanted})


def _short(quantities: Mapping[int, int]) -> InsufficientStock | None:
    stocks = Stock.objects.in_bulk(list(quantities))
    left = {pk: stocks[pk].available if pk in stocks else 0 for pk in quantities}
    short = {pk: left[pk] for pk, wanted in quantities.items() if left[pk] < wanted}
    return InsufficientStock(short) if short else None


def _queue_take(
    pipe: Pipeline,
    sql: str,
    *,
    order_id: UUID,
    wanted: Sequence[Wanted],
    holder: Holder | None,
) -> Statement:
    params: dict[str, Any] = {
        "order_id": order_id,
        "product_ids": [item.product_id for item in wanted],
        "quantities": [item.quantity for item in wanted],
        "prices": [item.unit_price for item in wanted],
    }
    if holder is not None:
        params |= {"user_id": holder.user_id, "email": holder.email.strip().lower()}
    return pipe.run(sql, params)


def _settle_params(
    order_id: UUID, quantities: Mapping[int, int], reference: str = ""
) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "product_ids": list(quantities),
        "quantities": list(quantities.values()),
        "reference": reference,
    }


def _give_back(sql: str, params: dict[str, Any]) -> tuple[Moved, ...]:
    with pipeline() as pipe:
        given = pipe.run(sql, params)
        kept = queue_keep(pipe, params["product_ids"])
    moved = tuple(Moved(*row) for row in given.rows())
    tell(
        [
            Change(item.product_id, item.available - item.quantity, item.available)
            for item in moved
        ],
        kept.rows(),
    )
    return moved


def check_adjustment(kind: MovementKind, delta: int, reason: str) -> None:
    """Raise ``AdjustmentInvalid`` for what staff cannot have done to goods."""
    wrong_way = ALWAYS_MORE if delta < 0 else ALWAYS_FEWER
    if kind not in STAFF_KINDS or delta == 0 or kind in wrong_way:
        raise AdjustmentInvalid(_("This kind of movement needs another amount."))
    if not reason.strip():
        raise AdjustmentInvalid(_("Please give a reason."))
