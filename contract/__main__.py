"""``python -m contract lint | fuzz | clients``: hold the API to its description."""

import argparse
import os
import signal
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "contract.settings"


def main() -> None:
    """Run one of the checks, and fail on the first thing that does not hold."""
    django.setup()
    # What was started is ended, whoever asks.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    from contract import clients, fuzz, lint  # noqa: PLC0415 — needs Django
    from contract.tools import ContractError  # noqa: PLC0415 — needs Django

    parser = argparse.ArgumentParser(prog="python -m contract", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, run in (("lint", lint.run), ("fuzz", fuzz.run), ("clients", clients.run)):
        command = commands.add_parser(name, help=(run.__doc__ or "").partition("\n")[0])
        command.set_defaults(run=run)
        if name == "fuzz":
            command.add_argument("--examples", type=int, default=100)
            command.add_argument("--phases", default=fuzz.PHASES)
            command.add_argument("--role", action="append", choices=fuzz.ROLES)
            command.add_argument("--only", help="operations whose id matches this")
    arguments = vars(parser.parse_args())
    run = arguments.pop("run")
    try:
        run(**arguments)
    except ContractError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
