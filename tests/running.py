"""The shop's real processes, each started for one test and ended with it.

They run with the settings of a real installation, on the test's own database and Redis.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from django.conf import settings
from pytest_django import Settings

from config.management.commands.serve import live_server
from demo.receiver import DataPlatform
from tests.concurrency import process_environment

START_SECONDS = 120
STOP_SECONDS = 15
NO_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"
SECRET = "whsec_dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3Rz"


def wait_for(condition: Callable[[], object], what: str, seconds: float = 90) -> float:
    """Wait for a condition, or fail saying ``what`` did not happen; return seconds."""
    started = time.monotonic()
    while not condition():
        waited = time.monotonic() - started
        assert waited < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - started


def free_port() -> int:
    """Return a port that nobody listens at right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children_of(pid: int) -> list[int]:
    """Return the ids of a process's children."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    return [int(child) for child in found.stdout.split()]


@dataclass
class Process:
    """One program in a session of its own, so that it dies with all its children."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """Take it and all its children away at once, as a power cut would."""
        self._signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> None:
        """Ask it to end, and see to it that it does."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(STOP_SECONDS)
        self.kill()

    def pause(self) -> None:
        """Stop it and all its children in their tracks."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def said(self) -> str:
        """Return what it has written so far."""
        return self.log.read_text(errors="replace")

    def wait_until_it_says(self, words: str) -> None:
        """Wait for its sign of life."""

        def has_said() -> bool:
            assert self.popen.poll() is None, f"{self.name} ended:\n{self.said()}"
            return words in self.said()

        wait_for(has_said, f"{self.name} says {words!r}", START_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            return


@dataclass
class Web(Process):
    """A web server with its address."""

    url: str = ""


@dataclass
class Live(Process):
    """A server of WebSockets with its address."""

    url: str = ""


@dataclass
class Running:
    """Starts processes in one environment; ends them when the block is left."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    _processes: list[Process] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self._processes):
            if error is not None:
                sys.stdout.write(f"--- {process.name}\n{process.said()[-4000:]}\n")
            process.kill()

    def shop(self, *, has_live: bool = True) -> Web:
        """Start all that a real shop runs; return the server when all are ready."""
        if has_live:
            self.environment.setdefault("LIVE_URL", self.live().url)
        web, worker, beat = self._web(2), self._worker(2), self._beat()
        _await_web(web)
        worker.wait_until_it_says(WORKER_IS_READY)
        beat.wait_until_it_says(BEAT_IS_READY)
        return web

    def web(self, *, workers: int = 1, **environment: str) -> Web:
        """Start a server with that many processes; return it when it is ready."""
        web = self._web(workers, **environment)
        _await_web(web)
        return web

    def worker(self, *, concurrency: int = 2, **environment: str) -> Process:
        """Start a Celery worker; return it when it takes tasks."""
        worker = self._worker(concurrency, **environment)
        worker.wait_until_it_says(WORKER_IS_READY)
        return worker

    def beat(self, **environment: str) -> Process:
        """Start the clock of the periodic tasks; return it when it ticks."""
        beat = self._beat(**environment)
        beat.wait_until_it_says(BEAT_IS_READY)
        return beat

    def live(self, *, port: int = 0, **environment: str) -> Live:
        """Start a server of WebSockets; return it when it answers."""
        port = port or free_port()
        command = live_server("127.0.0.1", port)
        started = self._start("live", command, environment)
        url = f"ws://127.0.0.1:{port}/ws/"
        live = Live(started.name, started.popen, started.log, url)
        wait_for(lambda: _listens(live, port), "live is ready", START_SECONDS)
        return live

    def manage(self, *arguments: str, **environment: str) -> Process:
        """Start one of our commands."""
        command = [str(settings.BASE_DIR / "manage.py"), *arguments]
        return self._spawn(arguments[0], [sys.executable, *command], environment)

    def python(self, code: str, **environment: str) -> Process:
        """Start a few lines of code with Django set up."""
        setup = "import django; django.setup()\n"
        return self._spawn("python", [sys.executable, "-c", setup + code], environment)

    def _web(self, workers: int, **environment: str) -> Web:
        port = free_port()
        command = ["granian", "--interface", "wsgi", "config.wsgi:application"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--no-ws"]
        command += ["--workers", str(workers), "--blocking-threads", "4"]
        command += ["--respawn-failed-workers", "--log-level", "warning"]
        url = f"http://127.0.0.1:{port}"
        # Workers speak to the first server, as its test provider does.
        self.environment.setdefault("SHOP_BASE_URL", url)
        started = self._start("web", command, {"SHOP_BASE_URL": url, **environment})
        return Web(started.name, started.popen, started.log, url)

    def _worker(self, concurrency: int, **environment: str) -> Process:
        command = [*_CELERY, "worker", "--loglevel", "info", "--without-gossip"]
        command += ["--without-mingle", "--concurrency", str(concurrency)]
        command += ["--hostname", f"worker{len(self._processes)}@%h"]
        return self._start("worker", command, environment)

    def _beat(self, **environment: str) -> Process:
        command = [*_CELERY, "beat", "--loglevel", "info", "--pidfile", ""]
        return self._start("beat", command, environment)

    def _start(
        self, name: str, command: Sequence[str], environment: dict[str, str]
    ) -> Process:
        python = [sys.executable, "-W", NO_ROOT_WARNING, "-m"]
        environment = {"SHOP_PROCESS": name, **environment}
        return self._spawn(name, [*python, *command], environment)

    def _spawn(
        self, name: str, command: Sequence[str], environment: dict[str, str]
    ) -> Process:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{len(self._processes)}-{name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                command,
                cwd=settings.BASE_DIR,
                env={**self._environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(name, popen, log)
        self._processes.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        environment = {
            **process_environment(),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "REDIS_URL": settings.REDIS_URL,
            "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
            "DATA_PLATFORM_SECRET": SECRET,
            "SHOP_STATE_DIR": str(self.folder / "state"),
            "PYTHONUNBUFFERED": "1",
            **self.environment,
        }
        for name in ("PYTEST_VERSION", "PYTEST_CURRENT_TEST"):
            environment.pop(name, None)
        return environment


@pytest.fixture
def platform(tmp_path: Path, settings: Settings) -> Iterator[DataPlatform]:
    """Receive what this process's relay sends."""
    settings.DATA_PLATFORM_SECRET = SECRET
    with DataPlatform(secret=SECRET, path=tmp_path / "events.sqlite3") as platform:
        settings.DATA_PLATFORM_URL = platform.url
        yield platform


@pytest.fixture
def running(
    tmp_path: Path, platform: DataPlatform, transactional_db: None
) -> Iterator[Running]:
    """Start the shop's processes, which send to the same platform."""
    environment = {"DATA_PLATFORM_URL": platform.url}
    with Running(tmp_path / "running", environment) as processes:
        yield processes


_CELERY = ["celery", "--app", "config"]


WORKER_IS_READY = " ready."
BEAT_IS_READY = "beat: Starting"


def _await_web(web: Web) -> None:
    wait_for(lambda: _is_ready(web), "web is ready", START_SECONDS)


def _is_ready(web: Web) -> bool:
    assert web.popen.poll() is None, f"web ended:\n{web.said()}"
    try:
        with urllib.request.urlopen(f"{web.url}/readyz", timeout=5):
            return True
    except OSError:
        return False


def _listens(live: Live, port: int) -> bool:
    assert live.popen.poll() is None, f"live ended:\n{live.said()}"
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
