"""PostgreSQL: whether it answers, keeps what it promises, and has room."""

import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from config.doctor.remarks import Remark, bad, good, warning

OLDEST = 14
# As it must be, or what was acknowledged can be lost with the power.
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
# Of the role or the server, where connections do not bring their own.
TIMEOUTS = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
)
MOST_USED = 0.8  # of the connections
MOST_SKEW = 2.0  # seconds
ROLE_SQL = """
    SELECT current_user, rolsuper,
           EXISTS (SELECT FROM pg_class
                    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                      AND pg_get_userbyid(relowner) = current_user)
      FROM pg_roles WHERE rolname = current_user
"""
CONNECTIONS_SQL = """
    SELECT (SELECT count(*) FROM pg_stat_activity
             WHERE backend_type = 'client backend'),
           current_setting('max_connections')::int
               - current_setting('superuser_reserved_connections')::int
"""
DISABLED_SQL = """
    SELECT tgrelid::regclass::text || '.' || tgname FROM pg_trigger
     WHERE NOT tgisinternal AND tgenabled = 'D' ORDER BY 1
"""
GUARDS_SQL = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'pgtrigger_%'"


def server() -> Iterator[Remark]:
    place = _place()
    try:
        settings_found = _settings()
    except (DatabaseError, ImproperlyConfigured) as error:
        yield _away(place, error)
        return
    found = settings_found["server_version"]
    if int(found.split(".")[0]) < OLDEST:
        yield bad(
            "PostgreSQL",
            f"{found} at {place}",
            why=f"The shop needs PostgreSQL {OLDEST}, and is tested on 18.",
            do="Upgrade the server: a backup, a new server, `manage.py restore`.",
            read="books-and-backups",
        )
    else:
        yield good("PostgreSQL", f"{found} answers at {place}")
    yield from _durability(settings_found)
    yield from _timeouts(settings_found)


def _away(place: str, error: Exception) -> Remark:
    embedded = "DATABASE_URL" in settings.EMBEDDED_FOR
    return bad(
        "PostgreSQL",
        f"it does not answer at {place}: {' '.join(str(error).split())[:200]}",
        why="Without it pages answer 503; nothing is lost that was acknowledged.",
        do="Start it with `python -m config.embedded start`; its log is postgres.log"
        " in SHOP_STATE_DIR."
        if embedded
        else "Is the server up, the host of DATABASE_URL right, the password good, and"
        ' a firewall between? Try `psql "$DATABASE_URL"`.',
        read="when-something-is-away",
    )


def _durability(found: dict[str, str]) -> Iterator[Remark]:
    lax = [name for name, wanted in DURABLE.items() if found[name] == "off"]
    if lax:
        yield bad(
            "Durability",
            f"{', '.join(lax)} off",
            why="Orders that were acknowledged are lost with the next power cut.",
            do="Set them on in postgresql.conf (unset SHOP_PG_UNSAFE), and reload.",
        )
    else:
        yield good("Durability", "fsync, full_page_writes and synchronous_commit")


def _timeouts(found: dict[str, str]) -> Iterator[Remark]:
    if "options" in settings.DATABASES["default"]["OPTIONS"]:
        yield good("Timeouts", "each connection of web and worker brings its own")
        return
    missing = [name for name in TIMEOUTS if found[name] == "0"]
    if not missing:
        yield good("Timeouts", "set on the role")
        return
    yield bad(
        "Timeouts",
        f"{', '.join(missing)} not set, and PgBouncer passes none on",
        why="One stuck statement holds its locks, and all who wait for them, for ever.",
        do="ALTER ROLE … SET, as the page says.",
        read="pgbouncer",
    )


def role() -> Iterator[Remark]:
    name, is_super, is_owner = _one(ROLE_SQL)
    is_embedded = "DATABASE_URL" in settings.EMBEDDED_FOR
    if is_embedded or not (is_super or is_owner):
        yield good("Role", f"{name}" + (" of the embedded server" * is_embedded))
        return
    what = "a superuser" if is_super else "the owner of the tables"
    say = bad if is_super and settings.PRODUCTION else warning
    yield say(
        "Role",
        f"{name} is {what}",
        why="It may switch off the triggers that keep ledgers and events unchanged.",
        do="Let a role of its own migrate, and run web and worker as one that may only"
        " select, insert, update and delete.",
    )


def connections() -> Iterator[Remark]:
    used, most = _one(CONNECTIONS_SQL)
    what = f"{used} of {most} are in use"
    if used > MOST_USED * most:
        yield bad(
            "Connections",
            what,
            why="Further processes and requests will be turned away.",
            do="Put PgBouncer in front, start fewer processes, or raise"
            " max_connections.",
            read="pgbouncer",
        )
    else:
        yield good("Connections", what)


def clock() -> Iterator[Remark]:
    before = time.monotonic()
    (theirs,) = _one("SELECT clock_timestamp()")
    took = time.monotonic() - before
    # They looked at their clock somewhere on the way.
    skew = abs((timezone.now() - theirs).total_seconds() - took / 2)
    what = f"{skew:.2f} s between this machine and the database"
    if skew > MOST_SKEW + took:
        yield bad(
            "Clock",
            what,
            why="Signed links, tokens and quotes expire too early or too late.",
            do="Let both machines follow the same time servers (chrony, timesyncd).",
        )
    else:
        yield good("Clock", what)


def migrations() -> Iterator[Remark]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    known = executor.loader.disk_migrations or {}
    unknown = sorted(
        f"{app}.{name}"
        for app, name in executor.loader.applied_migrations
        if (app, name) not in known and app in executor.loader.migrated_apps
    )
    if plan:
        names = ", ".join(f"{step.app_label}.{step.name}" for step, _back in plan[:5])
        yield bad(
            "Migrations",
            f"{len(plan)} are not applied: {names}{' …' if plan[5:] else ''}",
            why="This code expects tables that are not there yet; /readyz says 503.",
            do="Run `python manage.py migrate` before this version serves.",
            read="processes",
        )
    elif unknown:
        yield warning(
            "Migrations",
            f"the database is ahead of this code: {', '.join(unknown[:5])}",
            why="A newer version has migrated it; this one may not know all of it.",
            do="Bring this machine to the same version.",
        )
    else:
        yield good("Migrations", "all are applied")


def triggers() -> Iterator[Remark]:
    disabled = [name for (name,) in _all(DISABLED_SQL)]
    (guards,) = _one(GUARDS_SQL)
    if disabled or not guards:
        what = f"switched off: {', '.join(disabled[:5])}" if disabled else "none there"
        yield bad(
            "Triggers",
            what,
            why="They keep ledgers, events and orders from being changed or deleted.",
            do="ALTER TABLE … ENABLE TRIGGER ALL, then `python manage.py verify`; if"
            " there are none, restore a whole backup.",
            read="books-and-backups",
        )
    else:
        yield good("Triggers", f"{guards} guard the books")


def _settings() -> dict[str, str]:
    names = [*DURABLE, *TIMEOUTS, "server_version"]
    rows = _all("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [names])
    return dict(rows)


def _place() -> str:
    found = connection.settings_dict
    host, port = found["HOST"] or "a local socket", found["PORT"]
    return f"{host}{f':{port}' if port else ''}/{found['NAME']}"


def _one(sql: str) -> Any:
    return _all(sql)[0]


def _all(sql: str, params: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
