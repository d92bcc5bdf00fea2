"""Server processes: as whom they run, whether they live, and how they are started."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config.embedded.errors import EmbeddedError
from config.embedded.places import state_dir

_LOG_TAIL = 15  # lines
_POLL = 0.02  # seconds
# Lets a process without root's number pass folders that only root may enter, such as
# /root; PostgreSQL itself only insists on not being root.
_PASS_FOLDERS = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]


@dataclass(frozen=True)
class Account:
    """As whom the servers run: ourselves, or somebody unprivileged if we are root."""

    prefix: tuple[str, ...]
    uid: int | None

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command line that runs a program under this account."""
        return [*self.prefix, *map(str, arguments)]

    def own(self, path: Path) -> None:
        """Give a file or folder to this account."""
        if self.uid is not None:
            os.chown(path, self.uid, -1)


def account_for(program: Path, data: Path) -> Account:
    """Choose the account that runs ``program`` on ``data``."""
    if os.geteuid() != 0:
        return Account(prefix=(), uid=None)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and setpriv, which would help, is not"
            " installed. Work as an ordinary user, or set DATABASE_URL and REDIS_URL."
        )
    person = _unprivileged(data)
    prefix = [
        setpriv,
        f"--reuid={person.pw_uid}",
        f"--regid={person.pw_gid}",
        "--clear-groups",
    ]
    if not _reaches(prefix, program):
        prefix += _PASS_FOLDERS
    return Account(prefix=tuple(prefix), uid=person.pw_uid)


def _unprivileged(data: Path) -> pwd.struct_passwd:
    if data.exists() and (owner := data.stat().st_uid) != 0:
        return pwd.getpwuid(owner)
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedError("Neither the user postgres nor nobody exists to run servers.")


def _reaches(prefix: list[str], program: Path) -> bool:
    attempts = ([str(program), "--version"], ["test", "-x", str(state_dir())])
    return all(
        subprocess.run([*prefix, *attempt], capture_output=True, cwd="/").returncode
        == 0
        for attempt in attempts
    )


def clean_environment() -> dict[str, str]:
    """Return an environment without settings that were meant for other servers."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def run(command: list[str], *, log: Path, feed: str) -> None:
    """Run a program to its end; raise ``EmbeddedError`` with what it said last."""
    try:
        with log.open("ab") as output:
            result = subprocess.run(
                command,
                input=feed,
                text=True,
                stdout=output,
                stderr=output,
                cwd="/",
                env=clean_environment(),
            )
    except OSError as error:
        raise cannot_run(command, error) from error
    if result.returncode:
        raise EmbeddedError(f"{command[0]} failed.\n{tail(log)}")


def cannot_run(command: list[str], error: OSError) -> EmbeddedError:
    """Return what to raise when a program is not there or may not be run."""
    return EmbeddedError(f"{command[0]} cannot be run: {error.strerror}.")


def spawn(command: list[str], *, output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a server that outlives this process and its terminal."""
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=clean_environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise cannot_run(command, error) from error


def tail(log: Path) -> str:
    """Return the end of a log for an error message."""
    lines = log.read_text(errors="replace").splitlines()[-_LOG_TAIL:]
    return "\n".join([f"The last lines of {log}:", *lines])


def answers(path: Path) -> bool:
    """Say whether a server accepts connections at a socket."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(path))
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Wait for a condition; say whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def first_number(path: Path) -> int | None:
    """Return the process id that a server wrote as the first line of a file."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def exists(pid: int) -> bool:
    """Say whether a process has this number, were it a zombie or another program."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def runs(pid: int, mention: Path) -> bool:
    """Say whether this process is alive and names ``mention`` in its command line.

    A zombie is not alive, and a number can belong to another program by now.
    """
    if Path("/proc/self/stat").exists():
        return os.fsencode(mention) in _proc_command_line(pid)
    listing = subprocess.run(
        ["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)],
        capture_output=True,
    ).stdout.strip()
    return os.fsencode(mention) in listing and not listing.startswith(b"Z")


def working_in(folder: Path, *, title: bytes) -> list[int]:
    """Return the processes in ``folder`` whose title begins so; only Linux tells."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        pid = int(link.parent.name)
        try:
            is_there = link.readlink() == folder
        except OSError:  # it ended, or belongs to somebody else
            continue
        if is_there and _proc_command_line(pid).startswith(title):
            found.append(pid)
    return found


def _proc_command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()  # empty for a zombie
    except OSError:
        return b""
