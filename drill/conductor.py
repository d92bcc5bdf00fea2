"""Has a drill's races run by a process of their own, and tells of them as they end."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings

from drill import database
from drill.report import Report
from drill.scenarios import SCENARIOS

ENGINE = "drill"
SETTINGS = "config.settings_drill"


def conduct(
    report: Report, *, names: Sequence[str], attempts: int, is_kept: bool
) -> bool:
    """Run the races of these names; say whether all went as they must.

    The database is gone afterwards, unless ``is_kept``, whatever comes in between.
    Raises ``CannotCreate``, or ``KeyboardInterrupt`` on any of the usual signals.
    """
    with (
        _stoppable(),
        database.throwaway(is_kept=is_kept) as name,
    ):
        report.begin(name, database.server(), attempts=attempts, races=len(names))
        with _engine(name, names, attempts) as engine:
            for event in _events(engine):
                report.take(event)
        report.end(engine.returncode)
    report.conclude(name, is_kept=is_kept)
    return report.is_good


def all_names() -> list[str]:
    """Return the names of all races, in their order."""
    return [scenario.name for scenario in SCENARIOS]


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let a drill end in the same way by Ctrl-C, ``kill`` and a lost terminal."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in database.STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _engine(
    name: str, names: Sequence[str], attempts: int
) -> Iterator[subprocess.Popen[str]]:
    """Run the engine in a session of its own, which ends with all its processes."""
    command = [sys.executable, "-m", ENGINE, name, "--attempts", str(attempts)]
    for race in names:
        command += ["--only", race]
    engine = subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": SETTINGS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield engine
        engine.wait()
    finally:
        with database.undisturbed():
            _kill(engine)


def _kill(engine: subprocess.Popen[str]) -> None:
    # Also when it has ended: it may have left processes of a race behind.
    with suppress(ProcessLookupError):
        os.killpg(engine.pid, signal.SIGKILL)
    engine.communicate()


def _events(engine: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert engine.stdout is not None
    for line in engine.stdout:
        try:
            yield json.loads(line)
        except ValueError:
            # Some library has something to say.
            sys.stderr.write(line)
