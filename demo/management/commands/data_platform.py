"""``manage.py data_platform``: the receiver of paid orders, for the demo and tests."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from demo.receiver import command
from demo.receiver.http import HOST


class Command(BaseCommand):
    """Runs the demo's data platform with the shop's secret and state folder."""

    help = "Receive paid orders over HTTP, as the data platform would."
    # It is no part of the shop: it must run whatever state that is in.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        command.add_arguments(parser)
        parser.set_defaults(path=settings.STATE_DIR / "data-platform.jsonl")

    def handle(
        self, *, port: int, path: Path, faults: Any, fsync: Any, **_options: Any
    ) -> None:
        """Serve until Ctrl-C."""
        self.stdout.write(f"data platform at http://{HOST}:{port}/")
        command.run(settings.DATA_PLATFORM_SECRET, path, port, faults, fsync)
