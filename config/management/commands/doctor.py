"""``manage.py doctor``: what is wrong with this installation, and how to mend it."""

import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from common.commands import as_json
from config import doctor
from config.doctor import Remark, Verdict

MARKS = {
    Verdict.GOOD: "✔",
    Verdict.WARNING: "!",
    Verdict.BAD: "✘",
    Verdict.SKIPPED: "·",
}


class Command(BaseCommand):
    """Looks and changes nothing; works when nothing else does."""

    help = (
        "Examine this installation: Python, settings, PostgreSQL, migrations, Redis,"
        " workers, beat, outbox, clocks, mail, folders. Says of each what is wrong, why"
        " it matters, what to do and where to read on. Changes nothing, and needs"
        " nothing to be running. Exit codes: 0 nothing is wrong (there may be"
        " warnings), 1 something is."
    )
    # It reports itself what these would stop at.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--quiet", action="store_true", help="leave out what is as it should be"
        )

    def handle(self, *, json: bool, quiet: bool, **_options: Any) -> None:
        """Examine, report, and exit with 1 if something is wrong."""
        remarks = []
        for remark in doctor.examine(self._announce):
            remarks.append(remark)
            if not json and not (quiet and remark.verdict == Verdict.GOOD):
                self._announce("")
                self._report(remark)
        self._announce("")
        counts = Counter(remark.verdict for remark in remarks)
        if json:
            told = {
                "ok": not counts[Verdict.BAD],
                "remarks": [asdict(remark) for remark in remarks],
            }
            self.stdout.write(as_json(told))
        else:
            self._conclude(counts)
        if counts[Verdict.BAD]:
            sys.exit(1)

    def _announce(self, title: str) -> None:
        """Show what is being looked at, where somebody is watching."""
        if self.stderr.isatty():
            line = f"  {title} …" if title else ""
            self.stderr.write(f"\r\x1b[K{line}", ending="")
            self.stderr.flush()

    def _report(self, remark: Remark) -> None:
        style = {
            Verdict.GOOD: self.style.SUCCESS,
            Verdict.WARNING: self.style.WARNING,
            Verdict.BAD: self.style.ERROR,
        }.get(remark.verdict, str)
        mark = style(MARKS[remark.verdict])
        self.stdout.write(f"{mark} {remark.subject}: {remark.what}")
        for label, text in (
            ("why ", remark.why),
            ("do  ", remark.do),
            ("read", remark.read),
        ):
            if text:
                self.stdout.write(f"    {label}  {text}")

    def _conclude(self, counts: Counter[Verdict]) -> None:
        wrong, doubtful = counts[Verdict.BAD], counts[Verdict.WARNING]
        text = f"{wrong} wrong, {doubtful} to think about, {counts[Verdict.GOOD]} good"
        if counts[Verdict.SKIPPED]:
            text += f", {counts[Verdict.SKIPPED]} not asked"
        style = self.style.ERROR if wrong else self.style.SUCCESS
        self.stdout.write(style(text))
