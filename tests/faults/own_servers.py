"""A PostgreSQL and a Redis of a test's own, that it may kill and freeze."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection

from config.embedded.urls import DATABASE, REDIS_SOCKET, ROLE
from tests.running import children_of


@dataclass(frozen=True)
class OwnServers:
    """Servers in a state folder of their own, as safe as real ones."""

    folder: Path
    # Also a PostgreSQL; else only a Redis.
    has_postgres: bool

    def start(self) -> None:
        """Start what is missing."""
        self._embedded("start")

    def stop(self) -> None:
        self._embedded("stop")

    @property
    def run_dir(self) -> Path:
        return self.folder / "run"

    def redis_url(self, db: int = 0) -> str:
        return f"unix://{self.run_dir / REDIS_SOCKET}?db={db}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables by which the shop finds these servers."""
        broker = f"redis+socket://{self.run_dir / REDIS_SOCKET}?virtual_host=1"
        found = {"REDIS_URL": self.redis_url(), "CELERY_BROKER_URL": broker}
        if self.has_postgres:
            host = str(self.run_dir)
            found["DATABASE_URL"] = f"postgresql://{ROLE}@/{DATABASE}?host={host}"
        return found

    @contextmanager
    def frozen_postgres(self) -> Iterator[None]:
        """Stop the server and all its children in their tracks for a while."""
        pid = self._postgres_pid()
        os.kill(pid, signal.SIGSTOP)
        family = (pid, *children_of(pid))
        for member in family:
            os.kill(member, signal.SIGSTOP)
        try:
            yield
        finally:
            for member in family:
                os.kill(member, signal.SIGCONT)

    def kill_postgres(self) -> None:
        """Take the server and all its children away at once."""
        pid = self._postgres_pid()
        # So that it has no child that we do not see: one left over, waiting for a lock
        # of a dead one, would keep the next server from starting.
        os.kill(pid, signal.SIGSTOP)
        for victim in (pid, *children_of(pid)):
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        connection.close()

    def rename_database(self, *, to: str) -> None:
        """Give the shop's database another name."""
        self._execute(f"ALTER DATABASE {DATABASE} RENAME TO {to}")

    def copy_database(self, name: str) -> None:
        """Make the shop's database anew, as a copy of another one."""
        self._execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        self._execute(f"CREATE DATABASE {DATABASE} TEMPLATE {name}")

    def _execute(self, statement: str) -> None:
        host = str(self.run_dir)
        with psycopg.connect(
            host=host, user=ROLE, dbname="postgres", autocommit=True
        ) as maintenance:
            maintenance.execute(statement.encode())

    def signal_redis(self, number: signal.Signals) -> None:
        os.kill(int((self.folder / "redis" / "pid").read_text()), number)

    def _postgres_pid(self) -> int:
        pid_file = self.folder / "postgres" / "postmaster.pid"
        return int(pid_file.read_text().splitlines()[0])

    def _embedded(self, action: str) -> None:
        environment = {**os.environ, "SHOP_STATE_DIR": str(self.folder)}
        for name in ("DATABASE_URL", "REDIS_URL", "SHOP_PG_UNSAFE"):
            environment.pop(name, None)
        if not self.has_postgres:
            environment["DATABASE_URL"] = "postgresql://elsewhere"
        done = subprocess.run(
            [sys.executable, "-m", "config.embedded", action],
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


@contextmanager
def own_servers(folder: Path, *, has_postgres: bool) -> Iterator[OwnServers]:
    """Start servers in a folder with a short path; stop them in the end."""
    servers = OwnServers(folder, has_postgres)
    try:
        servers.start()
        yield servers
    finally:
        with suppress(ProcessLookupError, FileNotFoundError):
            servers.signal_redis(signal.SIGCONT)
        servers.stop()


@contextmanager
def database_of(servers: OwnServers) -> Iterator[None]:
    """Let this process's connection lead to these servers for a while."""
    usual = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict |= {"HOST": str(servers.run_dir), "NAME": DATABASE}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict |= usual
