"""What outside systems say of products, each thing once and never backwards.

Lock order: version, product, stock. Nobody else locks the first, and nobody who holds
a stock asks for a product's row.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from django.db.models import Sum
from django.utils import timezone

from catalog import services as catalog
from catalog.messages import RefusedMessage, Update, apply_facts
from catalog.models import Product
from common.days import shop_day
from common.db import requires_transaction, run, use_case
from inventory import services as inventory
from inventory.models import MovementKind, Stock, StockMovement

# The row is locked from here to the commit, so versions of one aspect are taken one
# after the other, and each of them with its effect or not at all.
RAISE_SQL = """
    INSERT INTO inventory_sourceversion AS known
           (source, product_id, aspect, version, taken, repeated, heard_at)
    SELECT %(source)s::text, %(product_id)s::bigint, aspect, %(version)s::bigint, 1, 0,
           now()
      FROM unnest(%(aspects)s::text[]) AS aspect ORDER BY aspect
        ON CONFLICT (source, product_id, aspect) DO UPDATE
       SET version = greatest(known.version, excluded.version),
           taken = known.taken + (known.version < excluded.version)::int,
           repeated = known.repeated + (known.version >= excluded.version)::int,
           heard_at = now()
 RETURNING aspect, old.version IS NULL OR old.version < %(version)s::bigint
"""
COUNT_REFUSED_SQL = """
    INSERT INTO inventory_refusedmessages AS known
           (day, code, count, last_reason, last_at)
    VALUES (%(day)s::date, %(code)s::text, 1, %(reason)s::text, now())
        ON CONFLICT (day, code) DO UPDATE
       SET count = known.count + 1, last_reason = excluded.last_reason, last_at = now()
"""


class Taken(StrEnum):
    """What became of a message."""

    TAKEN = "taken"
    REPEATED = "repeated"


@use_case
def take(update: Update) -> Taken:
    """Do what a source says, unless it said so before, or something newer.

    Price and name change as if staff had done it, stock as by a count. Raises
    ``RefusedMessage`` for a SKU that we do not have.
    """
    product_ids = Product.objects.filter(sku=update.sku).values_list("pk", flat=True)
    product_id = product_ids.first()
    if product_id is None:
        raise RefusedMessage("unknown_sku", f"there is no product {update.sku}")
    fresh = _raise_versions(update, product_id)
    if not fresh:
        return Taken.REPEATED
    product = catalog.lock(product_id)
    apply_facts(update, product, fresh)
    if update.stock is not None and "stock" in fresh:
        count_as_of(
            product_id=product_id,
            on_hand=update.stock,
            counted_at=update.counted_at,
            reason=update.cause,
        )
    return Taken.TAKEN


@use_case
def count_refused(*, code: str, reason: str) -> None:
    """Count a message that went to the dead letters."""
    day = shop_day(timezone.now())
    # An error's text may hold what the message did.
    reason = reason.replace("\0", "")[:200]
    run(COUNT_REFUSED_SQL, {"day": day, "code": code[:40], "reason": reason})


@requires_transaction
def count_as_of(
    *,
    product_id: int,
    on_hand: int,
    counted_at: datetime,
    reason: str,
    reference: str = "",
    actor_id: int | None = None,
) -> StockMovement | None:
    """Set what somebody counted a while ago, and what moved since then on top of it.

    Returns ``None`` if that is what the books say already. ``on_hand`` are units that
    are there and not sold; reserved ones are among them. What is promised stays
    promised: with less than that, nothing is left to buy.
    """
    stock, _created = Stock.objects.select_for_update(no_key=True).get_or_create(
        product_id=product_id
    )
    stock.refresh_from_db()
    since = StockMovement.objects.filter(
        product=product_id, moved_at__gt=counted_at
    ).exclude(kind__in=[MovementKind.COUNTED, MovementKind.CORRECTED])
    moved = since.aggregate(total=Sum("on_hand_delta"))["total"] or 0
    return inventory.count(
        product_id=product_id,
        on_hand=max(on_hand + moved, stock.reserved),
        expected_version=stock.version,
        reason=reason,
        actor_id=actor_id,
        reference=reference,
    )


def _raise_versions(update: Update, product_id: int) -> Sequence[str]:
    """Note the version of each aspect; return those for which it is news."""
    params = {
        "source": update.source,
        "product_id": product_id,
        "version": update.version,
        "aspects": update.aspects,
    }
    return [aspect for aspect, is_fresh in run(RAISE_SQL, params).rows() if is_fresh]
