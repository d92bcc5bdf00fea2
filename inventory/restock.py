"""What comes back is kept for those who waited for it, in the order they came.

Alerts and holds of a product change only under the lock of its stock, which is taken
first: so nobody is overlooked, and nobody waits for them who has not that lock.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from catalog.errors import ProductNotFound
from catalog.models import Product
from common.db import Pipeline, Statement, pipeline, requires_transaction, use_case
from inventory.errors import AlertNotFound, InStock, TooManyAlerts
from inventory.journal import move
from inventory.links import alert_url
from inventory.models import (
    HOLD_MINUTES,
    AlertState,
    Hold,
    HoldState,
    MovementKind,
    RestockAlert,
    Stock,
)
from inventory.statements import KEEP_SQL
from outbox import services as outbox

# An e-mail address proves nothing: nobody shall be put down for half the catalogue.
MAX_OPEN_ALERTS = 50

logger = logging.getLogger(__name__)

BACK_FIELDS = (
    "alert_id",
    "product_id",
    "product_name",
    "product_slug",
    "user_id",
    "email",
    "language",
    "quantity",
    "held_until",
)


@dataclass(frozen=True, slots=True)
class Change:
    """How much of a product was available before a movement, and is after it."""

    product_id: int
    before: int
    after: int


@use_case
def alert(
    *, product_id: int, user_id: int | None, email: str, language: str
) -> RestockAlert:
    """Put a shopper, or a guest by ``email``, into the line for a product.

    Whoever is in it already keeps their place. Raises ``ProductNotFound`` for what is
    not on sale, ``InStock`` if there is something to buy, ``TooManyAlerts``.
    """
    if not Product.objects.on_sale().filter(pk=product_id).exists():
        raise ProductNotFound
    stock = _lock(product_id)
    email = "" if user_id is not None else email.strip().lower()
    own = RestockAlert.objects.of(user_id=user_id, email=email).open()
    present = own.filter(product_id=product_id).first()
    if present is not None:
        return present
    if stock.available > 0:
        raise InStock(available=stock.available)
    if own.count() >= MAX_OPEN_ALERTS:
        raise TooManyAlerts(limit=MAX_OPEN_ALERTS)
    return RestockAlert.objects.create(
        product_id=product_id, user_id=user_id, email=email, language=language
    )


@use_case
def cancel_alert(*, alert_id: int) -> None:
    """Leave the line, once or several times; a unit that was kept goes to the next.

    Raises ``AlertNotFound``. What was bought or has lapsed stays so.
    """
    known = RestockAlert.objects.filter(pk=alert_id).first()
    if known is None:
        raise AlertNotFound
    stock = _lock(known.product_id)
    hold = Hold.objects.active().filter(alert=alert_id).first()
    RestockAlert.objects.open().filter(pk=alert_id).update(state=AlertState.CANCELLED)
    if hold is not None:
        _let_go(stock, hold)


def lapse_due(*, limit: int = 500) -> int:
    """Take back holds whose time is up, for the next in the line; return how many.

    Each is a transaction of its own, so a job that dies has done whole ones.
    """
    due = Hold.objects.due().order_by("expires_at")[:limit]
    return sum(_robustly(lapse, pk) for pk in due.values_list("pk", flat=True))


@use_case
def lapse(hold_id: int) -> bool:
    """Take one hold back if it is still due; tell whether it was.

    Decided under the lock of the stock, by the database's clock. A stock that somebody
    else has locked is stepped over: they may be buying what is kept, or another worker.
    """
    stock = (
        Stock.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .filter(product__holds=hold_id)
        .first()
    )
    if stock is None:
        return False
    hold = Hold.objects.due().filter(pk=hold_id).first()
    if hold is None:
        return False
    RestockAlert.objects.filter(pk=hold.alert_id).update(state=AlertState.LAPSED)
    _let_go(stock, hold)
    return True


def keep_overlooked(*, limit: int = 500) -> int:
    """Serve lines that a movement could not: of a product that is on sale again."""
    waiting = RestockAlert.objects.waiting().filter(
        product__stock__on_hand__gt=F("product__stock__reserved"),
        product__published_at__lte=Now(),
    )
    ids = waiting.values_list("product_id", flat=True).distinct()[:limit]
    return sum(_robustly(_keep_now, product_id) for product_id in list(ids))


@requires_transaction
def pass_on(changes: Sequence[Change]) -> None:
    """Keep what came back for those who wait, and tell others what changed.

    The stocks are locked and moved. Publishes ``stock.back`` per hold, and
    ``stock.changed`` where there is more or less for everybody than before.
    """
    risen = [item.product_id for item in changes if item.after > item.before]
    kept: list[tuple[Any, ...]] = []
    if risen:
        with pipeline() as pipe:
            queued = queue_keep(pipe, risen)
        kept = queued.rows()
    tell(changes, kept)


def queue_keep(pipe: Pipeline, product_ids: Iterable[int]) -> Statement:
    """Queue keeping what is available for those who wait; its rows are for ``tell``."""
    params = {"product_ids": sorted(product_ids), "minutes": HOLD_MINUTES}
    return pipe.run(KEEP_SQL, params)


@requires_transaction
def tell(changes: Sequence[Change], kept: Sequence[tuple[Any, ...]]) -> None:
    """Publish what movements and holds came to, a round trip for each of the two."""
    backs = [dict(zip(BACK_FIELDS, row, strict=True)) for row in kept]
    left = {item.product_id: item.after for item in changes}
    for back in backs:
        left[back["product_id"]] -= back["quantity"]
    changed = {
        f"product/{pk}": {"product_id": pk, "available": left[pk]}
        for pk, before in ((item.product_id, item.before) for item in changes)
        if before != left[pk]
    }
    if backs:
        outbox.publish_many(
            topic="stock.back",
            payloads={
                f"alert/{back['alert_id']}": back | {"url": alert_url(back["alert_id"])}
                for back in backs
            },
        )
    if changed:
        outbox.publish_many(topic="stock.changed", payloads=changed)


def _let_go(stock: Stock, hold: Hold) -> None:
    before = stock.available
    Hold.objects.filter(pk=hold.pk).update(state=HoldState.RELEASED, settled_at=Now())
    move(
        stock,
        kind=MovementKind.UNHELD,
        deltas=(0, -hold.quantity),
        reference=f"hold/{hold.pk}",
    )
    pass_on([Change(stock.product_id, before, stock.available)])


@use_case
def _keep_now(product_id: int) -> bool:
    stock = _lock(product_id)
    # Nothing has moved: for everybody else it was there, and may be no longer.
    with pipeline() as pipe:
        queued = queue_keep(pipe, [product_id])
    tell([Change(product_id, stock.available, stock.available)], kept := queued.rows())
    return bool(kept)


def _lock(product_id: int) -> Stock:
    stock, _created = Stock.objects.select_for_update(no_key=True).get_or_create(
        product_id=product_id
    )
    stock.refresh_from_db()
    return stock


def _robustly(step: Any, key: int) -> bool:
    try:
        return bool(step(key))
    except Exception:
        # One that cannot be done must not keep those behind it waiting.
        if not connection.is_usable():
            raise
        logger.exception("%s(%s) failed", step.__name__, key)
        return False
