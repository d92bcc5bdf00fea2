"""Starts one of the shop's processes in a container: ``python -m deploy.start web``.

The process takes this one's place, so that signals reach it.
"""

import os
import sys

WEB_PORT, LIVE_PORT = 8000, 8001
LONGEST_MESSAGE = 4096  # bytes, from a browser
ANYWHERE = "0.0.0.0"  # noqa: S104 — in a container, whose ports are published or not


def command(
    name: str, *, workers: int, host: str = ANYWHERE, port: int | None = None
) -> list[str]:
    """Return the command line of a process, as a module of Python and its options."""
    celery = ["celery", "--app", "config", "--quiet"]
    commands = {
        "web": [
            *("granian", "--interface", "wsgi", "config.wsgi:application"),
            *("--host", host, "--port", str(port or WEB_PORT)),
            *("--workers", str(workers), "--blocking-threads", "2"),
            *("--respawn-failed-workers", "--workers-kill-timeout", "30"),
            *("--no-ws", "--log-level", "warning"),
        ],
        "live": [
            *("uvicorn", "config.asgi:application"),
            *("--host", host, "--port", str(port or LIVE_PORT)),
            *("--ws", "websockets-sansio", "--ws-max-size", str(LONGEST_MESSAGE)),
            *("--ws-per-message-deflate", "false", "--lifespan", "off"),
            *("--no-access-log", "--no-server-header", "--log-level", "warning"),
            *("--timeout-graceful-shutdown", "3"),
        ],
        "worker": [
            *(*celery, "worker", "--loglevel", "warning"),
            *("--concurrency", str(workers), "--without-gossip", "--without-mingle"),
        ],
        "beat": [*celery, "beat", "--loglevel", "warning", "--pidfile", ""],
    }
    return commands[name]


def main(arguments: list[str]) -> None:
    """Become the process that the arguments name."""
    if len(arguments) != 1 or arguments[0] not in {"web", "live", "worker", "beat"}:
        sys.exit("usage: python -m deploy.start web|live|worker|beat")
    name = arguments[0]
    os.environ["SHOP_PROCESS"] = name
    workers = int(os.environ.get("WEB_WORKERS") or os.cpu_count() or 1)
    line = [sys.executable, "-m", *command(name, workers=workers)]
    os.execv(sys.executable, line)  # noqa: S606 — no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
