"""What an examination says."""

from dataclasses import dataclass
from enum import StrEnum

OPERATIONS = "docs/operations.md"


class Verdict(StrEnum):
    """Whether something is as it should be."""

    GOOD = "good"
    # It works, but not as well as it could, or not for long.
    WARNING = "warning"
    BAD = "bad"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Remark:
    """What was found; of what is not good also why it matters and what to do."""

    subject: str
    verdict: Verdict
    what: str
    why: str = ""
    do: str = ""
    read: str = ""


def good(subject: str, what: str) -> Remark:
    """Return that something is as it should be."""
    return Remark(subject, Verdict.GOOD, what)


def warning(
    subject: str, what: str, *, why: str = "", do: str, read: str = ""
) -> Remark:
    """Return that something could be better."""
    return Remark(subject, Verdict.WARNING, what, why, do, _page(read))


def bad(subject: str, what: str, *, why: str = "", do: str, read: str = "") -> Remark:
    """Return that something is wrong."""
    return Remark(subject, Verdict.BAD, what, why, do, _page(read))


def _page(anchor: str) -> str:
    return f"{OPERATIONS}#{anchor}" if anchor else OPERATIONS
