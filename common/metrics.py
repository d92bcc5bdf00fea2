"""What is counted while the shop works; ``config/metrics.py`` shows it.

Processes of one machine add up in a folder (``PROMETHEUS_MULTIPROC_DIR``), which is
set before this is imported. Labels take few values: a route, never an address.
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import Any

from prometheus_client import Counter, Histogram

# Seconds.
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
STATEMENT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 5)
TASK_BUCKETS = (0.01, 0.05, 0.25, 1, 5, 30, 300)


class BatchHistogram(Histogram):
    """Takes many values at once: each bucket is written to at most once."""

    def observe_all(self, values: Sequence[float]) -> None:
        """Count values."""
        if not values:
            return
        counts: dict[int, int] = {}
        for value in values:
            place = bisect_left(self._upper_bounds, value)
            counts[place] = counts.get(place, 0) + 1
        for place, count in counts.items():
            self._buckets[place].inc(count)
        self._sum.inc(sum(values))


REQUESTS = Histogram(
    "shop_request_seconds",
    "Time to answer a request, by route.",
    ["route", "method", "status"],
    buckets=REQUEST_BUCKETS,
)
# Labelled, as all are: a metric without labels begins to count when it is imported,
# which is before the folder is known.
STATEMENTS = BatchHistogram(
    "shop_statement_seconds",
    "Time of SQL statements; those of a pipeline count as long as sending them takes.",
    ["database"],
    buckets=STATEMENT_BUCKETS,
)
TASKS = Histogram(
    "shop_task_seconds",
    "Time of tasks in workers, by name and state.",
    ["task", "state"],
    buckets=TASK_BUCKETS,
)
PAYMENTS = Counter(
    "shop_payments",
    "Payments that reached an end, by provider and outcome.",
    ["provider", "outcome"],
)
CLAIMS = Counter(
    "shop_coupon_claims",
    "Coupons asked for, by outcome: issued, or the code of the refusal.",
    ["outcome"],
)
POINTS = Counter(
    "shop_points",
    "Points that were moved, without sign, by kind of movement.",
    ["kind"],
)
POLICY_REPORTS = Counter(
    "shop_csp_reports",
    "What browsers refused to load or run for our pages, by directive.",
    ["directive"],
)


@cache
def child(metric: Any, *labels: str) -> Any:
    """Return a metric's child; finding it anew costs more than counting."""
    return metric.labels(*labels)
