"""Which tables a piece of work locks or writes, in which order."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

# A statement that writes or locks, and the table it does that to first: those of a
# statement with several parts are its own app's, and later in the lock order.
TAKES_LOCKS = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM)\b")
TABLE = re.compile(r'\b(?:INSERT INTO|UPDATE|DELETE FROM|FROM)\s+"?([a-z]+_[a-z]+)\b')


@contextmanager
def captured_sql() -> Iterator[list[str]]:
    """Collect the statements of a block, in the order they were sent."""
    statements: list[str] = []

    def collect(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(collect):
        yield statements


def tables_locked(statements: list[str]) -> list[str]:
    """Return the tables in the order in which they are first locked or written."""
    tables = []
    for sql in statements:
        found = TABLE.search(sql)
        if TAKES_LOCKS.search(sql) and found and found[1] not in tables:
            tables.append(found[1])
    return tables
