"""Programs that are started, waited for and ended, whatever happens in between."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
STOP_SECONDS = 20
POLL = 0.05  # seconds


class TopologyError(Exception):
    """Something did not come up, or did not do what it has to."""


@dataclass
class Program:
    """One running program, in a session of its own."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    def tail(self, lines: int = 15) -> str:
        """Return what it said last."""
        said = self.log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(f"    {line}" for line in said)

    def end(self, number: signal.Signals) -> None:
        """Send a signal to it and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        """Take it away at once."""
        self.end(signal.SIGKILL)
        self.popen.wait()


@dataclass
class Crew:
    """Starts programs in one folder; ends those that are left, the last one first."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    programs: list[Program] = field(default_factory=list)

    def start(
        self, name: str, command: Sequence[str | Path], **environment: str
    ) -> Program:
        """Start a program."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                env={**os.environ, **self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        program = Program(name, popen, log)
        self.programs.append(program)
        return program

    def run(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        feed: str = "",
        **environment: str,
    ) -> str:
        """Run a program to its end and return what it said; raise if it failed."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=ROOT,
            env={**os.environ, **self.environment, **environment},
            input=feed,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise TopologyError(f"{name} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def await_port(self, program: Program, port: int, *, seconds: float = 90) -> None:
        """Wait until a program listens."""

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        self.wait(listens, program, seconds=seconds)

    def wait(
        self, condition: Callable[[], object], program: Program, *, seconds: float = 90
    ) -> None:
        """Wait for something that a program has to bring about."""
        until = time.monotonic() + seconds
        while not condition():
            if program.popen.poll() is not None:
                raise TopologyError(f"{program.name} ended:\n{program.tail()}")
            if time.monotonic() > until:
                raise TopologyError(f"{program.name} is not ready:\n{program.tail()}")
            time.sleep(POLL)

    def end(self) -> None:
        """End everything, however often we are told to stop meanwhile."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        for program in reversed(self.programs):
            if program.popen.poll() is None:
                # PostgreSQL's word for "now, cleanly"; the others end by it as well.
                program.end(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    program.popen.wait(STOP_SECONDS)
            program.kill()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at right now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
