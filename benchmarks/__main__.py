"""``python -m benchmarks``: measure, print one table, fail if a bar is missed."""

import argparse
import os
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")


def main() -> None:
    """Start what is needed, measure, and leave the machine as it was."""
    django.setup()
    from benchmarks import groups  # noqa: PLC0415 — needs Django
    from config import embedded  # noqa: PLC0415 — after the settings chose its place

    arguments = _arguments(list(groups.GROUPS))
    was_running = all(embedded.status().values())
    embedded.ensure()
    try:
        missed = _measure(arguments)
    finally:
        if not was_running:
            embedded.stop()
    if missed:
        sys.exit(f"{len(missed)} bars missed: " + "; ".join(missed))


def _measure(arguments: argparse.Namespace) -> list[str]:
    """Run what the arguments ask for; return the names of the bars that are missed."""
    from benchmarks import data, groups, report  # noqa: PLC0415 — these need Django
    from benchmarks.measure import Row  # noqa: PLC0415
    from benchmarks.runs import Plan  # noqa: PLC0415

    plan = Plan(is_big=arguments.big)
    if arguments.quick:
        plan = Plan(rounds=1, seconds=2, is_big=arguments.big)
    chosen = arguments.only or list(groups.GROUPS)
    _say("making the shop's data …")
    data.make_template()
    rows: list[Row] = []
    for number, name in enumerate(chosen, start=1):
        begun = time.monotonic()
        _say(f"[{number}/{len(chosen)}] {groups.describe(name)}")
        for row in groups.GROUPS[name](plan):
            rows.append(row)
            _say(report.show([row]).splitlines()[1])
        _say(f"    took {time.monotonic() - begun:.0f} s")
    sys.stdout.write(report.show(rows) + "\n")
    if not arguments.only:
        report.save(rows, settings=f"{plan.rounds} rounds of {plan.seconds:g} s")
    return [row.name for row in rows if row.passed is False]


def _arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--big", action="store_true", help="larger data sets")
    return parser.parse_args()


def _say(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
