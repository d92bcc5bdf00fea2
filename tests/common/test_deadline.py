"""Nobody waits for a silent database for ever."""

import time

import pytest
from django.db import OperationalError, connection, connections

from common.deadline import watchdog


def sleep(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


@pytest.mark.django_db(transaction=True)
def test_what_takes_too_long_is_cut() -> None:
    started = time.monotonic()

    with (
        pytest.raises(OperationalError),
        watchdog.watch(connections["default"], seconds=0.1),
    ):
        sleep(60)

    assert time.monotonic() - started < 30
    connection.close()
    _end_what_sleeps()
    sleep(0)


@pytest.mark.django_db(transaction=True)
def test_what_is_over_in_time_keeps_its_connection() -> None:
    sleep(0)
    before = connection.connection

    with watchdog.watch(connections["default"], seconds=2):
        sleep(0)
    time.sleep(2.5)
    sleep(0)

    assert connection.connection is before


def _end_what_sleeps() -> None:
    """PostgreSQL sleeps on for a client that is gone, and keeps its database busy."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event = 'PgSleep'"
        )
        assert cursor.rowcount == 1
