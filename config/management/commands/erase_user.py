"""``manage.py erase_user``: forgets a person, and proves it."""

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from checkout.errors import AccountStillNeeded, PointsLeft
from common.commands import BAD_USE, as_json
from config import erasing
from config.erasing import Erased
from points import services as points


class Command(BaseCommand):
    """The same as the customer's own *Delete account*, with the proof of it."""

    help = (
        "Erase what is known of a customer, for good: the account, what they wrote and"
        " were told, in tables, events, Redis and media. Orders and the ledger stay"
        " without a name, for the books. Then all tables and Redis are searched for"
        " the person. Exit codes: 0 nothing is left, 1 it may not be done now or"
        " something is left, 2 bad use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("email", nargs="?", help="whose account")
        who.add_argument("--id", type=int, help="of an account, after a restore")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--give-up-points",
            action="store_true",
            help="points that are left are lost",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what goes")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *, email: str | None, **options: Any) -> None:
        """Ask, erase, search, and say what is left."""
        user = find(email, options["id"])
        if not options["json"]:
            self._announce(user)
        if options["dry_run"]:
            return
        if not options["yes"]:
            _confirm(user)
        try:
            done = erasing.erase(user.pk, gives_up_points=options["give_up_points"])
        except AccountStillNeeded as error:
            waiting = ", ".join(error.extra["orders"])
            raise CommandError(
                f"Not erased: orders or returns are not over ({waiting})."
                if waiting
                else "Not erased: this is an account of staff; take its rights first."
            ) from error
        except PointsLeft as error:
            raise CommandError(
                f"Not erased: {error.extra['balance']:,} points are left. With"
                " --give-up-points they are lost."
            ) from error
        self._report(done, as_script=options["json"])
        if done.sure or done.redis_is_away:
            sys.exit(1)

    def _announce(self, user: User) -> None:
        self.stdout.write(f"{user.email}, account {user.pk}")
        for head, lines in (("Goes:", erasing.GOES), ("Stays:", erasing.STAYS)):
            self.stdout.write(head)
            for line in lines:
                self.stdout.write(f"  - {line}")
        if balance := points.balance_of(user.pk):
            self.stdout.write(f"Lost with it: {balance:,} points")

    def _report(self, done: Erased, *, as_script: bool) -> None:
        if as_script:
            clean = not done.sure and not done.redis_is_away
            self.stdout.write(as_json({"ok": clean, **asdict(done)}))
            return
        self.stdout.write(f"Account {done.user_id} is erased.")
        for hit in done.sure:
            self.stdout.write(
                self.style.ERROR(f"  still in {hit.place}: {hit.count:,} rows")
            )
        for hit in done.maybe:
            self.stdout.write(
                f"  the same name or street is in {hit.place}: {hit.count:,} rows,"
                " perhaps of somebody else"
            )
        if done.redis_is_away:
            self.stdout.write(
                self.style.ERROR("  Redis does not answer; what it has ends in a day.")
            )
        if not (done.sure or done.maybe or done.redis_is_away):
            self.stdout.write(
                self.style.SUCCESS("Nothing is left in tables and Redis.")
            )


def find(email: str | None, user_id: int | None) -> User:
    """Return an account; raise ``CommandError`` if there is none."""
    by = {"email__iexact": email.strip()} if email else {"pk": user_id}
    user = User.objects.filter(**by).first()
    if user is None:
        raise CommandError(f"There is no account {email or user_id}.")
    return user


def _confirm(user: User) -> None:
    if not sys.stdin.isatty():
        raise CommandError(
            "Nobody is there to be asked: say --yes.", returncode=BAD_USE
        )
    typed = input("It cannot be undone. Type the e-mail address to go on: ")
    if typed.strip().lower() != user.email.lower():
        raise CommandError("Not erased: that is another address.", returncode=BAD_USE)
