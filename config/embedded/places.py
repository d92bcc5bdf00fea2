"""Where the embedded servers keep their files, and the lock on all of it."""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded.errors import EmbeddedError

BASE_DIR = Path(__file__).resolve().parent.parent.parent
# The shortest limit of all systems (macOS), for the longest name PostgreSQL uses.
_LONGEST_RUN_DIR = 104 - len("/.s.PGSQL.5432.lock") - 1
# libpq splits folders at commas, and URLs and shells take other characters apart.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_/.@+-]+")


def state_dir() -> Path:
    """Return the folder of everything that running the shop creates."""
    return Path(os.environ.get("SHOP_STATE_DIR") or BASE_DIR / ".local").resolve()


def run_dir() -> Path:
    """Return the sockets' folder: in the state folder, if a socket can lie there."""
    path = state_dir() / "run"
    if len(os.fsencode(path)) <= _LONGEST_RUN_DIR and _PLAIN_PATH.fullmatch(str(path)):
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    return Path("/tmp") / f"dojang-{os.geteuid()}-{digest}"  # noqa: S108 — see locked


@contextmanager
def locked() -> Iterator[None]:
    """Hold the state folder, so that one process at a time starts or stops servers."""
    _create_state_dir()
    with (state_dir() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _create_run_dir()
        yield


def _create_state_dir() -> None:
    folder = state_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
    except OSError as error:
        raise EmbeddedError(
            f"{folder} cannot be written to ({error.strerror}). Set SHOP_STATE_DIR to"
            " a folder that you own, or DATABASE_URL and REDIS_URL to your own servers."
        ) from error


def _create_run_dir() -> None:
    folder = run_dir()
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    # In /tmp somebody else could have been first.
    trusted = os.geteuid() in {0, found.st_uid} and folder.is_dir()
    if not trusted or folder.is_symlink() or found.st_mode & 0o077:
        raise EmbeddedError(
            f"{folder} must be a folder that only this user can open. Remove it."
        )
