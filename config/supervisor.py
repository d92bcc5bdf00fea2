"""Keeps a few programs running side by side, and ends them together."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

QUICK_DEATH = 10  # seconds; who lives longer had a good start
QUICK_DEATHS = 5  # in a row, and it is not worth another try
FIRST_PAUSE = 0.25  # seconds before a restart; doubles with each quick death
LONGEST_PAUSE = 5
WARM_STOP = 20  # seconds for requests and tasks to end
POLL = 0.1  # seconds
COLOURS = (36, 33, 35, 32, 34)  # of a terminal
PR_SET_PDEATHSIG = 1


@dataclass
class Program:
    """What to run, and how its running goes."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[str] | None = None
    started_at: float = 0
    quick_deaths: int = 0
    start_at: float = field(default_factory=time.monotonic)


class Supervisor:
    """Starts programs, restarts those that die, stops all on Ctrl-C."""

    def __init__(self, programs: list[Program], *, say: Callable[[str], None]) -> None:
        self._programs = programs
        self._say = say
        self._output = Output([program.name for program in programs])
        self._stops = 0
        self._failed = False

    def run(self, *, poll: Callable[[], None]) -> bool:
        """Keep the programs running until told to stop; say whether that was it.

        ``poll`` is called several times a second. False means that a program died
        too often.
        """
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._count_stop) for number in numbers}
        try:
            self._watch(poll)
            self._stop()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return not self._failed

    def _watch(self, poll: Callable[[], None]) -> None:
        while not self._stops and not self._failed:
            for program in self._programs:
                self._care_for(program)
            poll()
            time.sleep(POLL)

    def _count_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stops += 1

    def _care_for(self, program: Program) -> None:
        if program.process is None:
            if time.monotonic() >= program.start_at:
                self._start(program)
        elif program.process.poll() is not None:
            self._mourn(program, program.process)

    def _start(self, program: Program) -> None:
        program.process = subprocess.Popen(
            program.command,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # A session of its own: Ctrl-C is for us, who then stop it once.
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 — one call into libc
        )
        program.started_at = time.monotonic()
        if program.process.stdout is not None:
            self._output.follow(program.name, program.process.stdout)

    def _mourn(self, program: Program, process: subprocess.Popen[str]) -> None:
        _signal_group(process, signal.SIGKILL)  # what it left behind holds its port
        lived = time.monotonic() - program.started_at
        program.quick_deaths = program.quick_deaths + 1 if lived < QUICK_DEATH else 1
        program.process = None
        ended = f"{program.name} ended ({_describe(process.returncode)})"
        if program.quick_deaths >= QUICK_DEATHS:
            self._say(f"{ended} {QUICK_DEATHS} times at once; giving up, see above")
            self._failed = True
            return
        pause = min(FIRST_PAUSE * 2**program.quick_deaths, LONGEST_PAUSE)
        program.start_at = time.monotonic() + pause
        self._say(f"{ended}; starting it again")

    def _stop(self) -> None:
        self._say("stopping …")
        running = [p.process for p in self._programs if p.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + WARM_STOP
        while any(process.poll() is None for process in running):
            if self._stops > 1 or time.monotonic() > deadline:
                break
            time.sleep(POLL)
        for process in running:
            _signal_group(process, signal.SIGKILL)
            process.wait()


class Output:
    """Prints what programs say, each line under the name of its program."""

    def __init__(self, names: list[str]) -> None:
        self._width = max(map(len, names))
        self._names = names
        self._lock = threading.Lock()

    def follow(self, name: str, stream: IO[str]) -> None:
        """Print a stream's lines until it ends, beside everything else."""
        threading.Thread(
            target=self._print_all, args=(name, stream), daemon=True
        ).start()

    def _print_all(self, name: str, stream: IO[str]) -> None:
        label = f"{name:<{self._width}} |"
        if sys.stdout.isatty():
            colour = COLOURS[self._names.index(name) % len(COLOURS)]
            label = f"\x1b[{colour}m{label}\x1b[0m"
        for line in filter(str.strip, stream):
            with self._lock:
                sys.stdout.write(f"{label} {line.rstrip()}\n")
                sys.stdout.flush()


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _describe(returncode: int) -> str:
    if returncode < 0:
        return signal.Signals(-returncode).name
    return f"exit code {returncode}"


_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    # Only Linux tells a child that its parent was killed.
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
