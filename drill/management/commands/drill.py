"""``manage.py drill``: proof, on this machine, that the shop keeps its rules."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.color import no_style

from drill import conductor, database
from drill.report import Report
from drill.scenarios import FEWEST, MOST, SCENARIOS, USUAL

STOPPED = 130  # as a shell has it for Ctrl-C
BAD_USE = 2
SPARE = 8  # connections besides those of the crowd


class Command(BaseCommand):
    """Races many against each other on a throw-away database; exits 1 if one breaks."""

    help = (
        "Let crowds race for the last unit, one coupon, one balance and more, with real"
        " connections, threads and processes, on a database that is made for it on the"
        " shop's server and dropped afterwards; then check its books. The shop's own"
        " data are not touched, but its server is busy meanwhile: run it before opening"
        " day, after an upgrade, or in a quiet hour. Exits 0 if every race ended as it"
        " must and the books are right, 1 if not, 2 if it could not begin."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--only",
            action="append",
            metavar="NAME",
            choices=conductor.all_names(),
            help="run this race alone; may be given several times",
        )
        parser.add_argument("--list", action="store_true", help="name the races, end")
        parser.add_argument(
            "--attempts",
            "--scale",
            type=int,
            default=USUAL,
            metavar="N",
            help=f"how many try at the same moment, {FEWEST} to {MOST};"
            f" {USUAL} by default, and the crowds of drops are ten times as many",
        )
        parser.add_argument("--json", action="store_true", help="print JSON at the end")
        parser.add_argument(
            "--keep", action="store_true", help="leave the database for looking at it"
        )
        parser.add_argument(
            "--clean", action="store_true", help="drop what drills have left, and end"
        )

    def handle(
        self,
        *,
        only: list[str] | None,
        attempts: int,
        keep: bool,
        **options: Any,
    ) -> None:
        """Do what the options say; exit 1 if a race or the books are broken."""
        if options["list"]:
            for scenario in SCENARIOS:
                self.stdout.write(f"{scenario.name:<16}{scenario.title}")
            return
        if options["clean"]:
            self._clean()
            return
        self._check(attempts)
        has_colour = self.stdout.isatty() or options["force_color"]
        style = self.style if has_colour else no_style()
        report = Report(self.stdout, sys.stderr, style, is_json=options["json"])
        names = [name for name in conductor.all_names() if not only or name in only]
        try:
            is_good = conductor.conduct(
                report, names=names, attempts=attempts, is_kept=keep
            )
        except database.CannotCreate as error:
            raise CommandError(str(error), returncode=BAD_USE) from error
        except KeyboardInterrupt:
            left = "kept" if keep else "gone again"
            self.stderr.write(f"\nStopped. The database is {left}.")
            sys.exit(STOPPED)
        finally:
            report.stop()
        if not is_good:
            sys.exit(1)

    def _check(self, attempts: int) -> None:
        if not FEWEST <= attempts <= MOST:
            raise CommandError(
                f"--attempts must be {FEWEST} to {MOST}.", returncode=BAD_USE
            )
        room = database.server().room
        if room < attempts + SPARE:
            raise CommandError(
                f"The server has room for {room} more connections, and {attempts}"
                f" attempts need {attempts + SPARE}. Give fewer --attempts, or raise"
                " max_connections.",
                returncode=BAD_USE,
            )

    def _clean(self) -> None:
        left = database.left_over()
        for name in left:
            database.drop(name)
            self.stdout.write(f"dropped {name}")
        if not left:
            self.stdout.write("There is nothing to drop.")
