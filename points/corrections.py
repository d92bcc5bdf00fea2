"""Points that staff give or take: few at once, many with a second person's yes.

Locks are taken in the order correction → account.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import Sum
from django.db.models.functions import Abs, Now

from common.db import requires_transaction, use_case
from points import services as points
from points.errors import (
    AmountOutOfRange,
    DecidedAlready,
    InsufficientPoints,
    OwnAccount,
    SecondPersonNeeded,
)
from points.models import CorrectionState, LedgerEntry, PointCorrection

# Many small steps within it count as one big one.
COUNTED_TOGETHER = timedelta(hours=24)


@use_case
def ask(
    *, user_id: int, amount: int, reason: str, reference: str = "", actor_id: int
) -> PointCorrection:
    """Give or take ``amount`` points as staff, at once if they are few.

    More than ``POINTS_TWO_EYES_LIMIT`` by one person for one shopper within a day only
    ask for them: see ``approve``. Raises ``AmountOutOfRange``, ``OwnAccount``,
    ``InsufficientPoints`` or ``BalanceLimitReached``.
    """
    if amount == 0:
        raise AmountOutOfRange(limit=settings.POINTS_MAX_BALANCE)
    if user_id == actor_id:
        raise OwnAccount
    balance = points.lock_account(user_id).balance
    if balance + amount < 0:
        raise InsufficientPoints(balance=balance, required=-amount)
    is_few = _is_few(amount, user_id=user_id, actor_id=actor_id)
    asked = PointCorrection.objects.create(
        user_id=user_id,
        amount=amount,
        reason=reason,
        reference=reference,
        asked_by_id=actor_id,
    )
    if is_few:
        _carry_out(asked, decided_by_id=None)
    return asked


@use_case
def approve(*, correction_id: int, actor_id: int) -> PointCorrection:
    """Let points move that somebody else asked for; it counts once.

    Raises ``DecidedAlready``, ``SecondPersonNeeded``, ``OwnAccount``,
    ``InsufficientPoints`` or ``BalanceLimitReached``.
    """
    asked = _lock_open(correction_id, actor_id)
    _carry_out(asked, decided_by_id=actor_id)
    return asked


@use_case
def reject(*, correction_id: int, actor_id: int, reason: str) -> PointCorrection:
    """Let no points move, for a reason. Raises as ``approve`` does."""
    asked = _lock_open(correction_id, actor_id)
    asked.state = CorrectionState.REJECTED
    asked.answer = reason
    _decide(asked, actor_id)
    return asked


@use_case
def charge(
    *, user_id: int, amount: int, reason: str, idempotency_key: str, actor_id: int
) -> LedgerEntry:
    """Credit ``amount`` points that a shopper paid past the shop, as staff say.

    They count to the same limit as what is given by ``ask``, above which nothing is
    credited: ``SecondPersonNeeded``. Raises what ``points.charge`` raises, too.
    """
    points.lock_account(user_id)
    is_few = _is_few(amount, user_id=user_id, actor_id=actor_id)
    entry = points.charge(
        user_id=user_id, amount=amount, idempotency_key=idempotency_key
    )
    _made, is_new = PointCorrection.objects.get_or_create(
        entry=entry,
        defaults={
            "user_id": user_id,
            "amount": amount,
            "reason": reason,
            "asked_by_id": actor_id,
            "state": CorrectionState.DONE,
            "decided_at": Now(),
        },
    )
    if is_new and not is_few:
        raise SecondPersonNeeded(limit=settings.POINTS_TWO_EYES_LIMIT)
    return entry


def given_alone(*, user_id: int, actor_id: int) -> int:
    """Return how many points one person moved for a shopper alone, in a day."""
    own = PointCorrection.objects.filter(
        user_id=user_id,
        asked_by_id=actor_id,
        state=CorrectionState.DONE,
        decided_by=None,
        asked_at__gt=Now() - COUNTED_TOGETHER,
    )
    return own.aggregate(total=Sum(Abs("amount")))["total"] or 0


def _is_few(amount: int, *, user_id: int, actor_id: int) -> bool:
    """Tell whether one person may move so many; the account is locked."""
    limit: int = settings.POINTS_TWO_EYES_LIMIT
    return abs(amount) + given_alone(user_id=user_id, actor_id=actor_id) <= limit


@requires_transaction
def _lock_open(correction_id: int, actor_id: int) -> PointCorrection:
    rows = PointCorrection.objects.select_for_update(no_key=True)
    asked = rows.get(pk=correction_id)
    if asked.state != CorrectionState.OPEN:
        raise DecidedAlready
    if asked.asked_by_id == actor_id:
        raise SecondPersonNeeded(limit=settings.POINTS_TWO_EYES_LIMIT)
    if asked.user_id == actor_id:
        raise OwnAccount
    return asked


def _carry_out(asked: PointCorrection, *, decided_by_id: int | None) -> None:
    asked.entry = points.adjust(
        user_id=asked.user_id,
        amount=asked.amount,
        reason=asked.reference or asked.reason,
        idempotency_key=f"correction/{asked.pk}",
    )
    asked.state = CorrectionState.DONE
    _decide(asked, decided_by_id)


def _decide(asked: PointCorrection, decided_by_id: int | None) -> None:
    asked.decided_by_id = decided_by_id
    asked.decided_at = Now()
    asked.save(update_fields=["state", "answer", "entry", "decided_by", "decided_at"])
    asked.refresh_from_db(fields=["decided_at"])
