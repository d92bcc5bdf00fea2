"""Runs the reports' statements."""

from collections.abc import Mapping
from typing import Any

from common.replica import reading


def rows(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return all rows that a statement returns."""
    with reading().cursor() as cursor:
        cursor.execute(sql, dict(params))
        return list(cursor.fetchall())
