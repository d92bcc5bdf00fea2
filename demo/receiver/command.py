"""How the platform is started, alone or by manage.py, and how it proves itself."""

import os
import sys
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from demo.receiver.platform import DataPlatform
from demo.receiver.proof import Shop, ShopRefuses, prove
from demo.receiver.store import Store

DEFAULT_PORT = 8100


def main() -> None:
    """Run the platform in the foreground, or compare what it has with the shop."""
    parser = ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--secret", default=os.environ.get("DATA_PLATFORM_SECRET"))
    options = parser.parse_args()
    if options.verify:
        sys.exit(verify(**vars(options)))
    if not options.secret:
        parser.error("give --secret or DATA_PLATFORM_SECRET")
    run(**vars(options))


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options that all ways to start it share."""
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--path", type=Path, default=Path("data-platform.sqlite3"))
    parser.add_argument("--faults", action="store_true", help="let tests POST /faults")
    parser.add_argument("--fsync", action="store_true", help="survive a power cut")
    parser.add_argument(
        "--verify",
        metavar="URL",
        help="compare with the manifests of the shop there, pull what is missing, end",
    )
    parser.add_argument(
        "--day", type=date.fromisoformat, help="only this shop day (with --verify)"
    )
    parser.add_argument(
        "--user",
        default=os.environ.get("DATA_PLATFORM_USER", ""),
        help="an account that may see events; DATA_PLATFORM_PASSWORD is its password",
    )


def run(
    *, secret: str, path: Path, port: int, faults: Any, fsync: Any, **_rest: Any
) -> None:
    """Serve until Ctrl-C."""
    platform = DataPlatform(
        secret=secret, path=path, port=port, has_faults=faults, is_fsynced=fsync
    )
    try:
        platform.serve_forever()
    except KeyboardInterrupt:
        platform.store.close()


def verify(
    *, verify: str, path: Path, day: date | None, user: str, fsync: Any, **_rest: Any
) -> int:
    """Compare the store with the shop; return 0 once nothing is missing, else 1."""
    password = os.environ.get("DATA_PLATFORM_PASSWORD", "")
    store = Store(path, is_fsynced=fsync)
    try:
        proof = prove(store, Shop(verify, user, password), day=day, say=_say)
    except ShopRefuses as refusal:
        _say(f"the shop refuses: {refusal}")
        return 1
    finally:
        store.close()
    outcome = "nothing is missing" if proof.is_complete else "NOT COMPLETE"
    _say(
        f"{outcome}: {proof.counted} events of {proof.days} days, {proof.pulled} pulled"
    )
    return 0 if proof.is_complete else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
