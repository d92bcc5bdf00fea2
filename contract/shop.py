"""The demo's shop, run for as long as a check needs it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from config import embedded
from contract.tools import ContractError, say

START_SECONDS = 600
STOP_SECONDS = 60
SERVE = [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve"]
SETTINGS = {"DJANGO_SETTINGS_MODULE": "contract.settings", "PYTHONUNBUFFERED": "1"}
# Enough of everything for each operation to find something.
DEMO = "--orders 200 --no-photos"


@contextmanager
def running() -> Iterator[str]:
    """Start a fresh shop with demo data; return its address without a slash."""
    state: Path = settings.STATE_DIR
    state.mkdir(parents=True, exist_ok=True)
    log = state / "serve.log"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    say("starting a shop with demo data")
    with log.open("wb") as output:
        serve = subprocess.Popen(
            [*SERVE, "--port", str(port), "--workers", "2", "--seed-args", DEMO],
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


def faults() -> list[str]:
    """Return the lines of the shop's log that speak of mistakes of its own."""
    lines = (settings.STATE_DIR / "serve.log").read_text(errors="replace").splitlines()
    bad = [line for line in lines if "unexpected error" in line or "ERROR" in line]
    # Endpoints that the fuzzer makes up, and switches off, take nothing.
    return [line for line in bad if "the endpoint is switched off" not in line]


def _address(serve: "subprocess.Popen[bytes]", log: Path) -> str:
    begun = time.monotonic()
    while time.monotonic() - begun < START_SECONDS and serve.poll() is None:
        for line in log.read_text(errors="replace").splitlines():
            _, found, url = line.partition("the shop is at")
            if found:
                return url.strip().rstrip("/")
        time.sleep(0.2)
    end = log.read_text(errors="replace")[-2000:]
    raise ContractError(f"The shop did not start:\n{end}")


def _stop(serve: "subprocess.Popen[bytes]") -> None:
    serve.send_signal(signal.SIGINT)
    try:
        serve.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(serve.pid, signal.SIGKILL)
        serve.wait()
    if embedded.status()["postgres"]:
        embedded.stop()
