"""A real RabbitMQ of the tests' own: any user, no system service, loopback only.

One per process of pytest serves all tests that ask for it. They name their queues after
themselves or delete them, and leave it running.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from kombu.exceptions import OperationalError

from tests.running import free_port, wait_for
from tests.tools import require

START_SECONDS = 120
STOP_SECONDS = 30
# Debian's programs on PATH insist on being root or rabbitmq; these do not.
DEBIAN_PROGRAMS = Path("/usr/lib/rabbitmq/bin")
CONFIGURATION = """\
vm_memory_high_watermark.absolute = 400MB
disk_free_limit.absolute = 50MB
log.console = false
"""


@dataclass
class Rabbit:
    """A broker in a folder of its own; it keeps its port and data when it restarts."""

    folder: Path
    program: Path
    port: int = field(default_factory=free_port)
    _ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def is_running(self) -> bool:
        return bool(self._processes)

    def connect(self) -> Connection:
        """Return a connection to it; close it, or use it in ``with``."""
        return Connection(self.url, connect_timeout=5)

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "plugins").write_text("[].")
        (self.folder / "rabbitmq.conf").write_text(CONFIGURATION)
        # It would start one itself, which then outlives it.
        names = ["epmd", "-port", str(self._ports[1]), "-address", "127.0.0.1"]
        self._processes = [self._spawn(names), self._spawn([str(self.program)])]
        wait_for(self._serves, f"RabbitMQ serves ({self._log})", START_SECONDS)

    def stop(self) -> None:
        """End it as an administrator would; return when it has gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Take it away at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start it."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stop it in its tracks: connections stay, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def purge(self, *queues: str) -> int:
        """Empty queues, as a fault or a wrong command would; return what was lost."""
        with self.connect() as connection, open_channel(connection) as channel:
            return sum(int(channel.queue_purge(queue)) for queue in queues)

    def delete(self, *queues: str) -> None:
        """Remove queues with all that is in them, whether they exist or not."""
        with self.connect() as connection:
            for queue in queues:
                with open_channel(connection) as channel:
                    channel.queue_delete(queue)

    def count(self, queue: str) -> int:
        """Return how many messages wait in a queue."""
        with self.connect() as connection, open_channel(connection) as channel:
            found = channel.queue_declare(queue, passive=True)
        return int(found.message_count)

    @property
    def _log(self) -> Path:
        return self.folder / "out.log"

    def _serves(self) -> bool:
        server = self._processes[-1]
        assert server.poll() is None, f"RabbitMQ ended:\n{self._log.read_text()}"
        try:
            with Connection(self.url, connect_timeout=2) as connection:
                connection.connect()
        except (OSError, OperationalError):
            # As often as ``wait_for`` asks would keep a core busy.
            time.sleep(0.2)
            return False
        return True

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            return subprocess.Popen(
                command,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        distribution, names = self._ports
        arguments = "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
        return {
            **os.environ,
            "HOME": str(self.folder),  # its secret cookie lies there
            "RABBITMQ_NODENAME": f"shop{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": arguments,
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            # Else a shell stands between us and the server, and may end before it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _end(self, number: signal.Signals) -> None:
        if not self._processes:
            return
        self.resume()
        self._signal(number)
        names, server = self._processes
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            server.wait()
        names.kill()
        names.wait()
        self._processes = []

    def _signal(self, number: signal.Signals) -> None:
        if not self._processes:
            return
        try:
            os.killpg(self._processes[-1].pid, number)
        except ProcessLookupError:
            return


def open_channel(connection: Connection) -> Any:
    """Open a channel, which in ``with`` is closed; its methods are AMQP's own."""
    return connection.channel()


def rabbit_program() -> Path:
    """Return the server's program; without it skip, or fail where ``CI`` is set."""
    program = Path(require("rabbitmq-server"))
    debians = DEBIAN_PROGRAMS / program.name
    return debians if debians.exists() else program


@pytest.fixture(scope="session")
def _rabbit() -> Iterator[Rabbit]:
    program = rabbit_program()
    folder = Path(tempfile.mkdtemp(prefix="rabbit-"))
    broker = Rabbit(folder, program)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def rabbit(_rabbit: Rabbit) -> Iterator[Rabbit]:
    """Return the broker; one that a test stopped is there again for the next."""
    yield _rabbit
    _rabbit.resume()
    if not _rabbit.is_running:
        _rabbit.start()
