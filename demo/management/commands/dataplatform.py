"""``manage.py dataplatform``: the receiver of paid orders, for the demo and tests."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from demo.receiver import command
from demo.receiver.http import HOST


class Command(BaseCommand):
    """Runs the demo's data platform with the shop's secret and state folder."""

    help = (
        "Receive paid orders over HTTP, as the data platform would; with --verify,"
        " prove that none is missing."
    )
    # It is no part of the shop: it must run whatever state that is in.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        command.add_arguments(parser)
        parser.set_defaults(path=settings.STATE_DIR / "data-platform.sqlite3")

    def handle(self, **options: Any) -> None:
        """Serve until Ctrl-C, or look and end."""
        if options["verify"]:
            sys.exit(command.verify(**options))
        self.stdout.write(f"data platform at http://{HOST}:{options['port']}/")
        command.run(secret=settings.DATA_PLATFORM_SECRET, **options)
