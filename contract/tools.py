"""The programs that the checks need, each kind in a folder of its own."""

import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.conf import settings

HERE = Path(__file__).resolve().parent
NPM = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
NPM_QUIETLY = [*NPM, "--ignore-scripts", "--loglevel", "error"]
STARTED = time.monotonic()


class ContractError(Exception):
    """Something does not hold, or could not be tried."""


def say(message: str) -> None:
    """Print a line with the seconds since the beginning."""
    sys.stdout.write(f"[{time.monotonic() - STARTED:6.1f} s] {message}\n")
    sys.stdout.flush()


def folder(name: str) -> Path:
    """Return a folder for what is installed or generated."""
    found: Path = settings.STATE_DIR / "contract" / name
    found.mkdir(parents=True, exist_ok=True)
    return found


def node_modules() -> Path:
    """Return the folder of npm's packages; install them the first time."""
    home = folder("node")
    wanted = (HERE / "package.json").read_text()
    stamp = home / ".installed"
    if not (stamp.exists() and stamp.read_text() == wanted):
        _need("npm", "npm")
        say("installing the linters and generators (a minute the first time)")
        shutil.copy(HERE / "package.json", home)
        call(NPM_QUIETLY, cwd=home)
        stamp.write_text(wanted)
    return home / "node_modules"


def python_of(name: str) -> Path:
    """Return the Python of a virtual environment with ``contract/<name>.txt`` in it."""
    home, wanted = folder(f"venv-{name}"), (HERE / f"{name}.txt").read_text()
    stamp, python = home / ".installed", home / "bin/python"
    if not (stamp.exists() and stamp.read_text() == wanted + sys.version):
        say(f"installing what contract/{name}.txt names")
        venv.create(home, with_pip=True, clear=True)
        call([str(python), "-m", "pip", "install", "-q", "-r", f"{HERE}/{name}.txt"])
        stamp.write_text(wanted + sys.version)
    return python


def call(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program; return what it prints, raise ``ContractError`` if it fails."""
    code, said = attempt(command, cwd=cwd, environment=environment)
    if code:
        raise ContractError(f"{' '.join(command[:6])} …\n{said[-8000:]}")
    return said


def attempt(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run a program; return how it ended, and what it printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def need_java() -> None:
    """Make sure that there is a Java, which one of the generators is written in."""
    _need("java", "default-jre-headless")


def _need(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise ContractError(f"{program} is not installed: apt-get install {package}")
