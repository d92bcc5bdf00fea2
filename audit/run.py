"""The order in which everything is looked at."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection
from playwright.sync_api import Browser

from audit import access, crawl, layout, markup, shop, speed, tools, visitors, weights
from audit.browser import chromium
from audit.places import Place, places
from audit.report import Finding, faults, say, table
from audit.tools import Tools
from audit.visitors import Visitors

CHECKS = ("crawl", "axe", "overflow", "weight", "lighthouse")
HELP = ", ".join(CHECKS)
# Browsers that look at once; a stopwatch would suffer from them and comes after.
BROWSERS = 2
# Of the faults of one thing, how many are shown at once; the report has all.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Audit:
    """What every check needs."""

    base: str
    folder: Path
    tools: Tools
    visitors: Visitors
    places: Sequence[Place]


Check = Callable[[Audit, Browser], Iterable[Finding]]


def audit(
    checks: Sequence[str], names: Sequence[str], url: str, *, is_timed: bool
) -> int:
    """Make the checks, on a shop that runs or a new one; return the missed bars."""
    state: Path = settings.STATE_DIR
    found_tools = tools.find(state / "tools")
    with nullcontext(url) if url else shop.running() as base:
        say(f"looking at {base}")
        chosen = [place for place in places() if not names or place.name in names]
        everything = Audit(base, state, found_tools, visitors.gather(), chosen)
        connection.close()
        looking = LOOKING if is_timed else LOOKING | {"lighthouse": _measure_once}
        found = _look(everything, looking, checks)
        if is_timed and "lighthouse" in checks:
            say("measuring with Lighthouse")
            for finding in _measure(everything, is_timed=True):
                say(f"  {finding.subject}: {finding.found}")
                found.append(finding)
    return _report(found)


def _look(
    everything: Audit, looking: Mapping[str, Check], checks: Sequence[str]
) -> list[Finding]:
    """Make the checks that do not mind company, some at a time."""
    with ThreadPoolExecutor(BROWSERS) as pool:
        running = [
            pool.submit(_check, name, check, everything)
            for name, check in looking.items()
            if name in checks
        ]
        return [finding for result in running for finding in result.result()]


def _check(name: str, check: Check, everything: Audit) -> list[Finding]:
    begun = time.monotonic()
    with chromium(everything.tools.quiet_chromium) as browser:
        found = []
        for finding in check(everything, browser):
            found.append(finding)
            if not finding.is_good:
                say(f"{finding.check}, {finding.subject}: {finding.found}")
                for fault in finding.faults[:SHOWN]:
                    say(f"    {fault}")
    missed = sum(not finding.is_good for finding in found)
    say(f"{name}: {missed} missed, took {time.monotonic() - begun:.0f} s")
    return found


def _axe(on: Audit, browser: Browser) -> Iterator[Finding]:
    return access.findings(browser, on.base, on.tools, on.visitors, on.places)


def _crawl(on: Audit, browser: Browser) -> Iterator[Finding]:
    found = crawl.crawl(browser, on.base, on.visitors)
    yield from crawl.findings(found)
    pages = crawl.save(found, on.folder / "pages")
    letters = markup.write_letters(on.folder / "letters")
    yield from markup.findings(on.tools, pages, letters)


def _overflow(on: Audit, browser: Browser) -> Iterator[Finding]:
    return layout.findings(browser, on.base, on.visitors, on.places)


def _weight(on: Audit, browser: Browser) -> Iterator[Finding]:
    return weights.findings(browser, on.base, on.visitors, on.places)


def _measure_once(on: Audit, _browser: Browser) -> Iterator[Finding]:
    return _measure(on, is_timed=False)


# The longest first.
LOOKING: dict[str, Check] = {
    "axe": _axe,
    "crawl": _crawl,
    "overflow": _overflow,
    "weight": _weight,
}


def _measure(on: Audit, *, is_timed: bool) -> Iterator[Finding]:
    return speed.findings(on.tools, on.base, on.visitors, on.places, is_timed=is_timed)


def _report(found: Sequence[Finding]) -> int:
    missed = [finding for finding in found if not finding.is_good]
    sys.stdout.write(f"\n{faults(missed)}\n\n{table(found)}\n")
    say(f"{len(found) - len(missed)} of {len(found)} bars met")
    return len(missed)
