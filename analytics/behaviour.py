"""Behaviour, written down in batches, and forgotten in time.

Nothing comes here without the consent of whom it is about: pages and API ask first.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import DatabaseError, connection
from django.utils import timezone

from analytics import buffer, pseudonyms
from analytics.models import Behaviour, Privacy
from common.db import run, use_case
from common.ids import uuid7
from outbox.services import DELIVERED, Outcome, OutgoingEvent

KEEP = timedelta(days=90)
# A phone that was offline tells later; what claims to be older happened then.
LATEST = timedelta(hours=24)
FLUSH_BATCH = 1_000
# So many batches a run: a crowd must not keep a worker from everything else.
MOST_BATCHES = 50
FORGET_BATCH = 5_000
LONGEST_QUERY = 100
# What looks like an address or a number of a person is no search for a product.
PERSONAL = re.compile(r"\S+@\S+|\d[\d\s-]{6,}\d")

# What is unknown by now, or was written before, is passed over.
WRITE_SQL = """
    INSERT INTO analytics_behaviourevent (event_id, kind, actor, session, product_id,
        query, source, at, received_at)
    SELECT DISTINCT ON (act.actor, act.event_id)
           act.event_id, act.kind, act.actor, act.session, product.id, act.query,
           act.source, act.at, now()
      FROM unnest(%(event_id)s::uuid[], %(kind)s::text[], %(actor)s::uuid[],
                  %(session)s::uuid[], %(product_id)s::bigint[], %(query)s::text[],
                  %(source)s::text[], %(at)s::timestamptz[])
           AS act (event_id, kind, actor, session, product_id, query, source, at)
      LEFT JOIN catalog_product AS product ON product.id = act.product_id
     WHERE (product.published_at <= now() OR act.product_id IS NULL)
     ORDER BY act.actor, act.event_id, act.at
        ON CONFLICT (actor, event_id) DO NOTHING
"""
FORGET_SQL = """
    DELETE FROM analytics_behaviourevent WHERE id IN (
        SELECT id FROM analytics_behaviourevent
         WHERE at < %(before)s ORDER BY at LIMIT %(batch)s)
"""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that an actor did; ``at`` is aware."""

    kind: str
    actor: UUID
    at: datetime
    product_id: int | None = None
    query: str = ""
    source: str = ""
    # A client's own name for the visit; it is hashed.
    session: str = ""
    event_id: UUID = field(default_factory=uuid7)


def record(acts: Iterable[Act]) -> int:
    """Write acts in one statement; return how many are new and about known products.

    Times are brought into the last 24 hours, searches are cleaned of what is personal.
    """
    return _write([_row(act) for act in acts])


def record_soon(acts: Iterable[Act]) -> bool:
    """Leave acts to the next batch; return ``False`` if they are lost."""
    return buffer.push([_row(act) for act in acts])


def flush() -> int:
    """Write what has been left to the batch; return how many rows that made."""
    written = 0
    for _batch in range(MOST_BATCHES):
        rows = buffer.take(FLUSH_BATCH)
        try:
            written += _write(rows)
        except DatabaseError:
            buffer.give_back(rows)
            raise
        if len(rows) < FLUSH_BATCH:
            break
    return written


def forget_old() -> int:
    """Delete what is older than 90 days, a batch a transaction; return how much."""
    deleted = 0
    while True:
        batch = _forget_batch()
        deleted += batch
        if batch < FORGET_BATCH:
            return deleted


def note_purchases(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Hear of paid orders: those of consenting shoppers are behaviour, too."""
    buyers = {event.payload["user_id"] for event in events} - {None}
    consenting = Privacy.objects.filter(user__in=buyers, consents=True)
    known = set(consenting.values_list("user_id", flat=True)) if buyers else set()
    record(
        Act(
            Behaviour.PURCHASE,
            pseudonyms.of_user(event.payload["user_id"]),
            event.occurred_at,
            product_id=line["product_id"],
            # The same event may come twice.
            event_id=uuid5(event.id, str(line["product_id"])),
        )
        for event in events
        if event.payload["user_id"] in known
        for line in event.payload["lines"]
    )
    return [DELIVERED] * len(events)


@use_case
def _forget_batch() -> int:
    before = timezone.now() - KEEP
    return run(FORGET_SQL, {"before": before, "batch": FORGET_BATCH}).count()


@use_case
def _write(rows: Sequence[buffer.Row]) -> int:
    if not rows:
        return 0
    columns: dict[str, list[Any]] = {
        name: [row[name] for row in rows] for name in rows[0]
    }
    with connection.cursor() as cursor:
        cursor.execute(WRITE_SQL, columns)
        return int(cursor.rowcount)


def _row(act: Act) -> buffer.Row:
    now = timezone.now()
    at = min(max(act.at, now - LATEST), now)
    session = pseudonyms.of_visit(act.actor, at, act.session)
    return {
        "event_id": str(act.event_id),
        "kind": str(act.kind),
        "actor": str(act.actor),
        "session": str(session),
        "product_id": act.product_id,
        "query": _clean(act.query),
        "source": act.source[:24],
        "at": at.isoformat(),
    }


def _clean(query: str) -> str:
    words = " ".join(query.split())[:LONGEST_QUERY]
    return "" if PERSONAL.search(words) else words
