"""``manage.py seed_demo``: a shop that looks as if it had been open for weeks."""

import sys
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from common.commands import BAD_USE
from common.progress import Progress
from demo.logins import sentences
from demo.seed import story

DEFAULT_ORDERS = 1_500


class Command(BaseCommand):
    """Fills an empty shop with products, shoppers and three weeks of orders."""

    help = (
        "Fill an empty shop with products, shoppers and three weeks of orders. The same"
        " options make the same shop. Never in production. Exit codes: 0 done, 2 bad"
        " use, such as a shop that has data already."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--products", type=int, help="how many; by default the catalogue"
        )
        parser.add_argument(
            "--orders",
            type=int,
            default=DEFAULT_ORDERS,
            help=f"how many; by default {DEFAULT_ORDERS}",
        )
        parser.add_argument("--users", type=int, help="shoppers; by the orders")
        parser.add_argument("--seed", type=int, default=1, help="another shop")
        parser.add_argument(
            "--until",
            type=datetime.fromisoformat,
            help="when the story ends (ISO, with zone); by default now",
        )
        parser.add_argument(
            "--flush", action="store_true", help="delete what the shop has before"
        )
        parser.add_argument("--no-photos", action="store_true")

    def handle(
        self,
        *,
        products: int | None,
        orders: int,
        users: int | None,
        seed: int,
        until: datetime | None,
        flush: bool,
        no_photos: bool,
        **options: Any,
    ) -> None:
        """Fill the shop, and say who can sign in."""
        if settings.PRODUCTION:
            # Its passwords are printed in the documentation.
            raise _bad("The demo's data are not for a production shop.")
        if (products is not None and products < 1) or orders < 0:
            raise _bad("There is no shop without products.")
        wish = story.Wish(products, orders, users, seed, until or timezone.now())
        progress = Progress(sys.stderr)
        if flush:
            story.empty_shop()
        try:
            story.fill(wish, progress)
        except story.AlreadyFilled:
            raise _bad(
                "The shop has data already; --flush deletes them before."
            ) from None
        if not no_photos:
            story.take_photos(wish, progress)
        if options["verbosity"] > 1:
            for sentence in sentences():
                self.stdout.write(sentence)


def _bad(what: str) -> CommandError:
    return CommandError(what, returncode=BAD_USE)
