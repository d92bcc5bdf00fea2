"""What is kept: a file that survives the program."""

import json
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from demo.receiver.messages import Event

RECENT = 20


class Journal:
    """A file with one event per line, in the order of arrival, each id once."""

    def __init__(self, path: Path, *, is_fsynced: bool) -> None:
        self._lock = threading.Lock()
        self._is_fsynced = is_fsynced
        self._ids: set[str] = set()
        # Where each line begins, so that any page of them is read at once.
        self._offsets: list[int] = []
        self.recent: deque[Event] = deque(maxlen=RECENT)
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b", buffering=0)
        self._load()

    def __len__(self) -> int:
        return len(self._offsets)

    def append(self, events: Sequence[Event]) -> int:
        """Keep the events that are new; return how many those were."""
        with self._lock:
            fresh = {
                event["id"]: event for event in events if event["id"] not in self._ids
            }
            if fresh:
                self._write(list(fresh.values()))
            return len(fresh)

    def read(self, *, after: int = 0, limit: int | None = None) -> Iterator[Event]:
        """Yield the events from number ``after`` + 1 on."""
        with self._lock:
            known = len(self._offsets)
            last = known if limit is None else min(known, after + limit)
            if after >= last:
                return
            start = self._offsets[after]
        with self.path.open("rb") as lines:
            lines.seek(start)
            for _ in range(after, last):
                yield json.loads(lines.readline())

    def close(self) -> None:
        self._file.close()

    def _write(self, events: list[Event]) -> None:
        lines = [json.dumps(event).encode() + b"\n" for event in events]
        self._file.write(b"".join(lines))
        if self._is_fsynced:
            os.fsync(self._file.fileno())
        for event, line in zip(events, lines, strict=True):
            self._remember(event, len(line))

    def _remember(self, event: Event, size: int) -> None:
        self._ids.add(event["id"])
        self._offsets.append(self._end)
        self._end += size
        self.recent.append(event)

    def _load(self) -> None:
        self._end = 0
        with self.path.open("rb") as lines:
            for line in lines:
                # Somebody pulled the plug in the middle of a line: it comes again.
                if not line.endswith(b"\n"):
                    break
                self._remember(json.loads(line), len(line))
        self._file.truncate(self._end)
