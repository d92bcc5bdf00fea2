"""A migrated database that the tests' databases are copies of.

It is named after the migrations, so a run migrates only when one of them changed.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from config import pgtools

# Not "template_": to LIKE that is template1 too, which PostgreSQL needs itself.
PREFIX = "shop_template_"


def ensure_template() -> str:
    """Return the template's name; create it if this is the first run that needs it."""
    name = PREFIX + _digest()
    with _one_at_a_time():
        if name not in _templates():
            _drop_templates()
            _create(name)
    return name


def dump_template(target: Path) -> None:
    """Write the template into a file of pg_restore's: quicker than migrating again."""
    name = connection.settings_dict["TEST"]["TEMPLATE"]
    pg_dump = pgtools.program("pg_dump")
    pgtools.run(pg_dump, "--format=custom", "--file", target, "--dbname", name)


def _digest() -> str:
    digest = hashlib.sha256(repr(settings.INSTALLED_APPS).encode())
    paths = sorted(settings.BASE_DIR.glob("*/migrations/*.py"))
    for path in [*paths, settings.BASE_DIR / "requirements.txt"]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    settings.STATE_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.STATE_DIR / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _templates() -> list[str]:
    query = "SELECT datname FROM pg_database WHERE datistemplate AND datname LIKE %s"
    with connection._nodb_cursor() as cursor:
        cursor.execute(query, [f"{PREFIX}%"])
        return [name for (name,) in cursor.fetchall()]


def _drop_templates() -> None:
    for name in _templates():
        _execute("ALTER DATABASE {} IS_TEMPLATE false", name)
        _execute("DROP DATABASE {} WITH (FORCE)", name)


def _create(name: str) -> None:
    _execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    _execute("CREATE DATABASE {}", name)
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
    _execute("ALTER DATABASE {} IS_TEMPLATE true", name)


def _execute(statement: str, name: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))


if __name__ == "__main__":
    django.setup()
    ensure_template()
