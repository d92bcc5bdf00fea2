"""Emptying the tables after a test that committed.

Django truncates all of them, by a lock on each, and then makes permissions anew: a
third of a second for a test of a few rows. Here only those that have rows are emptied,
row by row, once nobody else is in a transaction any more. What migrations have written
(kinds of content, permissions, the roles of staff) stays as they wrote it.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.core.management.commands import flush
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

KEPT = {
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
}
# Whoever is writing yet would leave rows behind.
BUSY_SQL = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend'
       AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
"""
PATIENCE, PAUSE = 5.0, 0.02  # seconds


@contextmanager
def quickly() -> Iterator[None]:
    """Let every test that committed be cleaned up after in this way."""
    with (
        mock.patch.object(DatabaseOperations, "sql_flush", _statements),
        mock.patch.object(flush, "emit_post_migrate_signal"),
    ):
        yield


def _statements(
    _operations: Any, _style: Any, tables: Sequence[str], **_options: Any
) -> list[str]:
    _wait_for_others()
    filled = _with_rows([table for table in tables if table not in KEPT])
    if not filled:
        return []
    # Keys and triggers that refuse deletion are for the shop.
    return [
        "SET LOCAL session_replication_role = replica",
        *(f'DELETE FROM "{table}"' for table in filled),  # noqa: S608 — our own tables
        "SET LOCAL session_replication_role = origin",
    ]


def _wait_for_others() -> None:
    deadline = time.monotonic() + PATIENCE
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(BUSY_SQL)
            if not cursor.fetchone()[0]:
                return
            time.sleep(PAUSE)


def _with_rows(tables: Sequence[str]) -> list[str]:
    asked = (
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")"  # noqa: S608 — our own tables
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked))
        return [table for (table,) in cursor.fetchall()]
