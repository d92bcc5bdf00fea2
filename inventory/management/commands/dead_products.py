"""Show the product messages that nobody could take, and send them again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.broker import AWAY
from inventory import dead_letters
from inventory.consumer import is_configured

SHOWN = 20


class Command(BaseCommand):
    """Whatever made them fail should be mended first, or they come back."""

    help = "List dead product messages; --replay sends them again, --discard drops."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--replay", action="store_true")
        what.add_argument("--discard", action="store_true")
        parser.add_argument("--limit", type=int, help=f"messages; {SHOWN} are shown")

    def handle(
        self, *, replay: bool, discard: bool, limit: int | None, **_options: Any
    ) -> None:
        """Do it, from the oldest message on."""
        if not is_configured():
            raise CommandError("RABBITMQ_URL is not set.")
        try:
            if replay:
                self._count(dead_letters.replay(limit or 10**6), "sent again")
            elif discard:
                self._count(dead_letters.discard(limit or 10**6), "thrown away")
            else:
                self._show(limit or SHOWN)
        except AWAY as error:
            raise CommandError(f"RabbitMQ is away: {error}") from error

    def _count(self, messages: int, what: str) -> None:
        self.stdout.write(f"{messages} messages {what}")

    def _show(self, limit: int) -> None:
        letters = dead_letters.show(limit)
        for letter in letters:
            self.stdout.write(f"{letter.refused_at}  {letter.code}: {letter.reason}")
            self.stdout.write(f"    {letter.body[:200]}")
        self._count(len(letters), "shown")
