"""Coupons that go to who comes first, as the pages show them.

Thousands look at the same drop in the same second. What is the same for all of them is
read once a second in each process; whose coupon is whose is read for those signed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from common.memo import Memo
from coupons.models import Coupon, CouponBatch

# A drop that is sold out is shown for this long at most, by number.
SHOWN = 30
# How often an open page asks for what is left: shortly before, and while it lasts.
ASK_EVERY = 3  # seconds
SOON = timedelta(minutes=2)

RANK = {"open": 0, "waiting": 1, "held": 2, "gone": 3, "over": 4}
# By number, or "all".
_batches: Memo[str, list[CouponBatch]] = Memo(seconds=1, size=200)


@dataclass(frozen=True)
class Ticket:
    """A batch as one shopper sees it at one moment."""

    batch: CouponBatch
    now: datetime
    # The shopper's place in line, and what became of their coupon.
    serial: int | None = None
    coupon_state: str = ""
    # They asked for this one before signing in.
    is_wanted: bool = False

    @property
    def is_held(self) -> bool:
        return self.serial is not None

    @property
    def state(self) -> str:
        """One of over, held, gone, waiting and open, in this order of importance."""
        if self.now >= self.batch.valid_until or not self.batch.is_active:
            return "over"
        if self.is_held:
            return "held"
        if self.batch.left <= 0:
            return "gone"
        return "open" if self.batch.is_open(self.now) else "waiting"

    @property
    def is_used(self) -> bool:
        return self.coupon_state in {"used", "reserved"}

    @property
    def seconds_to_opening(self) -> int:
        return max(0, int((self.batch.opens_at - self.now).total_seconds()) + 1)

    @property
    def gone_at(self) -> datetime | None:
        """The moment the last one went, if they are all gone."""
        moment: datetime | None = getattr(self.batch, "gone_at", None)
        return moment

    @property
    def ask_again(self) -> int:
        """In how many seconds an open page asks again; 0 for not at all."""
        is_close = self.batch.opens_at - self.now < SOON
        is_moving = self.batch.left > 0 and self.now < self.batch.valid_until
        return ASK_EVERY if is_close and is_moving else 0


def tickets(user_id: int | None, *, limit: int, wanted: str = "") -> list[Ticket]:
    """Return the batches on show: what is open first, then what opens next."""
    batches = _shown()[:limit]
    found = _as_seen_by(user_id, batches)
    marked = [replace(one, is_wanted=wanted == str(one.batch.pk)) for one in found]
    return sorted(marked, key=lambda ticket: RANK[ticket.state])


def ticket_of(user_id: int | None, batch_id: int) -> Ticket | None:
    """Return one drop as somebody sees it, also when it is over; else ``None``.

    A personal batch is there for who holds its coupon alone.
    """
    batches = _batches.get_or_make(str(batch_id), lambda: _one(batch_id))
    for ticket in _as_seen_by(user_id, batches):
        if ticket.is_held or not ticket.batch.is_personal:
            return ticket
    return None


def fresh_ticket_of(user_id: int, batch_id: int) -> Ticket | None:
    """Return one drop as it is right now, for who has just changed it."""
    batches = _batches.put(str(batch_id), _one(batch_id))
    return next(iter(_as_seen_by(user_id, batches)), None)


def forget() -> None:
    """Read the drops anew: somebody here has just changed one."""
    _batches.clear()


def _as_seen_by(user_id: int | None, batches: Sequence[CouponBatch]) -> list[Ticket]:
    now = timezone.now()
    held: dict[int, Any] = {}
    if user_id is not None and batches:
        mine = Coupon.objects.of_user(user_id).filter(batch__in=batches)
        held = {coupon.batch_id: coupon for coupon in mine}
    return [_ticket(batch, now, held.get(batch.pk)) for batch in batches]


def _ticket(batch: CouponBatch, now: datetime, coupon: Coupon | None) -> Ticket:
    if coupon is None:
        return Ticket(batch, now)
    return Ticket(batch, now, serial=coupon.serial, coupon_state=coupon.state)


def _shown() -> list[CouponBatch]:
    rows = CouponBatch.objects.shown().annotate(gone_at=_last_claim())
    return _batches.get_or_make("all", lambda: list(rows[:SHOWN]))


def _one(batch_id: int) -> list[CouponBatch]:
    found = CouponBatch.objects.filter(pk=batch_id, is_active=True)
    return list(found.annotate(gone_at=_last_claim()))


def _last_claim() -> Subquery:
    last = Coupon.objects.filter(batch=OuterRef("pk"), serial=OuterRef("quantity"))
    return Subquery(last.annotate(at=F("issued_at")).values("at")[:1])
