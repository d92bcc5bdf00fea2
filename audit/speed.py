"""Lighthouse, as a phone on a slow line; the median of three measurements.

Who else uses the machine can only make a page slower than it is, so up to five are
made until two are quick, and the best three count.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from audit.places import Place
from audit.report import AuditError, Finding
from audit.tools import Tools
from audit.visitors import Visitors

PLACES = (
    "home",
    "listing",
    "search",
    "product",
    "cart",
    "coupons",
    "best",
    "login",
)
SCORES = ("performance", "accessibility", "best-practices", "seo")
LEAST = {"performance": 98}  # all others: 100
FULL = 100
LCP, CLS = 1_500, 0.01  # milliseconds; share of the window that moved
BAR = "98/100/100/100, LCP 1500 ms, CLS 0.01"
ENOUGH, MOST = 2, 5  # measurements
ATTEMPTS = 3  # Chromium loses a trace now and then
# Not for search engines; that costs points there.
PRIVATE = {"cart"}


@dataclass(frozen=True, slots=True)
class Run:
    """What one measurement said."""

    scores: dict[str, int]
    lcp: float
    cls: float
    faults: list[str]

    @property
    def is_quick(self) -> bool:
        is_fast = self.scores["performance"] >= LEAST["performance"]
        return is_fast and self.lcp <= LCP and self.cls <= CLS


class Lighthouse:
    """The process that measures."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def measure(self, url: str, cookies: str, scores: Sequence[str]) -> Run:
        """Measure one page, again if the browser failed."""
        headers = {"Cookie": cookies} if cookies else {}
        order = {"url": url, "headers": headers, "categories": list(scores)}
        for _ in range(ATTEMPTS):
            answer = self._ask(order)
            if "error" not in answer:
                metrics = answer["metrics"]
                return Run(
                    answer["scores"], metrics["lcp"], metrics["cls"], answer["faults"]
                )
        raise AuditError(f"Lighthouse could not measure {url}: {answer['error']}")

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AuditError("Lighthouse ended.")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def lighthouse(tools: Tools) -> Iterator[Lighthouse]:
    """Start the process that measures."""
    process = subprocess.Popen(
        [tools.node, "lighthouse.mjs"],
        cwd=tools.folder,
        env={**os.environ, "CHROME_PATH": tools.chromium},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Lighthouse(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def findings(
    tools: Tools,
    base: str,
    visitors: Visitors,
    places: Sequence[Place],
    *,
    is_timed: bool,
) -> Iterator[Finding]:
    """Measure the pages that most visits begin or end with.

    Unless ``is_timed`` each is measured once, and told how quick it is, not judged.
    """
    with lighthouse(tools) as measuring:
        for place in places:
            if place.name in PLACES:
                yield _finding(measuring, base, visitors, place, is_timed=is_timed)


def _finding(
    measuring: Lighthouse,
    base: str,
    visitors: Visitors,
    place: Place,
    *,
    is_timed: bool,
) -> Finding:
    url = base + place.path
    cookies = "; ".join(
        f"{name}={value}" for name, value in visitors[place.who].items()
    )
    # Only the first looks at what is the same every time.
    runs = [measuring.measure(url, cookies, SCORES)]
    most = MOST if is_timed else 1
    # Two that are quick are the median, whatever a third says.
    while len(runs) < most and sum(run.is_quick for run in runs) < ENOUGH:
        runs.append(measuring.measure(url, cookies, SCORES[:1]))
    return _judge(place, runs)


def _judge(place: Place, runs: Sequence[Run]) -> Finding:
    first, is_timed = runs[0], len(runs) > 1
    ordered = sorted(runs, key=lambda run: (not run.is_quick, run.lcp))
    middle = ordered[min(ENOUGH, len(runs)) - 1]
    scores = first.scores | {"performance": middle.scores["performance"]}
    wanted = [name for name in SCORES[1:] if name != "seo" or place.name not in PRIVATE]
    missed = [name for name in wanted if scores[name] < FULL]
    found = "/".join(str(scores[name]) for name in SCORES)
    faults = [
        f"LCP {run.lcp:.0f} ms, CLS {run.cls:.3f}, performance"
        f" {run.scores['performance']}: {', '.join(run.faults)}"
        for run in runs
    ]
    return Finding(
        "lighthouse",
        place.name,
        f"{found}, LCP {middle.lcp:.0f} ms, CLS {middle.cls:.3f}",
        BAR,
        (middle.is_quick or not is_timed) and not missed,
        faults,
    )
