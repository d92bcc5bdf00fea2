"""What is measured, and how it is judged."""

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded import state_dir

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True)
class Sample:
    """One run: operations per second, latencies in ms, CPU ms per operation."""

    rate: float
    p50: float = 0.0
    p99: float = 0.0
    # Of our own Python, and of PostgreSQL; ``None`` where the system does not tell.
    python_cpu: float | None = None
    postgres_cpu: float | None = None
    errors: int = 0
    # What the operations that were refused were told, and how often.
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A line of the table: a value, the limit it is compared with, and the bar."""

    name: str
    subject: str
    limit: str
    # What is compared with the bar; ``None`` is information only.
    ratio: float | None
    bar: float | None
    at_most: bool = False
    cpu: str = ""
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """Tell whether the bar is met; ``None`` if there is none."""
        if self.ratio is None or self.bar is None:
            return None
        return self.ratio <= self.bar if self.at_most else self.ratio >= self.bar


def median_of(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    """Return the median of one figure over the rounds."""
    return statistics.median(value(sample) for sample in samples)


def median_ratio(
    subjects: Sequence[Sample],
    limits: Sequence[Sample],
    value: Callable[[Sample], float] = lambda sample: sample.rate,
) -> float:
    """Return the median over the rounds of subject divided by limit."""
    return statistics.median(
        value(subject) / value(limit) if value(limit) else 0.0
        for subject, limit in zip(subjects, limits, strict=True)
    )


def rate(samples: Sequence[Sample], unit: str = "/s") -> str:
    """Describe the median rate."""
    return f"{median_of(samples, lambda sample: sample.rate):,.0f} {unit}"


def cpu(samples: Sequence[Sample]) -> str:
    """Describe the median CPU per operation: ours + PostgreSQL's."""
    parts = [
        [sample.python_cpu for sample in samples if sample.python_cpu is not None],
        [sample.postgres_cpu for sample in samples if sample.postgres_cpu is not None],
    ]
    told = [f"{statistics.median(part):.2f}" if part else "–" for part in parts]
    return " + ".join(told)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the value below which ``percent`` of the sorted values lie."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def postgres_seconds() -> float | None:
    """Return the CPU seconds that PostgreSQL has used since it was started.

    The main process counts for its children once they are gone; the living ones have
    to be asked. ``None`` where there is no ``/proc``.
    """
    if not PROC.exists():
        return None
    pid = int((state_dir() / "postgres" / "postmaster.pid").read_text().split()[0])
    main = _ticks(pid)
    alive = sum(sum(_ticks(child)[:2]) for child in children(pid))
    return (sum(main) + alive) / TICKS


def tree_seconds(pid: int) -> float | None:
    """Return the CPU seconds of a process and of all below it."""
    if not PROC.exists():
        return None
    below = sum(tree_seconds(child) or 0.0 for child in children(pid))
    return sum(_ticks(pid)[:2]) / TICKS + below


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that live."""
    try:
        threads = list((PROC / str(pid) / "task").iterdir())
        return [
            int(child)
            for thread in threads
            for child in (thread / "children").read_text().split()
        ]
    except OSError:
        return []


def _ticks(pid: int) -> list[int]:
    """Return user, system, and both of the children that are gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return [0, 0, 0, 0]  # it has just ended
    return [int(value) for value in text.rpartition(")")[2].split()[11:15]]
