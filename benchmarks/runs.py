"""What a group of benchmarks is given, and the rounds they are measured in."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.measure import Row, Sample
from common.invariants import check
from config.invariants import INVARIANTS


@dataclass(frozen=True)
class Plan:
    """How long and how large: ``--quick`` and ``--big`` change it."""

    rounds: int = 3
    seconds: float = 4.0
    is_big: bool = False


Group = Callable[[Plan], Iterable[Row]]
Run = Callable[[], Sample]


def say(message: str) -> None:
    """Show what is being done."""
    sys.stderr.write(f"    {message}\n")
    sys.stderr.flush()


def rounds(plan: Plan, **runs: Run) -> dict[str, list[Sample]]:
    """Run each in turn, as many rounds as planned; return the samples by name."""
    samples: dict[str, list[Sample]] = {name: [] for name in runs}
    for number in range(1, plan.rounds + 1):
        for name, run in runs.items():
            sample = run()
            samples[name].append(sample)
            say(f"round {number}, {name}: {_describe(sample)}")
    return samples


def books_row(name: str) -> Row:
    """Check every invariant of the shop on what a group has left behind."""
    say("checking the books …")
    findings = [check(invariant) for invariant in INVARIANTS]
    broken = [one for one in findings if not one.is_clean]
    for finding in broken:
        say(f"{finding.invariant.id} {finding.invariant.title}: {finding.count}")
        for key, text in finding.examples[:3]:
            say(f"    {key}: {text}")
    return Row(
        name=f"{name}: violations of {len(findings)} invariants",
        subject=str(sum(one.count for one in broken)),
        limit="",
        ratio=sum(one.count for one in broken),
        bar=0,
        at_most=True,
        note=", ".join(one.invariant.id for one in broken),
    )


def _describe(sample: Sample) -> str:
    parts = [f"{sample.rate:,.0f}/s"]
    if sample.p50:
        parts.append(f"p50 {sample.p50:.1f} ms")
    if sample.p99:
        parts.append(f"p99 {sample.p99:.1f} ms")
    if sample.python_cpu is not None:
        parts.append(f"CPU {sample.python_cpu:.2f} + {sample.postgres_cpu or 0:.2f} ms")
    parts += [f"{count} × {name}" for name, count in sample.refused.items()]
    return ", ".join(parts)
