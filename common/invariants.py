"""What must be true of the books at any moment, and how to find where it is not.

Each app declares its own in ``<app>/invariants.py``, next to the tables they are
about; one that spans apps stands in the highest of them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

SHOWN = 10


def _no_params() -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Invariant:
    """A sentence that must hold, and a query with a row (key, text) per violation.

    ``params`` are read at the time of the check, for they may depend on the clock.
    ``hint`` says what to look at; nothing is ever repaired by itself.
    """

    id: str
    title: str
    sql: str
    hint: str
    params: Callable[[], dict[str, Any]] = _no_params


@dataclass(frozen=True, slots=True)
class Finding:
    """How often an invariant is violated; ``examples`` are the first (key, text)."""

    invariant: Invariant
    count: int
    examples: tuple[tuple[str, str], ...]

    @property
    def is_clean(self) -> bool:
        return self.count == 0


def check(invariant: Invariant) -> Finding:
    """Look for violations of one invariant."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) OVER (), key::text, text"  # noqa: S608 — our own SQL
            f" FROM ({invariant.sql}) AS violation (key, text)"
            " ORDER BY 2 LIMIT %(shown)s",
            {**invariant.params(), "shown": SHOWN},
        )
        rows = cursor.fetchall()
    return Finding(
        invariant=invariant,
        count=rows[0][0] if rows else 0,
        examples=tuple((key, text) for _count, key, text in rows),
    )


@contextmanager
def snapshot() -> Iterator[None]:
    """Let all that is read inside be of one instant, and nothing be written.

    Within a transaction that has begun, e.g. a test's, it sees what that one sees.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # The checks read whole tables; compiling them costs more than it gains.
            cursor.execute(
                "SELECT set_config('jit', 'off', true),"
                " set_config('work_mem', '128MB', true),"
                " set_config('statement_timeout', '0', true)"
            )
        yield


INVARIANTS = [
    Invariant(
        id="I12",
        title="Each idempotency record has the reply that is to be replayed",
        sql="""
            SELECT id, format('%%s %%s [%%s] of %%s: status %%s', method, path, key,
                              subject, status)
              FROM common_idempotencyrecord
             WHERE status NOT BETWEEN 100 AND 599 OR fingerprint = ''
        """,
        hint="Keys are records. The effect was committed before its reply was known.",
    ),
]
