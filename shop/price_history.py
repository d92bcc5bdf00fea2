"""What a product cost of late, as its page draws and says it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject
from django.utils import timezone

from catalog.models import PriceChange, Product
from common.languages import reader_language
from common.memo import Memo
from promotions.history import Change, Era, Reduction, history_of
from shop.prices import offer_text

WIDTH, HEIGHT, MARGIN = 320, 64, 6
ROWS = 30


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """A reduction with its lawful reference, the offers, and the prices before."""

    reduction: Reduction | None
    offers: Sequence[str]
    points: Sequence[Era]
    # The newest first, and no more than a page can hold.
    newest: Sequence[Era]
    # A polyline of steps, in a box of WIDTH by HEIGHT.
    line: str

    @property
    def box(self) -> str:
        return f"0 0 {WIDTH} {HEIGHT}"


# A price that changes has a new version; a promotion shows within some seconds.
_facts: Memo[tuple[int, int, str], PriceFacts] = Memo(seconds=15, size=500)


def price_facts(product: Product, *, shelves: Collection[int]) -> PriceFacts:
    """Read what the product page says of the price besides the price."""
    key = (product.pk, product.version, reader_language())
    return _facts.get_or_make(key, lambda: _read(product, shelves))


def known_changes() -> ArraySubquery:
    """Annotate a product with the changes of its price, for ``price_facts``."""
    change = JSONObject(at="changed_at", old="old_price", new="new_price")
    changes = PriceChange.objects.filter(product=OuterRef("pk"))
    return ArraySubquery(changes.order_by("changed_at", "pk").values(json=change))


def _read(product: Product, shelves: Collection[int]) -> PriceFacts:
    changes = [
        Change(datetime.fromisoformat(one["at"]), one["old"], one["new"])
        for one in getattr(product, "changes", ())
    ]
    history = history_of(product, shelves=shelves, changes=changes)
    now = timezone.now()
    points = history.points(now)
    return PriceFacts(
        reduction=history.reduction(now),
        offers=[text for offer in history.offers if (text := offer_text(offer))],
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
