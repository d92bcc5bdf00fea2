"""Emptying the tables while a last request of a browser is still being answered.

Whoever truncates all tables and whoever reads two of them may wait for each other.
PostgreSQL ends one of both; if that is the truncation, it is simply begun again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.db import OperationalError
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg.errors import DeadlockDetected

TRIES = 10


@contextmanager
def patiently() -> Iterator[None]:
    """Let every flush of a test be tried again after a deadlock."""
    flush = DatabaseOperations.execute_sql_flush

    def again(self: DatabaseOperations, statements: Any) -> None:
        for _try in range(TRIES):
            try:
                return flush(self, statements)
            except OperationalError as error:
                if not isinstance(error.__cause__, DeadlockDetected):
                    raise
        return flush(self, statements)

    with mock.patch.object(DatabaseOperations, "execute_sql_flush", again):
        yield
