"""What came of a race, and what should have."""

from dataclasses import dataclass, field
from math import ceil
from typing import Any

from drill.crowd import Tally


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One race: who tried, who won, what is in the books, and what should be there.

    ``found`` is what the database says afterwards and ``wanted`` what it must say,
    under the same names. Winners are what the race is about: orders, coupons, events.
    """

    attempts: int
    winners: int
    # The fewest and the most there may be.
    expected: tuple[int, int]
    told: dict[str, int]
    found: dict[str, Any]
    wanted: dict[str, Any]
    # What came of it all, for people.
    became: str = ""
    seconds: list[float] = field(repr=False, default_factory=list)

    @property
    def is_good(self) -> bool:
        """Tell whether all is as it must be."""
        return not self.complaints()

    def complaints(self) -> list[str]:
        """Say, a line each, what is not as it must be."""
        lines = []
        fewest, most = self.expected
        if not fewest <= self.winners <= most:
            lines.append(f"winners: {self.winners}, must be {self.bar}")
        for name, value in self.wanted.items():
            if self.found[name] != value:
                lines.append(f"{name}: {self.found[name]}, must be {value}")
        return lines

    @property
    def bar(self) -> str:
        """Return how many winners there must be, for people."""
        fewest, most = self.expected
        return str(most) if fewest == most else f"{fewest}–{most}"

    def percentile(self, percent: int) -> float:
        """Return the seconds that so many per cent of the attempts were done in."""
        if not self.seconds:
            return 0.0
        place = max(ceil(len(self.seconds) * percent / 100), 1)
        return sorted(self.seconds)[place - 1]


def judged(
    tally: Tally,
    *,
    winners: int,
    expected: int | tuple[int, int],
    found: dict[str, Any],
    wanted: dict[str, Any],
    told: dict[str, int] | None = None,
    became: str = "",
) -> Outcome:
    """Put a race's outcome together; ``told`` is what callers must have been told."""
    if told is not None:
        found = {"told": tally.told, **found}
        wanted = {"told": {word: n for word, n in told.items() if n}, **wanted}
    return Outcome(
        attempts=sum(tally.told.values()),
        winners=winners,
        expected=(expected, expected) if isinstance(expected, int) else expected,
        told=tally.told,
        found=found,
        wanted=wanted,
        became=became,
        seconds=tally.seconds,
    )


def errors(tally: Tally, *refusals: str) -> dict[str, int]:
    """Return what callers were told that is neither "ok" nor one of ``refusals``."""
    allowed = {"ok", *refusals}
    return {word: n for word, n in tally.told.items() if word not in allowed}
