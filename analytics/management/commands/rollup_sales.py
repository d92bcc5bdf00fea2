"""``manage.py rollup_sales``: daily sales and takings, made anew from the orders."""

import sys
from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from analytics import services as analytics
from common.commands import BAD_USE, as_json, day
from common.days import shop_day
from common.progress import Progress

MOST_DAYS = 3_660  # ten years: more is a typing error


class Command(BaseCommand):
    """Replaces whole days, so that it may run at any time and as often as one likes."""

    help = (
        "Make the sales of shop days anew from the orders. Without options: today, and"
        " what is not final or was changed, as the clock does every 10 seconds. Use"
        " it after a restore, or where `verify` names I14."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--from", dest="first", type=day, help="2026-11-01")
        parser.add_argument("--to", dest="last", type=day, help="default: today")
        parser.add_argument("--days", type=int, help="so many, with today")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(
        self,
        *,
        first: date | None,
        last: date | None,
        days: int | None,
        **options: Any,
    ) -> None:
        """Roll up, and say how many rows were not as the orders say."""
        if first is None and last is None and days is None:
            changed = {"fresh": analytics.roll_up_fresh_days()}
        else:
            chosen = _chosen(first, last, days)
            steps = Progress(sys.stderr).over("sales", chosen, len(chosen))
            changed = {str(one): analytics.roll_up_day(one) for one in steps}
        total = sum(changed.values())
        if options["json"]:
            self.stdout.write(as_json({"changed": total, "days": changed}))
        else:
            self.stdout.write(f"{len(changed)} days rolled up, {total:,} rows changed")


def _chosen(first: date | None, last: date | None, days: int | None) -> list[date]:
    """Return the days that are meant, the oldest first."""
    today = shop_day(timezone.now())
    if days is not None and (first or last):
        raise _bad("Either --days or --from and --to.")
    if days is not None:
        first = today - timedelta(days=max(days, 0) - 1)
    last = last or today
    first = first or last
    if not 1 <= (last - first).days + 1 <= MOST_DAYS or last > today:
        raise _bad(f"From {first} to {last} are no days that can be rolled up.")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _bad(what: str) -> CommandError:
    return CommandError(what, returncode=BAD_USE)
