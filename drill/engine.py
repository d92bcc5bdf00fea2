"""The process that runs a drill's races, and tells of each on a line of JSON.

It is one of its own because it lives with other settings than the shop: no Redis, no
broker, nobody to send anything to (``config/settings_drill.py``).
"""

import argparse
import json
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from io import StringIO
from typing import Any

from django.core.management import call_command

from drill import database
from drill.outcome import Outcome
from drill.processes import say, staying
from drill.scenarios import SCENARIOS, Scenario
from orders.models import Order


def main(arguments: Sequence[str]) -> None:
    """Prepare the database, run the races that are asked for, and look at the books."""
    parser = argparse.ArgumentParser(prog="python -m drill")
    parser.add_argument("database")
    parser.add_argument("--attempts", type=int, required=True)
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args(arguments)
    database.enter(options.database)
    call_command("migrate", verbosity=0, interactive=False)
    if Order.objects.exists():
        raise database.NotOurs(f"somebody has ordered in {options.database}.")
    say({"ready": True})
    with staying():
        for scenario in SCENARIOS:
            if not options.only or scenario.name in options.only:
                say({"started": scenario.name})
                say({"race": _run(scenario, options.attempts)})
    say({"verify": _verify()})


def _run(scenario: Scenario, attempts: int) -> dict[str, Any]:
    started = time.monotonic()
    try:
        told = _as_json(scenario.run(attempts))
    except Exception as error:  # noqa: BLE001 — the next races are still of interest
        told = _broken(error)
    seconds = round(time.monotonic() - started, 3)
    return {"name": scenario.name, "title": scenario.title, **told, "seconds": seconds}


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "attempts": outcome.attempts,
        "winners": outcome.winners,
        "expected": list(outcome.expected),
        "p50_ms": round(1_000 * outcome.percentile(50), 1),
        "p99_ms": round(1_000 * outcome.percentile(99), 1),
        "told": outcome.told,
        "became": outcome.became,
        "complaints": outcome.complaints(),
        "ok": outcome.is_good,
    }


def _broken(error: Exception) -> dict[str, Any]:
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename}:{last.lineno}"
    return {
        "attempts": 0,
        "winners": 0,
        "expected": [0, 0],
        "p50_ms": 0.0,
        "p99_ms": 0.0,
        "told": {},
        "became": "",
        "complaints": [f"it broke off: {type(error).__name__}: {error} ({place})"],
        "ok": False,
    }


def _verify() -> dict[str, Any]:
    output = StringIO()
    # It exits 1 on violations, and has told of them before.
    with suppress(SystemExit):
        call_command("verify", json=True, stdout=output)
    found: dict[str, Any] = json.loads(output.getvalue())
    broken = [item for item in found["invariants"] if item["violations"]]
    return {
        "ok": found["ok"],
        "invariants": len(found["invariants"]),
        "violations": broken,
        "orders": Order.objects.count(),
    }
