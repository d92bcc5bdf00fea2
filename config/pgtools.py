"""PostgreSQL's own programs, run on the database of the settings.

The password travels in the environment of the program, never in its command line,
which everybody on the machine can read.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import connection

from config.embedded import EmbeddedError, postgres

# libpq's names of what Django's OPTIONS may say about a connection.
PASSED_ON = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}
LAST_WORDS = 2_000  # characters of what a program said


class ToolError(Exception):
    """A program is missing or has failed; the message says which, and what it said."""


def environment(database: Mapping[str, Any]) -> dict[str, str]:
    """Return what tells libpq's programs which database of Django's is meant."""
    places = {
        "PGHOST": database.get("HOST"),
        "PGPORT": database.get("PORT"),
        "PGUSER": database.get("USER"),
        "PGPASSWORD": database.get("PASSWORD"),
        "PGDATABASE": database.get("NAME"),
    }
    options = database.get("OPTIONS") or {}
    places |= {name: options.get(option) for option, name in PASSED_ON.items()}
    given = {name: str(value) for name, value in places.items() if value}
    # Dates and numbers are written the same everywhere.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **given}


def program(name: str) -> Path:
    """Return the first of the programs of a name that knows the server's version.

    Raises ``ToolError`` if there is none: an older pg_dump refuses a newer server.
    """
    wanted = _server_version() // 10_000
    found = [path for path in _candidates(name) if path.is_file()]
    for path in found:
        if _major(path) >= wanted:
            return path
    known = ", ".join(f"{path} ({_major(path)})" for path in found) or "none"
    raise ToolError(
        f"No {name} for PostgreSQL {wanted} here (found: {known}). Install the client"
        f" programs (postgresql-client-{wanted}), or set SHOP_PG_BIN to their folder."
    )


def run(path: Path, *arguments: str | Path) -> str:
    """Run a program on the database of this process; return what it printed.

    Raises ``ToolError`` with its last words if it fails.
    """
    try:
        done = subprocess.run(
            [str(path), *map(str, arguments)],
            env=environment(connection.settings_dict),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise ToolError(f"{path} cannot be run: {error.strerror}.") from error
    if done.returncode:
        raise ToolError(f"{path.name} failed: {done.stderr.strip()[-LAST_WORDS:]}")
    return done.stdout


def version(path: Path) -> str:
    """Return what a program says of its version: "18.4"."""
    said = subprocess.run(
        [str(path), "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"(\d+(?:\.\d+)*)", said.stdout)
    return found[1] if found else ""


def _server_version() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0])


def _major(path: Path) -> int:
    return int(version(path).partition(".")[0] or 0)


def _candidates(name: str) -> Sequence[Path]:
    places = []
    with suppress(EmbeddedError):  # without the wheel there is PATH
        places.append(postgres.programs() / name)
    on_path = shutil.which(name)
    if on_path:
        places.append(Path(on_path))
    # The machine's own belong to the server of DATABASE_URL.
    is_embedded = not os.environ.get("DATABASE_URL")
    return places if is_embedded or os.environ.get("SHOP_PG_BIN") else places[::-1]
