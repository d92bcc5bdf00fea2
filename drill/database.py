"""The drill's own databases: made beside the shop's, known by name and mark, dropped.

Nothing here writes to any other database. The shop's own is asked for one thing only:
to make another on the same server.
"""

import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

from drill.processes import use

PREFIX = "dojang_drill_"
# The database's comment; the name alone could be anybody's.
MARK = "made by manage.py drill, for manage.py drill to drop"
# A database to copy instead of an empty one; empty for PostgreSQL's own choice.
TEMPLATE = ""
# What ends a drill, which tidies up first.
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MARK_SQL = """
    SELECT coalesce(shobj_description(oid, 'pg_database'), '')
      FROM pg_database WHERE datname = %s
"""
LEFT_OVER_SQL = """
    SELECT datname FROM pg_database AS made
     WHERE starts_with(datname, %s) AND shobj_description(oid, 'pg_database') = %s
       -- A vacuum of the server's own is nobody who drills.
       AND NOT EXISTS (SELECT FROM pg_stat_activity AS session
                        WHERE session.datid = made.oid
                          AND session.backend_type = 'client backend')
     ORDER BY datname
"""
ROOM_SQL = """
    SELECT current_setting('max_connections')::int
           - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true), '0')::int
           - (SELECT count(*) FROM pg_stat_activity
               WHERE backend_type = 'client backend')
"""


class NotOurs(Exception):
    """The database is not one that a drill has made; it was left alone."""


class CannotCreate(Exception):
    """The server does not let us make a database; the message says why."""


@dataclass(frozen=True)
class Server:
    """What the races will run on."""

    version: str
    # Connections that are free right now.
    room: int
    cores: int


@contextmanager
def throwaway(*, is_kept: bool = False) -> Iterator[str]:
    """Make a database of a new name; drop it whatever happens, unless it is kept."""
    with undisturbed():
        name = create()
    try:
        with _in_use(name):
            yield name
    finally:
        if not is_kept:
            with undisturbed():
                drop(name)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no Ctrl-C come between what belongs together."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def create() -> str:
    """Make an empty database on the shop's server; return its name."""
    stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    name = f"{PREFIX}{stamp}_{secrets.token_hex(3)}"
    template = sql.SQL(" TEMPLATE {}").format(sql.Identifier(TEMPLATE))
    make = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    try:
        _execute(make + template if TEMPLATE else make)
    except psycopg.errors.InsufficientPrivilege as error:
        role = connection.settings_dict["USER"]
        raise CannotCreate(
            f"{role} may not create databases here. ALTER ROLE {role} CREATEDB, or"
            " give DATABASE_URL of a role that may."
        ) from error
    except psycopg.Error as error:
        raise CannotCreate(f"no database could be made: {error}") from error
    _execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), MARK))
    return name


def drop(name: str) -> None:
    """Drop a database that a drill has made; raise ``NotOurs`` for any other."""
    require_ours(name)
    _execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def left_over() -> list[str]:
    """Return the databases of drills that were kept, or killed; none that still run."""
    return [name for (name,) in _execute(LEFT_OVER_SQL, PREFIX, MARK)]


def require_ours(name: str) -> None:
    """Raise ``NotOurs`` unless name and mark say that a drill has made a database."""
    rows = _execute(MARK_SQL, name)
    if not name.startswith(PREFIX) or rows != [(MARK,)]:
        raise NotOurs(f"{name} is no database of a drill; it was left alone.")


def enter(name: str) -> None:
    """Work on a drill's database from here on; raise ``NotOurs`` for any other."""
    require_ours(name)
    use(name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        if cursor.fetchone() != (name,):
            raise NotOurs(f"the server leads to another database than {name}.")


def server() -> Server:
    """Describe the server and how much room there is on it."""
    [(version, room)] = _execute(
        sql.SQL("SELECT current_setting('server_version'), ({})").format(
            sql.SQL(ROOM_SQL)
        )
    )
    return Server(version.split()[0], int(room), os.cpu_count() or 1)


@contextmanager
def _in_use(name: str) -> Iterator[None]:
    """Keep a connection to a database, so that nobody takes it for one left over."""
    try:
        own = _connect(dbname=name)
    except psycopg.Error as error:
        raise CannotCreate(
            f"a database can be made, but not be reached ({error}). DATABASE_URL has to"
            " be PostgreSQL's own address, not that of a PgBouncer."
        ) from error
    with own:
        yield


def _connect(**parameters: str) -> psycopg.Connection[Any]:
    usual = connection.get_connection_params()
    return psycopg.connect(**{**usual, **parameters, "autocommit": True})


def _execute(statement: Any, *params: str) -> list[tuple[Any, ...]]:
    """Run one statement on a connection of its own, outside of any transaction."""
    with _connect() as own:
        cursor = own.execute(statement, params or None)
        return list(cursor.fetchall()) if cursor.description else []
