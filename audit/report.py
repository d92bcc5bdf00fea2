"""What was found: a line for each thing that was looked at."""

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STARTED = time.monotonic()
HEADINGS = ("check", "what", "found", "bar", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found of one thing, and whether it is good enough."""

    check: str
    subject: str
    found: str
    bar: str
    is_good: bool
    # What there is to mend, one line each.
    faults: Sequence[str] = ()


class AuditError(Exception):
    """The audit cannot be made; says what helps."""


def say(message: str) -> None:
    """Print a line of progress with the seconds since the start."""
    elapsed = time.monotonic() - STARTED
    sys.stdout.write(f"[{elapsed:5.1f} s] {message}\n")
    sys.stdout.flush()


def table(findings: Iterable[Finding]) -> str:
    """Return all findings as a table for a terminal."""
    cells = [HEADINGS, *map(_cells, findings)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    )


def faults(findings: Iterable[Finding]) -> str:
    """Return what is to be mended, under the name of who found it."""
    blocks = [
        f"{finding.check}: {finding.subject}\n"
        + "\n".join(f"    {fault}" for fault in finding.faults)
        for finding in findings
        if not finding.is_good and finding.faults
    ]
    return "\n".join(blocks)


def _cells(finding: Finding) -> tuple[str, ...]:
    mark = "ok" if finding.is_good else "MISSED"
    return (finding.check, finding.subject, finding.found, finding.bar, mark)
