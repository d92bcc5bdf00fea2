"""Misbehaviour on demand, for tests."""

import random
import time
from dataclasses import dataclass, field

MODES = frozenset({"ok", "slow", "hang", "drop", "late", "reset"})


@dataclass(frozen=True, slots=True)
class Fault:
    """How to misbehave, towards which ``share`` of the posts, and until when.

    ``ok`` not at all; a number is answered as the status, and nothing is kept; ``slow``
    answers after ``seconds``; ``hang`` keeps nothing and is silent for ``seconds``;
    ``drop`` keeps the events and closes without an answer; ``late`` keeps them and
    answers after ``seconds``; ``reset`` keeps nothing and resets the connection.
    """

    mode: str = "ok"
    share: float = 1.0
    seconds: float = 10.0
    # How long this lasts; for ever by default.
    lasts: float | None = None
    since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        is_status = self.mode.isascii() and self.mode.isdigit() and len(self.mode) == 3  # noqa: PLR2004
        if self.mode not in MODES and not is_status:
            raise ValueError(f"no such mode: {self.mode}")

    def strikes(self) -> bool:
        is_over = self.lasts is not None and time.monotonic() > self.since + self.lasts
        return self.mode != "ok" and not is_over and random.random() < self.share
