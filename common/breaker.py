"""Leaves in peace whoever is out of reach.

Known to this process only: each finds out for itself, with one try.
"""

import time
from dataclasses import dataclass, field

FIRST_PAUSE = 1.0  # seconds
LONGEST_PAUSE = 15.0  # so that much later than its return it is noticed


@dataclass
class _Absence:
    pause: float
    until: float


@dataclass
class Breaker:
    """Who is away, and when to knock again."""

    _away: dict[str, _Absence] = field(default_factory=dict)

    def away(self) -> list[str]:
        """Return those that did not answer the last time."""
        return list(self._away)

    def due(self) -> list[str]:
        """Return those of them that may be tried again, once."""
        now = time.monotonic()
        return [name for name, absence in self._away.items() if absence.until <= now]

    def may_try(self, name: str) -> bool:
        """Tell whether somebody is thought to be there, or due to be tried again."""
        # By itself: other threads change the rest meanwhile.
        absence = self._away.get(name)
        return absence is None or absence.until <= time.monotonic()

    def failed(self, name: str) -> None:
        """Note that somebody did not answer; the pauses double."""
        before = self._away.get(name)
        pause = min(before.pause * 2, LONGEST_PAUSE) if before else FIRST_PAUSE
        self._away[name] = _Absence(pause, time.monotonic() + pause)

    def answered(self, name: str) -> None:
        """Note that somebody is there."""
        self._away.pop(name, None)

    def forget(self) -> None:
        """Forget who was away."""
        self._away.clear()
