"""Runs the reports' statements, and has what several of them say."""

from collections.abc import Mapping
from typing import Any

from common.replica import reading
from payments.models import IS_OF_SALE_SQL


def rows(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return all rows that a statement returns."""
    with reading().cursor() as cursor:
        cursor.execute(sql, dict(params))
        return list(cursor.fetchall())


def given_back(order: str) -> str:
    """Write what has gone back of an order's price; ``order`` is its alias."""
    return f"""coalesce((
                   SELECT sum(amount) FROM payments_refund
                    WHERE order_id = {order}.id AND {IS_OF_SALE_SQL}), 0)"""  # noqa: S608 — our own text
