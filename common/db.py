"""What services need from the database beyond the ORM."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.db import DatabaseError, connection, transaction
from psycopg import errors as pg
from psycopg.adapt import AdaptersMap
from psycopg.types.numeric import Int8Dumper

P = ParamSpec("P")
R = TypeVar("R")

MAX_RETRIES = 2
# A victim of a deadlock waits a moment, or it meets the same opponent again.
RETRY_PAUSE = 0.02  # seconds
RETRYABLE = (pg.DeadlockDetected, pg.SerializationFailure)


def requires_transaction(step: Callable[P, R]) -> Callable[P, R]:
    """Mark a service as one step of a use case that owns the transaction."""

    @wraps(step)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if not connection.in_atomic_block:
            raise RuntimeError(f"{step.__qualname__} needs an open transaction")
        return step(*args, **kwargs)

    return wrapper


def use_case(function: Callable[P, R]) -> Callable[P, R]:
    """Run a use case as one transaction; repeat it whole after a deadlock.

    Safe because nothing outside the database may be called inside a use case. Inside
    another transaction it joins that one, since only the outermost can be repeated.
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            with transaction.atomic():
                return function(*args, **kwargs)
        for attempt in range(MAX_RETRIES + 1):
            try:
                with transaction.atomic():
                    return function(*args, **kwargs)
            except DatabaseError as error:
                if attempt == MAX_RETRIES or not isinstance(error.__cause__, RETRYABLE):
                    raise
                time.sleep(RETRY_PAUSE * (attempt + random.random()))
        raise AssertionError("unreachable")

    return wrapper


def violates(error: DatabaseError, constraint: str) -> bool:
    """Tell whether ``error`` is the violation of the constraint of that name."""
    cause = error.__cause__
    return isinstance(cause, pg.Error) and cause.diag.constraint_name == constraint


class Statement:
    """One statement of a pipeline: its rows can be read once the pipeline is over."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows the statement returned."""
        return list(self._cursor.fetchall())

    def count(self) -> int:
        """Return how many rows the statement touched or returned."""
        return int(self._cursor.rowcount)


def run(sql: str, params: dict[str, Any], *, using: Any = connection) -> Statement:
    """Run a statement that PostgreSQL need not parse anew each time.

    ``params`` are named, as ``%(name)s``. They travel beside the text, so say the type
    (``%(name)s::bigint``) where it does not follow from the place. ``using`` is the
    connection.
    """
    using.close_if_health_check_failed()
    using.ensure_connection()
    # Each statement has a cursor of its own, because a cursor keeps one result.
    prepared: Any = _PreparedCursor(using.connection)
    wrap = using.make_debug_cursor if using.queries_logged else using.make_cursor
    cursor = wrap(prepared)
    cursor.execute(sql, params)
    return Statement(cursor)


class Pipeline:
    """Sends statements without waiting for the answer of each."""

    def run(self, sql: str, params: dict[str, Any]) -> Statement:
        """Queue one statement; ``params`` as in ``run``."""
        return run(sql, params)


@contextmanager
def pipeline() -> Iterator[Pipeline]:
    """Group set-based statements into one round trip.

    Results are read after the block, and before the next statement on purpose:
    ``with pipeline() as pipe: a = pipe.run(...)`` and then ``a.count()``. The first
    statement that fails raises at the end of the block.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield Pipeline()


class _PreparedCursor(psycopg.Cursor[Any]):
    """Sends values apart from the statement, which can then be prepared.

    Django's own cursor writes them into the text: each purchase would be a new text,
    and planning it costs PostgreSQL more than running it.
    """

    @property
    def adapters(self) -> AdaptersMap:
        return _adapters()

    def _send_query_prepared(self, name: bytes, pgq: Any, **options: Any) -> None:
        # Django's log of queries looks for the text here, and psycopg sets it only
        # for statements that are not prepared yet.
        self._query = pgq
        super()._send_query_prepared(name, pgq, **options)


@cache
def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(connection.connection.adapters)
    # As a rule the type of an integer follows from its size, and each combination of
    # types would be a statement of its own.
    adapters.register_dumper(int, Int8Dumper)
    return adapters
