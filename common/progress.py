"""A bar for people, a line now and then for logs."""

import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

T = TypeVar("T")
WIDTH = 30
BAR_PAUSE, LINE_PAUSE = 0.1, 5.0  # seconds


class Progress:
    """Shows how far a step has come."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_live = stream.isatty()

    def over(self, label: str, steps: Iterable[T], total: int) -> Iterator[T]:
        """Yield the steps and show how many were done."""
        started = shown = time.monotonic()
        pause = BAR_PAUSE if self._is_live else LINE_PAUSE
        for done, step in enumerate(steps, 1):
            yield step
            if (now := time.monotonic()) - shown >= pause:
                shown = now
                self._show(label, done, total, now - started)
        self._show(label, total, total, time.monotonic() - started)
        if self._is_live:
            self._stream.write("\n")

    def say(self, label: str) -> None:
        """Announce a step that cannot be measured."""
        self._stream.write(f"  {label}\n")
        self._stream.flush()

    def _show(self, label: str, done: int, total: int, seconds: float) -> None:
        filled = WIDTH * done // max(total, 1)
        text = f"  {label:<10} {done:>9,} of {total:,} in {seconds:.0f} s"
        if self._is_live:
            text = f"\r{text:<44} [{'█' * filled:<{WIDTH}}]"
        self._stream.write(text if self._is_live else f"{text}\n")
        self._stream.flush()
