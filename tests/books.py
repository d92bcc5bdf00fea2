"""The shop's books, checked inside a test."""

from collections.abc import Collection

from common.invariants import Finding, check, snapshot
from config.invariants import INVARIANTS


def violations() -> list[Finding]:
    """Return the invariants that do not hold right now."""
    with snapshot():
        findings = [check(invariant) for invariant in INVARIANTS]
    return [finding for finding in findings if not finding.is_clean]


def assert_books_balance(*, apart_from: Collection[str] = ()) -> None:
    """Fail with every violation there is, but for the ids in ``apart_from``."""
    broken = [item for item in violations() if item.invariant.id not in apart_from]
    lines = [
        f"{item.invariant.id} {item.invariant.title}: {key}: {text}"
        for item in broken
        for key, text in item.examples
    ]
    assert not lines, "\n".join(["The books are wrong:", *lines])
