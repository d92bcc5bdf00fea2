"""The servers that come with the shop, on a machine that is not kind to them."""

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings

from config import embedded
from config.embedded import places
from tests.tools import require

Result = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Machine:
    """Embedded servers in a state folder of their own."""

    folder: Path
    prefix: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """Return what a process that uses these servers has in its environment."""
        others = {"DATABASE_URL": "", "REDIS_URL": "", "SHOP_PG_UNSAFE": "1"}
        return {**os.environ, **others, "SHOP_STATE_DIR": str(self.folder)}

    def run(self, action: str) -> Result:
        """Run ``python -m config.embedded`` as an impatient person would."""
        return self.python("-m", "config.embedded", action)

    def python(self, *arguments: str) -> Result:
        """Run Python with these servers as its own."""
        return subprocess.run(
            [*self.prefix, sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self) -> str:
        """Start the servers; return what was said."""
        result = self.run("start")
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def urls(self) -> tuple[str, str]:
        """Return the addresses of PostgreSQL and Redis."""
        database, cache = self.run("urls").stdout.split()
        return database, cache

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Return the rows that PostgreSQL answers."""
        with psycopg.connect(self.urls()[0]) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def redis(self) -> "redis.Redis":
        """Return a client of Redis."""
        return redis.Redis.from_url(self.urls()[1])

    def pids(self) -> list[int]:
        """Return the processes of this folder's servers, the postmaster first."""
        postmaster = int(
            (self.folder / "postgres/postmaster.pid").read_text().split()[0]
        )
        group = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(postmaster)],
            capture_output=True,
            text=True,
        ).stdout.split()
        server = int((self.folder / "redis/pid").read_text())
        return [postmaster, *map(int, group), server]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("running"))
    machine.start()
    machine.ask("CREATE TABLE kept AS SELECT 42 AS answer")
    yield machine
    machine.run("stop")


@pytest.fixture
def machine(running: Machine) -> Machine:
    running.start()
    return running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "state")
    yield machine
    machine.run("stop")


def assert_works(machine: Machine) -> None:
    assert machine.ask("SELECT current_database()") == [("dojang",)]
    assert machine.redis().ping() is True


def assert_kept(machine: Machine) -> None:
    assert machine.ask("SELECT answer FROM kept") == [(42,)]
    assert machine.redis().ping() is True


def test_eight_processes_at_once_create_one_cluster(fresh: Machine) -> None:
    with ThreadPoolExecutor(8) as pool:
        said = [job.result() for job in [pool.submit(fresh.start) for _ in range(8)]]

    assert "".join(said).count("creating the embedded PostgreSQL cluster") == 1
    assert_works(fresh)


def test_start_and_stop_may_be_repeated(machine: Machine) -> None:
    assert machine.start() == ""
    assert machine.run("stop").returncode == 0
    assert machine.run("status").stdout == "postgres: stopped\nredis: stopped\n"
    assert machine.run("stop").returncode == 0
    assert "starting the embedded PostgreSQL" in machine.start()
    assert machine.run("status").stdout == "postgres: running\nredis: running\n"
    assert_kept(machine)


def test_rows_survive_the_murder_of_the_postmaster(machine: Machine) -> None:
    os.kill(machine.pids()[0], signal.SIGKILL)

    machine.start()

    assert_kept(machine)


def test_children_that_outlive_the_postmaster_do_not_hinder(machine: Machine) -> None:
    # Stopped, it cannot see that its parent is gone, like one that waits for a lock.
    postmaster, *_, child, _redis = machine.pids()
    os.kill(child, signal.SIGSTOP)
    os.kill(postmaster, signal.SIGKILL)

    machine.start()

    assert_kept(machine)


def test_rows_and_messages_survive_the_murder_of_all_servers(machine: Machine) -> None:
    machine.redis().set("message", "waiting")
    for pid in machine.pids():
        os.kill(pid, signal.SIGKILL)

    machine.start()

    assert_kept(machine)
    assert machine.redis().get("message") == b"waiting"


def test_pid_that_belongs_to_another_program_by_now_does_not_hinder(
    machine: Machine,
) -> None:
    pid_file = machine.folder / "postgres/postmaster.pid"
    lines = pid_file.read_text().split("\n")
    machine.run("stop")
    with subprocess.Popen(["sleep", "60"]) as other:
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]))

        machine.start()

        assert other.poll() is None
        other.kill()
    assert_kept(machine)


def test_pid_of_a_zombie_does_not_hinder(machine: Machine) -> None:
    pid_file = machine.folder / "postgres/postmaster.pid"
    lines = pid_file.read_text().split("\n")
    machine.run("stop")
    with subprocess.Popen(["true"]) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        pid_file.write_text("\n".join([str(zombie.pid), *lines[1:]]))

        machine.start()

    assert_kept(machine)


def test_interrupted_creation_is_begun_anew(fresh: Machine) -> None:
    half = fresh.folder / "postgres.new" / "base"
    half.mkdir(parents=True)

    fresh.start()

    assert_works(fresh)


@pytest.mark.parametrize(
    "name", ['my shop\'s, "dir" $x & лавка', "long-" + "x" * 120], ids=["odd", "long"]
)
def test_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    machine = Machine(tmp_path / name)

    machine.start()

    assert_works(machine)
    sockets = Path(machine.urls()[0].partition("?host=")[2])
    assert sockets.stat().st_mode & 0o077 == 0
    machine.run("stop")
    assert not sockets.exists()


def test_ordinary_user_runs_them_as_himself(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("every other test runs as an ordinary user already")
    person = pwd.getpwnam("nobody")
    become = [require("setpriv"), f"--reuid={person.pw_uid}", "--clear-groups"]
    # So that nobody may read this checkout and its Python, wherever they are.
    become += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    machine = Machine(tmp_path / "state", prefix=tuple(become))
    machine.folder.mkdir()
    os.chown(machine.folder, person.pw_uid, -1)

    machine.start()

    assert_works(machine)
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in machine.pids()} == {
        person.pw_uid
    }
    machine.run("stop")


def test_nothing_is_started_where_addresses_are_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SHOP_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DATABASE_URL", "postgres://db.example/shop")
    monkeypatch.setenv("REDIS_URL", "redis://redis.example/0")

    embedded.ensure()

    assert not (tmp_path / "state").exists()


def test_ensure_starts_no_process_while_the_servers_run(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(subprocess, "Popen", None)

    embedded.ensure()

    assert embedded.status() == {"postgres": True, "redis": True}


def test_reason_of_a_failed_start_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SHOP_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("SHOP_PG_BIN", "/nowhere")
    said: list[str] = []

    with pytest.raises(embedded.EmbeddedError, match="/nowhere/initdb"):
        embedded.ensure(say=said.append)

    assert said == ["creating the embedded PostgreSQL cluster …"]


def test_folder_that_cannot_be_written_to_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SHOP_STATE_DIR", str(tmp_path / "file"))
    monkeypatch.setenv("DATABASE_URL", "")

    with pytest.raises(embedded.EmbeddedError, match="cannot be written to"):
        embedded.start()


def test_folder_of_sockets_that_others_can_open_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SHOP_STATE_DIR", str(tmp_path))
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o755)

    with pytest.raises(embedded.EmbeddedError, match="only this user"), places.locked():
        pass


def test_addresses_follow_from_the_folder_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_STATE_DIR", "/srv/shop")

    assert embedded.state_dir() == Path("/srv/shop")
    assert embedded.database("other") == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "other",
        "USER": "dojang",
        "PASSWORD": "",
        "HOST": "/srv/shop/run",
        "PORT": "",
    }
    assert embedded.database_url() == "postgresql://dojang@/dojang?host=/srv/shop/run"
    assert embedded.redis_url(3) == "unix:///srv/shop/run/redis.sock?db=3"


@pytest.mark.parametrize(
    ("redis_py", "celery"),
    [
        ("unix:///r/redis.sock?db=1", "redis+socket:///r/redis.sock?virtual_host=1"),
        ("unix:///r/redis.sock", "redis+socket:///r/redis.sock?virtual_host=0"),
        ("redis://host:6379/1", "redis://host:6379/1"),
        ("amqp://guest@host//", "amqp://guest@host//"),
    ],
)
def test_celery_gets_the_address_in_its_own_spelling(
    redis_py: str, celery: str
) -> None:
    assert embedded.celery_url(redis_py) == celery
