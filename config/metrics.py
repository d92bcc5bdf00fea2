"""What is counted by several processes adds up; workers show their numbers themselves.

This is read before there are settings. The page itself: ``config/metrics_page.py``.
"""

import os
import shutil
from pathlib import Path

from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, start_http_server, values
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
# Whose processes are several that add up.
GROUPS = {"web", "worker"}


def prepare(state_dir: Path, *, process: str) -> None:
    """Have the processes of one server add up; called before anything is counted.

    They are recognised by their parent, which outlives each of them.
    """
    if process not in GROUPS or os.environ.get(MULTIPROCESS):
        return
    root = state_dir / "metrics"
    folder = root / f"{process}-{os.getppid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # each counts for itself, and one of them is seen
    _clear(root)
    os.environ[MULTIPROCESS] = str(folder)
    # It has looked at its environment already, when it was imported.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


def _clear(root: Path) -> None:
    """Remove what servers have left that are no more."""
    for folder in root.glob("*-*"):
        number = folder.name.rpartition("-")[2]
        if number.isdigit() and not Path(f"/proc/{number}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def counted() -> CollectorRegistry:
    """Return what the processes beside this one, and it itself, have counted."""
    if not os.environ.get(MULTIPROCESS):
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def serve_worker() -> None:
    """Let the numbers of a worker be read at ``METRICS_PORT``, if there is one."""
    if port := settings.METRICS_PORT:
        start_http_server(port, addr=settings.METRICS_HOST, registry=counted())
