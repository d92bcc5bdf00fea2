"""The demo shop, run for the time of the audit."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from audit.report import AuditError, say
from config import embedded

START_SECONDS = 600
STOP_SECONDS = 60
# Best sellers are those of the last days: a demo of last week would show none.
STALE_SECONDS = 12 * 3600
# Compressing what only staff and developers see takes minutes.
NOT_OURS = ["admin", "drf_spectacular_sidecar", "pretendard", "rest_framework"]
SERVE = [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve"]
SETTINGS = {"DJANGO_SETTINGS_MODULE": "audit.settings", "PYTHONUNBUFFERED": "1"}


@contextmanager
def running() -> Iterator[str]:
    """Start the shop with its demo data; return its address."""
    state: Path = settings.STATE_DIR
    _forget_stale(state)
    state.mkdir(parents=True, exist_ok=True)
    say("compressing the files that pages load")
    call_command(
        "collectstatic",
        interactive=False,
        clear=True,
        verbosity=0,
        ignore_patterns=NOT_OURS,
    )
    port = _free_port()
    log = state / "serve.log"
    with log.open("wb") as output:
        serve = subprocess.Popen(
            [*SERVE, "--port", str(port), "--workers", "2"],
            cwd=settings.BASE_DIR,
            env={**os.environ, **SETTINGS, "SHOP_STATE_DIR": str(state)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _address(serve, log)
    finally:
        _stop(serve)


def _forget_stale(state: Path) -> None:
    """Remove a shop that was made too long ago, or never finished."""
    made = state / "made"
    if not state.exists() or (
        made.exists() and time.time() - made.stat().st_mtime < STALE_SECONDS
    ):
        return
    embedded.stop()
    for place in state.iterdir():
        # What npm installed is as good as new.
        if place.name != "tools":
            shutil.rmtree(place) if place.is_dir() else place.unlink()


def _free_port() -> int:
    # As far from those of other shops on this machine as may be.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _address(serve: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until the shop answers, and say what it is at."""
    begun, said = time.monotonic(), 0
    while time.monotonic() - begun < START_SECONDS:
        lines = log.read_text(errors="replace").splitlines()
        for line in lines[said:]:
            _, found, url = line.partition("the shop is at")
            if found:
                (settings.STATE_DIR / "made").touch()
                return _warm(url.strip().rstrip("/"))
            if line.endswith("…"):
                say(line.partition("] ")[2] or line)
        said = len(lines)
        if serve.poll() is not None:
            break
        time.sleep(0.2)
    raise AuditError("The shop did not start:\n" + "\n".join(lines[-20:]))


def _warm(url: str) -> str:
    """Ask each of its processes for a page; the first ones are slow."""
    for _ in range(6):
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 — our own
            answer.read()
    return url


def _stop(serve: "subprocess.Popen[bytes]") -> None:
    serve.send_signal(signal.SIGINT)
    try:
        serve.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(serve.pid, signal.SIGKILL)
        serve.wait()
    if not embedded.status()["postgres"]:
        return
    embedded.stop()
