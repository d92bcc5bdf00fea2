"""Programs that run side by side."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config import supervisor
from config.supervisor import Program, Supervisor
from tests.running import wait_for

SLEEP = "import time; time.sleep(60)"
# Both say where they are told to that they are ready to be asked to end.
STUBBORN = (
    "import pathlib, signal, time;"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "pathlib.Path({ready!r}).touch(); time.sleep(60)"
)
POLITE = (
    "import pathlib, signal, sys, time;"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')));"
    "print('hello'); pathlib.Path({ready!r}).touch(); time.sleep(60)"
)


def python(name: str, source: str) -> Program:
    return Program(name, [sys.executable, "-c", source], {})


def interrupt_ourselves() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def once(
    condition: Callable[[], bool], action: Callable[[], None]
) -> Callable[[], None]:
    """Return a poll that acts the first time the condition holds."""
    done = False

    def poll() -> None:
        nonlocal done
        if not done and condition():
            done = True
            action()

    return poll


def pid_of(program: Program) -> int:
    assert program.process is not None
    return program.process.pid


def is_alive(pid: int) -> bool:
    listing = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True)
    return not listing.stdout.startswith(b"Z") and listing.stdout != b""


def test_interrupt_lets_programs_end_by_themselves(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    program = python("polite", POLITE.format(ready=str(ready)))
    said: list[str] = []

    stopped = Supervisor([program], say=said.append).run(
        poll=once(ready.exists, interrupt_ourselves)
    )

    assert stopped is True
    assert said == ["stopping …"]
    assert program.process is not None
    assert program.process.returncode == 0
    # A thread prints them, in a moment.
    heard: list[str] = []

    def both_are_heard() -> bool:
        heard.append(capfd.readouterr().out)
        return "".join(heard).count("\n") == 2

    wait_for(both_are_heard, "both lines are printed")
    assert "".join(heard) == "polite | hello\npolite | bye\n"


def test_second_interrupt_kills_what_does_not_end(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    program = python("stubborn", STUBBORN.format(ready=str(ready)))

    def say(message: str) -> None:
        if message == "stopping …":
            interrupt_ourselves()

    stopped = Supervisor([program], say=say).run(
        poll=once(ready.exists, interrupt_ourselves)
    )

    assert stopped is True
    assert program.process is not None
    assert program.process.returncode == -signal.SIGKILL
    assert time.time() - ready.stat().st_mtime < supervisor.WARM_STOP - 3


def test_killed_program_is_started_again() -> None:
    program, other = python("killed", SLEEP), python("other", SLEEP)
    pids: list[int] = []
    said: list[str] = []

    def poll() -> None:
        if program.process is not None and program.process.pid not in pids:
            pids.append(program.process.pid)
            (interrupt_ourselves if len(pids) == 2 else program.process.kill)()
        elif program.process is None:
            assert is_alive(pid_of(other))

    Supervisor([program, other], say=said.append).run(poll=poll)

    assert said == ["killed ended (SIGKILL); starting it again", "stopping …"]
    assert not any(map(is_alive, [*pids, pid_of(other)]))


def test_program_that_dies_at_once_again_and_again_ends_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervisor, "QUICK_DEATH", 600)
    broken, other = python("broken", "import sys; sys.exit(3)"), python("other", SLEEP)
    said: list[str] = []

    stopped = Supervisor([broken, other], say=said.append).run(poll=lambda: None)

    assert stopped is False
    assert said == [
        *["broken ended (exit code 3); starting it again"] * 4,
        "broken ended (exit code 3) 5 times at once; giving up, see above",
        "stopping …",
    ]
    assert not is_alive(pid_of(other))


def test_signal_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)

    Supervisor([python("sleeper", SLEEP)], say=lambda _: None).run(
        poll=interrupt_ourselves
    )

    assert signal.getsignal(signal.SIGINT) is before
