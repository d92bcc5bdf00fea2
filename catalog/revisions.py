"""Prices that are changed together: at once or by the clock, and put back together.

Lock order: revision, then products by id. Nobody who holds a product asks for a
revision. A price is put back only if it is still the one that the revision set: whoever
changed it since meant that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.functions import TransactionNow
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from catalog import services as catalog
from catalog.errors import (
    NoPriceToChange,
    PeriodInvalid,
    PricesMoved,
    RevisionClosed,
    TooManyPrices,
    UndoTooLate,
)
from catalog.models import (
    LineOutcome,
    PriceChange,
    PriceRevision,
    PriceRevisionLine,
    Product,
    RevisionState,
)
from catalog.price_rules import NewPrice
from common.db import requires_transaction, run, use_case

MOST = 5_000
_SETTLE_SQL = """
    UPDATE catalog_pricerevisionline AS line
       SET outcome = settled.outcome,
           change_id = coalesce(settled.change, line.change_id),
           restored_id = settled.restored,
           old_compare_at_price = coalesce(settled.before, line.old_compare_at_price)
      FROM unnest(%(ids)s::bigint[], %(outcomes)s::text[], %(changes)s::bigint[],
                  %(restored)s::bigint[], %(befores)s::bigint[])
           AS settled (id, outcome, change, restored, before)
     WHERE line.id = settled.id
"""


@dataclass(frozen=True, slots=True)
class PutBack:
    """What came of putting prices back: how many, and which changed since, by SKU."""

    restored: int
    left: list[str]


@use_case
def make(
    prices: Sequence[NewPrice],
    *,
    rule: str,
    reason: str,
    actor_id: int | None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> PriceRevision:
    """Change prices as they were previewed: now, or from ``starts_at`` on.

    At ``ends_at`` the old ones come back. What would not change is left out. At once,
    raises ``PricesMoved`` if any price is another one than was seen, and changes none.
    """
    moving = [price for price in prices if not price.is_same]
    _check(moving, starts_at, ends_at)
    revision = PriceRevision.objects.create(
        rule=rule[:200],
        reason=reason,
        actor_id=actor_id,
        starts_at=starts_at or TransactionNow(),
        ends_at=ends_at,
    )
    PriceRevisionLine.objects.bulk_create(
        (
            PriceRevisionLine(
                revision=revision,
                product_id=price.product_id,
                old_price=price.old,
                new_price=price.new,
            )
            for price in sorted(moving, key=lambda price: price.product_id)
        ),
        batch_size=1_000,
    )
    if starts_at is None and (passed_over := _start(revision)):
        raise PricesMoved(passed_over)
    return revision


@use_case
def undo(*, revision_id: int, reason: str, actor_id: int | None) -> PutBack:
    """Put back, within a day, the prices that are still those of a revision.

    Raises ``RevisionClosed`` if it does not stand, or ``UndoTooLate``.
    """
    revision = _lock(revision_id)
    if revision.state != RevisionState.APPLIED:
        raise RevisionClosed
    if not revision.can_be_undone(timezone.now()):
        raise UndoTooLate
    done = _put_back(revision, cause=reason, actor_id=actor_id)
    _close(revision, RevisionState.UNDONE, reason=reason, actor_id=actor_id)
    return done


@use_case
def end(*, revision_id: int, reason: str, actor_id: int | None) -> PutBack:
    """Put the old prices back before a revision would have ended by itself.

    Raises ``RevisionClosed`` for one that does not run, or was to stay.
    """
    revision = _lock(revision_id)
    if revision.state != RevisionState.APPLIED or revision.ends_at is None:
        raise RevisionClosed
    done = _put_back(revision, cause=reason, actor_id=actor_id)
    _close(revision, RevisionState.ENDED, reason=reason, actor_id=actor_id)
    return done


@use_case
def call_off(*, revision_id: int, reason: str, actor_id: int | None) -> None:
    """Give up a revision that has not started; raises ``RevisionClosed``."""
    revision = _lock(revision_id)
    if revision.state != RevisionState.SCHEDULED:
        raise RevisionClosed
    _close(revision, RevisionState.CANCELLED, reason=reason, actor_id=actor_id)


def run_due() -> int:
    """Start and end what is due by the database's clock; return how many there were.

    Each is a transaction of its own, and looked at again under its lock: this may run
    twice or at the same time as another.
    """
    to_end = Q(state=RevisionState.APPLIED, ends_at__lte=Now())
    to_start = Q(state=RevisionState.SCHEDULED, starts_at__lte=Now())
    done = 0
    # What ends first: the next one may begin with the prices that come back.
    for due, settle in ((to_end, _end_due), (to_start, _start_due)):
        found = PriceRevision.objects.filter(due).order_by("starts_at", "pk")
        for revision_id in list(found.values_list("pk", flat=True)):
            done += settle(revision_id, due)
    return done


@use_case
def _start_due(revision_id: int, due: Q) -> int:
    revision = _lock_due(revision_id, due)
    if revision is None:
        return 0
    if revision.ends_at is not None and revision.ends_at <= timezone.now():
        # Nobody was there to begin it: for a moment it need not.
        _close(revision, RevisionState.CANCELLED, reason="missed", actor_id=None)
        return 1
    _start(revision)
    return 1


@use_case
def _end_due(revision_id: int, due: Q) -> int:
    revision = _lock_due(revision_id, due)
    if revision is None:
        return 0
    _put_back(revision, cause=revision.reason, actor_id=revision.actor_id)
    _close(revision, RevisionState.ENDED, reason="", actor_id=None)
    return 1


@requires_transaction
def _lock(revision_id: int) -> PriceRevision:
    revisions = PriceRevision.objects.select_for_update(no_key=True)
    revision = revisions.filter(pk=revision_id).first()
    if revision is None:
        raise RevisionClosed
    return revision


@requires_transaction
def _lock_due(revision_id: int, due: Q) -> PriceRevision | None:
    free = PriceRevision.objects.select_for_update(no_key=True, skip_locked=True)
    return free.filter(due, pk=revision_id).first()


@requires_transaction
def _start(revision: PriceRevision) -> list[str]:
    """Change the prices that are still as they were seen; return the SKUs of others."""
    lines = list(revision.lines.order_by("product_id"))
    products = catalog.lock_many(line.product_id for line in lines)
    going = [
        (line, products[line.product_id])
        for line in lines
        if products[line.product_id].price == line.old_price
    ]
    befores = [product.compare_at_price for _line, product in going]
    changes = catalog.change_prices(
        [
            (product, line.new_price, _above(product.compare_at_price, line.new_price))
            for line, product in going
        ],
        cause=revision.reason,
        actor_id=revision.actor_id,
    )
    gone = {line.pk for line, _product in going}
    others = [line for line in lines if line.pk not in gone]
    _settle(
        [
            *(
                (line, LineOutcome.CHANGED, change, None, before)
                for (line, _product), change, before in zip(
                    going, changes, befores, strict=True
                )
            ),
            *((line, LineOutcome.PASSED_OVER, None, None, None) for line in others),
        ]
    )
    revision.state, revision.applied_at = RevisionState.APPLIED, TransactionNow()
    revision.save(update_fields=["state", "applied_at"])
    return [products[line.product_id].sku for line in others]


@requires_transaction
def _put_back(revision: PriceRevision, *, cause: str, actor_id: int | None) -> PutBack:
    lines = list(
        revision.lines.filter(outcome=LineOutcome.CHANGED).order_by("product_id")
    )
    products = catalog.lock_many(line.product_id for line in lines)
    newest = _newest_changes(products)
    # The same amount, but set by somebody since, is theirs.
    own = [line for line in lines if newest[line.product_id] == line.change_id]
    changes = catalog.change_prices(
        [
            (products[line.product_id], line.old_price, _compared(products, line))
            for line in own
        ],
        cause=cause,
        actor_id=actor_id,
    )
    gone = {line.pk for line in own}
    left = [line for line in lines if line.pk not in gone]
    _settle(
        [
            *(
                (line, LineOutcome.RESTORED, None, change, None)
                for line, change in zip(own, changes, strict=True)
            ),
            *((line, LineOutcome.LEFT, None, None, None) for line in left),
        ]
    )
    return PutBack(len(own), [products[line.product_id].sku for line in left])


def _newest_changes(products: Mapping[int, Product]) -> dict[int, int]:
    changes = PriceChange.objects.filter(product__in=list(products))
    newest = changes.order_by("product", "-pk").distinct("product")
    return dict(newest.values_list("product_id", "pk"))


def _compared(products: Mapping[int, Product], line: PriceRevisionLine) -> int | None:
    """Return the price to compare the old one with: what stands there, or stood."""
    present = products[line.product_id].compare_at_price
    return _above(present or line.old_compare_at_price, line.old_price)


def _above(compare_at: int | None, price: int) -> int | None:
    return compare_at if compare_at is not None and compare_at > price else None


Settled = tuple[
    PriceRevisionLine, LineOutcome, PriceChange | None, PriceChange | None, int | None
]


@requires_transaction
def _settle(lines: Iterable[Settled]) -> None:
    rows = list(lines)
    params: dict[str, Any] = {
        "ids": [line.pk for line, *_rest in rows],
        "outcomes": [str(outcome) for _line, outcome, *_rest in rows],
        "changes": [change and change.pk for _line, _what, change, *_rest in rows],
        "restored": [back and back.pk for *_rest, back, _before in rows],
        "befores": [before for *_rest, before in rows],
    }
    run(_SETTLE_SQL, params)


@requires_transaction
def _close(
    revision: PriceRevision,
    state: RevisionState,
    *,
    reason: str,
    actor_id: int | None,
) -> None:
    revision.state, revision.closed_at = state, TransactionNow()
    revision.closed_by_id, revision.closed_because = actor_id, reason[:200]
    revision.save(update_fields=["state", "closed_at", "closed_by", "closed_because"])


def _check(
    prices: Sequence[NewPrice], starts_at: datetime | None, ends_at: datetime | None
) -> None:
    if not prices:
        raise NoPriceToChange
    if len(prices) > MOST:
        raise TooManyPrices(limit=MOST)
    now = timezone.now()
    if ends_at is not None and ends_at <= max(now, starts_at or now):
        raise PeriodInvalid
