"""How the platform is started, alone or by manage.py."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from demo.receiver.platform import DataPlatform

DEFAULT_PORT = 8100


def main() -> None:
    """Run the platform in the foreground."""
    parser = ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--secret", default=os.environ.get("DATA_PLATFORM_SECRET"))
    options = parser.parse_args()
    if not options.secret:
        parser.error("give --secret or DATA_PLATFORM_SECRET")
    run(options.secret, options.path, options.port, options.faults, options.fsync)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options that all ways to start it share."""
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--path", type=Path, default=Path("data-platform.jsonl"))
    parser.add_argument("--faults", action="store_true", help="let tests POST /faults")
    parser.add_argument("--fsync", action="store_true", help="survive a power cut")


def run(secret: str, path: Path, port: int, faults: Any, fsync: Any) -> None:
    """Serve until Ctrl-C."""
    platform = DataPlatform(
        secret=secret, path=path, port=port, has_faults=faults, is_fsynced=fsync
    )
    try:
        platform.serve_forever()
    except KeyboardInterrupt:
        platform.journal.close()
