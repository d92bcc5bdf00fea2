"""Requests that may be sent twice and take effect once.

The record is written in the transaction of the effect. Two requests with one key meet
at the unique constraint: the second waits for the first and then replays its reply.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from psycopg import errors as pg

from common.db import Pipeline, Statement, use_case
from common.db import run as run_statement
from common.errors import Conflict, DomainError, Mismatch
from common.models import IdempotencyRecord

KEPT_FOR = timedelta(hours=24)
STORE_SQL = """
    INSERT INTO common_idempotencyrecord (subject, method, path, key, fingerprint,
        status, reply, created_at)
    VALUES (%(subject)s, %(method)s, %(path)s, %(key)s, %(fingerprint)s, %(status)s,
        %(reply)s, now())
"""
CLAIM_SQL = f"{STORE_SQL} ON CONFLICT DO NOTHING"
UNDER_WAY = 102  # HTTP's "Processing": there is no reply yet


class InFlight(Conflict):
    """The first request with this key has not ended yet."""

    code = "idempotency_in_flight"


@dataclass(frozen=True, slots=True)
class Claim:
    """A key, whose it is, and for which request."""

    subject: str
    method: str
    path: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request was, or is to be, answered: HTTP status and body."""

    status: int
    body: str
    is_replayed: bool = False


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Return what tells one request from another with the same key.

    Made with the shop's secret: a body may hold a password, and a plain hash of it
    could be guessed by whoever reads the table.
    """
    sent = b"\0".join([method.encode(), path.encode(), body])
    return hmac.digest(settings.SECRET_KEY.encode(), sent, "sha256").hex()


def run(claim: Claim | None, effect: Callable[[], Reply]) -> Reply:
    """Run ``effect`` once per claim, and replay its reply to every repetition.

    A refused effect (``DomainError``) leaves no record, for nothing has happened: the
    same key may be tried again. Raises ``Mismatch`` for a key of another request and
    ``InFlight`` if the first one takes too long.
    """
    if claim is None:
        return effect()
    try:
        return _run_once(claim, effect)
    except (DomainError, IntegrityError, OperationalError) as error:
        return recover(claim, error)


def run_outside(claim: Claim | None, effect: Callable[[], Reply]) -> Reply:
    """Run an effect that calls others, once per claim as far as anybody can see.

    No transaction may stay open meanwhile, so the key is claimed by one, and the reply
    stored by another. Two requests at once, or one after a crash, both run ``effect``:
    it has to be one that finds what an earlier run has done. A refused effect frees
    the key. Raises ``Mismatch`` for a key of another request.
    """
    if claim is None:
        return effect()
    stored = _open_record(claim)
    if stored is not None:
        return stored
    record = IdempotencyRecord.objects.filter(status=UNDER_WAY, **_place_of(claim))
    try:
        reply = effect()
    except DomainError:
        record.delete()
        raise
    record.update(status=reply.status, reply=reply.body)
    return reply


def recover(claim: Claim | None, error: Exception) -> Reply:
    """Turn a failed attempt into the replay of the first one, or raise ``error``.

    An error is believed only if there is no record: a repetition may well find the
    stock gone, because the first request took it.
    """
    if claim is None or isinstance(error, Mismatch):
        raise error
    if isinstance(error, OperationalError) and isinstance(
        error.__cause__, pg.LockNotAvailable
    ):
        raise InFlight(_("The first request is still being processed.")) from None
    stored = find(claim)
    if stored is None:
        raise error
    return stored


def find(claim: Claim) -> Reply | None:
    """Return the stored reply, ``None`` if there is none; raise ``Mismatch``."""
    record = IdempotencyRecord.objects.filter(**_place_of(claim)).first()
    if record is None:
        return None
    if record.fingerprint != claim.fingerprint:
        raise Mismatch(_("This key was sent with another request."))
    if record.status == UNDER_WAY:
        return None
    return Reply(status=record.status, body=record.reply, is_replayed=True)


def queue_store(pipe: Pipeline, claim: Claim, reply: Reply) -> Statement:
    """Queue the record of a request whose reply is known before its effect."""
    return pipe.run(STORE_SQL, _params(claim, reply))


def forget_old() -> int:
    """Drop records that no client may still repeat; return how many."""
    old = IdempotencyRecord.objects.filter(created_at__lt=Now() - KEPT_FOR)
    return old.delete()[0]


def forget_subject(subject: str) -> int:
    """Drop all records of a user or guest, with the replies in them; return how many.

    A request of theirs that is repeated afterwards is a new one.
    """
    return IdempotencyRecord.objects.filter(subject=subject).delete()[0]


@use_case
def _run_once(claim: Claim, effect: Callable[[], Reply]) -> Reply:
    with transaction.atomic():
        record = IdempotencyRecord.objects.create(
            subject=claim.subject,
            method=claim.method,
            path=claim.path,
            key=claim.key,
            fingerprint=claim.fingerprint,
            status=0,
            reply="",
        )
    reply = effect()
    IdempotencyRecord.objects.filter(pk=record.pk).update(
        status=reply.status, reply=reply.body
    )
    return reply


@use_case
def _open_record(claim: Claim) -> Reply | None:
    """Claim the key for a request under way; return what it was answered, if it was."""
    run_statement(CLAIM_SQL, _params(claim, Reply(UNDER_WAY, "")))
    return find(claim)


def _place_of(claim: Claim) -> dict[str, str]:
    return {
        "subject": claim.subject,
        "key": claim.key,
        "method": claim.method,
        "path": claim.path,
    }


def _params(claim: Claim, reply: Reply) -> dict[str, object]:
    return {
        "subject": claim.subject,
        "method": claim.method,
        "path": claim.path,
        "key": claim.key,
        "fingerprint": claim.fingerprint,
        "status": reply.status,
        "reply": reply.body,
    }
