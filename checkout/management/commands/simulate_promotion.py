"""Tries a promotion on past orders: ``manage.py simulate_promotion 12 --days 30``."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from checkout.simulator import Simulation, Tally, simulate
from common.money import money
from common.progress import Progress
from promotions.models import Promotion

DAYS, ORDERS = 30, 100_000
MOST_DAYS = 3_650


class Command(BaseCommand):
    """Says what a promotion would have cost; writes nothing."""

    help = "Run a promotion over past orders and today's carts, and say what it costs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("promotion", type=int, help="its number in the admin")
        parser.add_argument(
            "--days", type=int, default=DAYS, help="default: %(default)s"
        )
        parser.add_argument(
            "--orders", type=int, default=ORDERS, help="at most; default: %(default)s"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        draft = Promotion.objects.filter(pk=options["promotion"]).first()
        if draft is None:
            raise CommandError(f"There is no promotion {options['promotion']}.")
        if not 1 <= options["days"] <= MOST_DAYS or options["orders"] < 1:
            raise CommandError(
                f"--days goes from 1 to {MOST_DAYS}, --orders begins with 1."
            )
        found = simulate(
            draft,
            days=options["days"],
            limit=options["orders"],
            progress=Progress(sys.stderr),
        )
        self.stdout.write(_as_json(found) if options["json"] else _as_text(found))


def _as_text(found: Simulation) -> str:
    lines = [
        f"{name}: {tally.touched:,} of {tally.seen:,} would get it ({tally.share} %)\n"
        f"  cost {money(tally.cost)}, {tally.cost_share} % of {money(tally.turnover)};"
        f" for nothing: {tally.free:,}\n" + _details(tally)
        for name, tally in (("Orders", found.orders), ("Carts", found.carts))
    ]
    if found.is_cut:
        lines.append("There were more orders; --orders says how many are looked at.")
    return "\n".join(lines)


def _details(tally: Tally) -> str:
    lines = []
    if tally.biggest:
        lines.append(
            f"  biggest: {money(tally.biggest.amount)} ({tally.biggest.label})"
        )
    for label, counts in (
        ("not given", tally.refused),
        ("instead of", tally.displaced),
        ("in favour of", tally.displaced_by),
    ):
        said = ", ".join(f"{name}: {count:,}" for name, count in counts.most_common())
        lines += [f"  {label}: {said}"] if said else []
    return "\n".join(lines)


def _as_json(found: Simulation) -> str:
    values: dict[str, Any] = {"since": found.since, "is_cut": found.is_cut}
    for name, tally in (("orders", found.orders), ("carts", found.carts)):
        values[name] = {
            "seen": tally.seen,
            "touched": tally.touched,
            "cost": tally.cost,
            "turnover": tally.turnover,
            "free": tally.free,
            "biggest": asdict(tally.biggest) if tally.biggest else None,
            "refused": tally.refused,
            "displaced": tally.displaced,
            "displaced_by": tally.displaced_by,
            "cost_by_day": {str(day): cost for day, cost in tally.cost_by_day.items()},
        }
    return json.dumps(values, default=str, indent=2, ensure_ascii=False)
