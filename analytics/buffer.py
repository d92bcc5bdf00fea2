"""Behaviour on its way into the table: a bounded list in Redis.

A page must not wait for PostgreSQL, nor fail with Redis. What does not fit or cannot be
kept is lost: the shop learns a little less, and nobody notices.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import redis
from django.conf import settings

from common.breaker import Breaker
from common.cache import redis_client

KEY = "dojang:behaviour"
# Nothing of an actor is to be kept, whenever it was.
ALL = "all"
# About ten minutes of a busy shop without any worker; the oldest go first.
MOST_WAITING = 50_000
# Longer than anything stays in the list.
FORGET_SECONDS = 24 * 3600
# How long a page waits for Redis, which is near.
REDIS = "redis"

logger = logging.getLogger(__name__)
breaker = Breaker()
Row = dict[str, Any]


def push(rows: Iterable[Row]) -> bool:
    """Keep rows for the next batch; return whether Redis took them."""
    waiting = [json.dumps(row) for row in rows]
    if not waiting or not breaker.may_try(REDIS):
        return False
    try:
        pipe = redis_client(settings.REDIS_URL).pipeline(transaction=False)
        pipe.rpush(KEY, *waiting)
        pipe.ltrim(KEY, -MOST_WAITING, -1)
        pipe.execute()
    except redis.RedisError as error:
        breaker.failed(REDIS)
        logger.warning("behaviour is lost, Redis is away: %s", error)
        return False
    breaker.answered(REDIS)
    return True


def take(count: int) -> list[Row]:
    """Remove and return the oldest rows, without those of who wants to be forgotten."""
    client = redis_client(settings.REDIS_URL)
    found: Any = client.lpop(KEY, count)
    rows: list[Row] = [json.loads(row) for row in found or ()]
    actors = sorted({row["actor"] for row in rows})
    if not actors:
        return []
    marks: Any = client.mget([_gone(actor) for actor in actors])
    gone = {actor: mark for actor, mark in zip(actors, marks, strict=True) if mark}
    return [row for row in rows if not _is_gone(row, gone.get(row["actor"]))]


def give_back(rows: Sequence[Row]) -> None:
    """Put rows back to the front: the table would not have them now."""
    if rows:
        waiting = [json.dumps(row) for row in reversed(rows)]
        redis_client(settings.REDIS_URL).lpush(KEY, *waiting)


def forget(actor: UUID) -> None:
    """Drop what still waits of an actor, when its turn comes."""
    _mark(actor, ALL)


def forget_until(actor: UUID, at: datetime) -> None:
    """Drop what still waits of an actor from before ``at``; what follows is kept."""
    _mark(actor, at.isoformat())


def welcome(actor: UUID) -> None:
    """Keep what comes from an actor again."""
    _mark(actor, "")


def _is_gone(row: Row, until: str | None) -> bool:
    return until is not None and (until == ALL or row["at"] <= until)


def _mark(actor: UUID, until: str) -> None:
    client = redis_client(settings.REDIS_URL)
    try:
        if until:
            client.set(_gone(str(actor)), until, ex=FORGET_SECONDS)
        else:
            client.delete(_gone(str(actor)))
    except redis.RedisError as error:
        logger.warning("a choice about behaviour did not reach Redis: %s", error)


def _gone(actor: str) -> str:
    return f"{KEY}:gone:{actor}"
