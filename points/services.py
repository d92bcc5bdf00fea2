"""The only code that moves points."""

from functools import partial

from django.conf import settings
from django.db import transaction

from common import metrics
from common.db import Pipeline, Statement, pipeline, requires_transaction, use_case
from points.errors import (
    AmountOutOfRange,
    BalanceLimitReached,
    InsufficientPoints,
    MovementKeyReused,
)
from points.models import EntryKind, LedgerEntry, PointAccount, SystemAccount

# The chain: each hash covers the one before it and every column that matters, so no
# entry can be altered, inserted or dropped unnoticed. Times count in microseconds.
HASH_SQL = """sha256(previous_hash || convert_to(concat_ws('|',
    account_id, sequence, counter_account, kind, amount, balance_after, reference,
    idempotency_key, (extract(epoch FROM created_at) * 1000000)::bigint), 'UTF8'))"""

# One statement locks the account, computes the entry from the locked row and writes
# both. No row comes back when the balance does not allow the movement.
POST_SQL = f"""
    WITH account AS (
        SELECT user_id, balance, last_sequence, head_hash
          FROM points_pointaccount
         WHERE user_id = %(user_id)s
           FOR NO KEY UPDATE
    ), draft AS (
        SELECT user_id AS account_id,
               %(counter_account)s::text AS counter_account,
               %(kind)s::text AS kind,
               %(amount)s::bigint AS amount,
               balance + %(amount)s::bigint AS balance_after,
               last_sequence + 1 AS sequence,
               %(reference)s::text AS reference,
               %(idempotency_key)s::text AS idempotency_key,
               head_hash AS previous_hash,
               clock_timestamp() AS created_at
          FROM account
         WHERE balance + %(amount)s::bigint BETWEEN 0 AND greatest(balance, %(ceiling)s)
    ), entry AS (
        SELECT *, {HASH_SQL} AS hash FROM draft
    ), moved AS (
        UPDATE points_pointaccount AS target
           SET balance = entry.balance_after, last_sequence = entry.sequence,
               head_hash = entry.hash, updated_at = entry.created_at
          FROM entry
         WHERE target.user_id = entry.account_id
    )
    INSERT INTO points_ledgerentry (account_id, counter_account, kind, amount,
        balance_after, sequence, reference, idempotency_key, previous_hash, hash,
        created_at)
    SELECT account_id, counter_account, kind, amount, balance_after, sequence,
           reference, idempotency_key, previous_hash, hash, created_at
      FROM entry
 RETURNING id
"""  # noqa: S608 — no input is formatted in

COUNTER_ACCOUNTS = {
    EntryKind.CHARGE: SystemAccount.ISSUANCE,
    EntryKind.USE: SystemAccount.SALES,
    EntryKind.REFUND: SystemAccount.REFUND,
    EntryKind.EXPIRE: SystemAccount.EXPIRY,
    EntryKind.ADJUST: SystemAccount.ADJUSTMENT,
}


@use_case
def charge(*, user_id: int, amount: int, idempotency_key: str) -> LedgerEntry:
    """Credit points the shopper has bought; the same key counts once.

    ``amount`` is 1 … ``POINTS_MAX_CHARGE`` points. Raises ``AmountOutOfRange``,
    ``BalanceLimitReached`` or ``MovementKeyReused``.
    """
    check_amount(amount)
    return _post(
        user_id=user_id,
        kind=EntryKind.CHARGE,
        amount=amount,
        reference="",
        idempotency_key=idempotency_key,
    )


def check_charge(*, user_id: int, amount: int) -> None:
    """Raise what ``charge`` would raise right now, before anybody pays for it."""
    check_amount(amount)
    balance = balance_of(user_id)
    if balance + amount > settings.POINTS_MAX_BALANCE:
        raise BalanceLimitReached(balance=balance, limit=settings.POINTS_MAX_BALANCE)


def check_amount(amount: int) -> None:
    """Raise ``AmountOutOfRange`` unless so many points can be charged at once."""
    if not 1 <= amount <= settings.POINTS_MAX_CHARGE:
        raise AmountOutOfRange(limit=settings.POINTS_MAX_CHARGE)


@use_case
def use(
    *, user_id: int, amount: int, reference: str, idempotency_key: str
) -> LedgerEntry:
    """Debit ``amount`` points; raise ``InsufficientPoints`` if too few are left."""
    if amount < 1:
        raise AmountOutOfRange(limit=settings.POINTS_MAX_BALANCE)
    return _post(
        user_id=user_id,
        kind=EntryKind.USE,
        amount=-amount,
        reference=reference,
        idempotency_key=idempotency_key,
    )


@requires_transaction
def refund(
    *, user_id: int, amount: int, reference: str, idempotency_key: str
) -> LedgerEntry:
    """Give ``amount`` points back; a refund may exceed the balance limit."""
    return _post(
        user_id=user_id,
        kind=EntryKind.REFUND,
        amount=amount,
        reference=reference,
        idempotency_key=idempotency_key,
    )


@use_case
def adjust(
    *, user_id: int, amount: int, reason: str, idempotency_key: str
) -> LedgerEntry:
    """Correct a balance by ``amount`` points of either sign, as staff, for a reason."""
    if amount == 0:
        raise AmountOutOfRange(limit=settings.POINTS_MAX_BALANCE)
    return _post(
        user_id=user_id,
        kind=EntryKind.ADJUST,
        amount=amount,
        reference=reason[:64],
        idempotency_key=idempotency_key,
    )


@requires_transaction
def forfeit(*, user_id: int, idempotency_key: str) -> LedgerEntry | None:
    """Let all points of a shopper expire; ``None`` if there were none left."""
    balance = lock_account(user_id).balance
    if balance == 0:
        return None
    return _post(
        user_id=user_id,
        kind=EntryKind.EXPIRE,
        amount=-balance,
        reference="",
        idempotency_key=idempotency_key,
    )


def queue_use(
    pipe: Pipeline, *, user_id: int, amount: int, reference: str, idempotency_key: str
) -> Statement:
    """Queue the debit of a purchase; it returns no row if the points do not suffice."""
    return _queue(
        pipe,
        user_id=user_id,
        kind=EntryKind.USE,
        amount=-amount,
        reference=reference,
        idempotency_key=idempotency_key,
    )


@requires_transaction
def lock_account(user_id: int) -> PointAccount:
    """Lock a shopper's account; all movements of their points wait for it."""
    # Shoppers get their account with their first movement.
    accounts = PointAccount.objects.select_for_update(no_key=True)
    account, _ = accounts.get_or_create(user_id=user_id)
    account.refresh_from_db(fields=["balance"])
    return account


def balance_of(user_id: int) -> int:
    """Return a shopper's points; 0 for somebody who never had any."""
    account = PointAccount.objects.filter(user_id=user_id).first()
    return account.balance if account else 0


def _post(
    *, user_id: int, kind: EntryKind, amount: int, reference: str, idempotency_key: str
) -> LedgerEntry:
    account = lock_account(user_id)
    replayed = account.entries.filter(idempotency_key=idempotency_key).first()
    if replayed is not None:
        if (replayed.kind, replayed.amount) != (kind, amount):
            raise MovementKeyReused
        return replayed
    with pipeline() as pipe:
        posted = _queue(
            pipe,
            user_id=user_id,
            kind=kind,
            amount=amount,
            reference=reference,
            idempotency_key=idempotency_key,
        )
    rows = posted.rows()
    if not rows:
        raise _refusal(account.balance, amount)
    count = metrics.child(metrics.POINTS, kind.value).inc
    transaction.on_commit(partial(count, abs(amount)), robust=True)
    return LedgerEntry.objects.get(pk=rows[0][0])


def _refusal(balance: int, amount: int) -> InsufficientPoints | BalanceLimitReached:
    if amount < 0:
        return InsufficientPoints(balance=balance, required=-amount)
    return BalanceLimitReached(balance=balance, limit=settings.POINTS_MAX_BALANCE)


def _queue(
    pipe: Pipeline,
    *,
    user_id: int,
    kind: EntryKind,
    amount: int,
    reference: str,
    idempotency_key: str,
) -> Statement:
    # Money given back is never turned away.
    is_limited = kind in {EntryKind.CHARGE, EntryKind.ADJUST}
    params = {
        "user_id": user_id,
        "counter_account": COUNTER_ACCOUNTS[kind].value,
        "kind": kind.value,
        "amount": amount,
        "reference": reference,
        "idempotency_key": idempotency_key,
        "ceiling": settings.POINTS_MAX_BALANCE if is_limited else 2**62,
    }
    return pipe.run(POST_SQL, params)
