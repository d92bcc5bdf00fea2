"""``python -m audit``: look at the running shop, print one table, fail on a miss."""

import argparse
import os
import signal
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "audit.settings"
# Playwright keeps an event loop in its thread, which Django takes for async code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


def main() -> None:
    """Start the shop, look at it, and leave the machine as it was."""
    django.setup()
    # What was started is ended, whoever asks.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    from audit import run  # noqa: PLC0415 — needs Django
    from audit.report import AuditError  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m audit", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=run.CHECKS, metavar="CHECK", help=run.HELP
    )
    parser.add_argument("--place", action="append", help="only places of this name")
    parser.add_argument("--url", default="", help="of a shop that the last audit left")
    parser.add_argument(
        "--no-stopwatch",
        action="store_true",
        help="tell how quick pages are, once: the machine has other work",
    )
    arguments = parser.parse_args()
    try:
        checks, names = arguments.only or run.CHECKS, arguments.place or []
        is_timed = not arguments.no_stopwatch
        missed = run.audit(checks, names, arguments.url, is_timed=is_timed)
    except AuditError as error:
        sys.exit(f"error: {error}")
    if missed:
        sys.exit(f"{missed} missed")


if __name__ == "__main__":
    main()
