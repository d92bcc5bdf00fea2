"""``python -m config.embedded start|stop|status|urls``."""

import argparse
import sys

from config import embedded


def main() -> None:
    """Do what the first argument says."""
    parser = argparse.ArgumentParser(prog="python -m config.embedded")
    parser.add_argument("action", choices=["start", "stop", "status", "urls"])
    action = parser.parse_args().action
    try:
        {"start": _start, "stop": embedded.stop, "status": _status, "urls": _urls}[
            action
        ]()
    except embedded.EmbeddedError as error:
        _print(f"error: {error}")
        sys.exit(1)


def _start() -> None:
    embedded.start(_print)


def _status() -> None:
    for server, up in embedded.status().items():
        _print(f"{server}: {'running' if up else 'stopped'}")


def _urls() -> None:
    _print(embedded.database_url())
    _print(embedded.redis_url())


def _print(message: str) -> None:
    sys.stdout.write(message + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
