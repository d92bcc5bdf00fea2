"""A coupon drop while it goes on, from the coupons and orders themselves."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.utils import timezone

from analytics.reports import campaigns
from analytics.sql import rows
from common.memo import Memo
from coupons import refusals
from coupons.models import Coupon, CouponBatch, CouponState

WINDOW = 60  # seconds
LATELY = 5  # seconds
# So many of the latest coupons are looked at for the chart, or the rows of a big drop
# would be read every two seconds.
LATEST = 20_000
# By second, of the latest ones; their numbers are in the order of time.
_SECONDS = """
    WITH latest AS (
        SELECT issued_at FROM coupons_coupon
         WHERE batch_id = %(batch_id)s ORDER BY serial DESC LIMIT %(limit)s
    )
    SELECT date_trunc('second', issued_at) AS second, count(*) FROM latest
     WHERE issued_at > (SELECT max(issued_at) FROM latest) - interval '60 seconds'
     GROUP BY 1
"""
# What orders came to takes longer to add up, and moves slower, than coupons.
_effects: Memo[int, campaigns.Effect] = Memo(seconds=5, size=50)


@dataclass(frozen=True, slots=True)
class Live:
    """A batch at one moment.

    ``seconds`` are the last minute if anything was issued in it, else the minute
    before the last one was; oldest first. ``refused`` is by code, ``None`` if unknown.
    """

    batch: CouponBatch
    at: datetime
    used: int
    reserved: int
    effect: campaigns.Effect
    refused: dict[str, int] | None
    seconds: list[tuple[datetime, int]]

    @property
    def is_moving(self) -> bool:
        return any(number for _second, number in self.seconds[-LATELY:]) and (
            self.at - self.seconds[-1][0] < timedelta(seconds=LATELY)
        )

    @property
    def peak(self) -> int:
        return max(number for _second, number in self.seconds)


def live(batch: CouponBatch) -> Live:
    """Look at a batch right now."""
    now = timezone.now()
    held = Coupon.objects.filter(batch=batch, state__in=["used", "reserved"])
    states = dict(held.values_list("state").annotate(Count("pk")))
    found = dict(rows(_SECONDS, {"batch_id": batch.pk, "limit": LATEST}))
    this_second = now.replace(microsecond=0)
    last = max(found, default=this_second)
    if this_second - last < timedelta(seconds=WINDOW):
        last = this_second
    first = last - timedelta(seconds=WINDOW - 1)
    seconds = [first + timedelta(seconds=n) for n in range(WINDOW)]
    return Live(
        batch=batch,
        at=now,
        used=states.get(CouponState.USED.value, 0),
        reserved=states.get(CouponState.RESERVED.value, 0),
        effect=_effects.get_or_make(batch.pk, lambda: campaigns.effect(batch.pk)),
        refused=refusals.counted(batch.pk),
        seconds=[(second, found.get(second, 0)) for second in seconds],
    )
