"""What a product cost of late, as its page draws and says it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from catalog.models import Product
from promotions.history import Era, Reduction, history_of
from promotions.models import Promotion

WIDTH, HEIGHT, MARGIN = 320, 64, 6
ROWS = 30


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """A reduction with its lawful reference, the offers, and the prices before."""

    reduction: Reduction | None
    offers: Sequence[Promotion]
    points: Sequence[Era]
    # The newest first, and no more than a page can hold.
    newest: Sequence[Era]
    # A polyline of steps, in a box of WIDTH by HEIGHT.
    line: str

    @property
    def box(self) -> str:
        return f"0 0 {WIDTH} {HEIGHT}"


def price_facts(product: Product, *, shelves: Collection[int]) -> PriceFacts:
    """Read what the product page says of the price besides the price."""
    history = history_of(product, shelves=shelves)
    now = timezone.now()
    points = history.points(now)
    return PriceFacts(
        reduction=history.reduction(now),
        offers=history.offers,
        # A price that never changed needs no picture.
        points=points if len(points) > 1 else [],
        newest=points[: -ROWS - 1 : -1] if len(points) > 1 else [],
        line=_steps(points, now) if len(points) > 1 else "",
    )


def _steps(points: Sequence[Era], now: datetime) -> str:
    first, highest = points[0].since, max(point.price for point in points)
    lowest = min(point.price for point in points)
    span = (now - first).total_seconds() or 1
    ends = [*(point.since for point in points[1:]), now]
    corners = []
    for point, end in zip(points, ends, strict=True):
        share = (point.price - lowest) / (highest - lowest)
        y = round(HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN), 1)
        corners += [
            f"{round((moment - first).total_seconds() / span * WIDTH, 1)},{y}"
            for moment in (point.since, end)
        ]
    return " ".join(corners)
