"""Stock that many rows of a file move: each as if staff had done it, in few statements.

Lock order: stocks by product id. Rows that are refused move nothing, and do not keep
the others from moving.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from catalog.models import Product
from common.db import requires_transaction, run
from common.errors import DomainError
from inventory import services as inventory
from inventory.errors import StockBelowReserved
from inventory.models import MovementKind, Stock, StockMovement
from inventory.restock import Change, pass_on

_MOVE_SQL = """
    WITH step AS (
        SELECT * FROM unnest(%(products)s::bigint[], %(kinds)s::text[],
                             %(deltas)s::bigint[], %(references)s::text[],
                             %(reasons)s::text[]) WITH ORDINALITY
            AS step (product_id, kind, delta, reference, reason, place)
    ), moved AS (
        UPDATE inventory_stock AS stock
           SET on_hand = stock.on_hand + step.delta, version = stock.version + 1
          FROM step WHERE stock.product_id = step.product_id
     RETURNING stock.product_id, stock.on_hand, stock.reserved
    )
    INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
        reserved_delta, on_hand_after, reserved_after, reference, reason, actor_id,
        moved_at)
    SELECT product_id, kind, delta, 0, on_hand, reserved, reference, reason,
           %(actor_id)s::bigint, now()
      FROM step JOIN moved USING (product_id) ORDER BY place
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What a row says of one product: so many more or fewer, or so many ``counted``.

    ``number`` is the row's, by which a refusal is told.
    """

    number: int
    product_id: int
    kind: MovementKind
    delta: int
    counted: int | None
    reference: str
    reason: str


@requires_transaction
def adjust_many(
    steps: Sequence[Step], *, counted_at: datetime, actor_id: int
) -> dict[int, DomainError]:
    """Do each step as ``adjust`` and ``count_as_of`` do one; no product comes twice.

    What was counted was so at ``counted_at``. Returns what was refused, by number.
    """
    stocks = _lock(step.product_id for step in steps)
    since = _moved_since(
        [step.product_id for step in steps if step.counted is not None], counted_at
    )
    refused: dict[int, DomainError] = {}
    going: list[tuple[Step, int]] = []
    for step in steps:
        stock = stocks[step.product_id]
        delta = _delta(step, stock, since.get(step.product_id, 0))
        if step.counted is not None and delta == 0:
            continue
        try:
            inventory.check_adjustment(step.kind, delta, step.reason)
            if stock.on_hand + delta < stock.reserved:
                raise StockBelowReserved(reserved=stock.reserved)
        except DomainError as error:
            refused[step.number] = error
        else:
            going.append((step, delta))
    if going:
        _move(going, stocks, actor_id)
    return refused


def _delta(step: Step, stock: Stock, moved: int) -> int:
    if step.counted is None:
        return step.delta
    # What is promised stays promised, and what moved since the count stays moved.
    return max(step.counted + moved, stock.reserved) - stock.on_hand


def _move(
    going: Sequence[tuple[Step, int]], stocks: dict[int, Stock], actor_id: int
) -> None:
    params = {
        "products": [step.product_id for step, _delta in going],
        "kinds": [step.kind.value for step, _delta in going],
        "deltas": [delta for _step, delta in going],
        "references": [step.reference for step, _delta in going],
        "reasons": [step.reason for step, _delta in going],
        "actor_id": actor_id,
    }
    run(_MOVE_SQL, params)
    pass_on(
        [
            Change(pk, stocks[pk].available, stocks[pk].available + delta)
            for pk, delta in ((step.product_id, delta) for step, delta in going)
        ]
    )


def _lock(product_ids: Iterable[int]) -> dict[int, Stock]:
    wanted = sorted(product_ids)
    new = Product.objects.filter(pk__in=wanted, stock__isnull=True).order_by("pk")
    Stock.objects.bulk_create(
        (Stock(product_id=pk) for pk in new.values_list("pk", flat=True)),
        ignore_conflicts=True,
    )
    return {stock.product_id: stock for stock in Stock.objects.lock(wanted)}


def _moved_since(product_ids: Sequence[int], moment: datetime) -> dict[int, int]:
    """Return what orders and others moved, by product, after it was counted."""
    if not product_ids:
        return {}
    since = StockMovement.objects.filter(
        product__in=product_ids, moved_at__gt=moment
    ).exclude(kind__in=[MovementKind.COUNTED, MovementKind.CORRECTED])
    sums = since.order_by().values("product_id").annotate(total=Sum("on_hand_delta"))
    return dict(sums.values_list("product_id", "total"))
