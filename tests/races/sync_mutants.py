"""Reading of changes with its guard taken out, to see that a race notices."""

from collections.abc import Iterator
from contextlib import contextmanager

from api import changes
from tests.races.mutants import altered_sql


@contextmanager
def going_on_where_it_looked() -> Iterator[None]:
    """Go on at the next transaction, as if all before it had ended."""
    with altered_sql(
        changes,
        "SNAPSHOT_SQL",
        ("pg_snapshot_xmin(snapshot)", "pg_snapshot_xmax(snapshot)"),
    ):
        yield
