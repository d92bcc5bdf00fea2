"""A folder that another program reads: JSON Lines, a file for each shop day of writing.

A line is an event exactly if it ends with a line feed and is JSON. What a crash tore in
the middle is neither: the next writer ends that line, and sends the event again.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.utils import timezone

from analytics.transports.base import cloud_event, dump, failed
from common.days import shop_day
from outbox.services import DELIVERED, Outcome, OutgoingEvent

# Orders name people.
MODE = 0o600


class Folder:
    """Appends to ``<topic>-<day>.jsonl`` in the folder of a ``file:///`` address."""

    def __init__(self, url: str, topic: str) -> None:
        self._folder = Path(unquote(urlsplit(url).path))
        self._topic = topic

    def send(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        """Append events; they are on disk before they count as delivered."""
        lines = b"".join(dump(cloud_event(event)) + b"\n" for event in events)
        try:
            with _locked(self._path()) as file:
                _append(file, lines)
        except OSError as error:
            return [failed(error, is_away=True)] * len(events)
        return [DELIVERED] * len(events)

    def _path(self) -> Path:
        return self._folder / f"{self._topic}-{shop_day(timezone.now())}.jsonl"


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole events of a file, as whoever takes them in should do."""
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            try:
                yield json.loads(line)
            except ValueError:
                continue


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    is_new = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, MODE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        if is_new:
            _sync_folder(path.parent)
        yield file
    finally:
        os.close(file)


def _append(file: int, lines: bytes) -> None:
    end = os.lseek(file, 0, os.SEEK_END)
    if end and os.pread(file, 1, end - 1) != b"\n":
        lines = b"\n" + lines
    while lines:
        lines = lines[os.write(file, lines) :]
    os.fsync(file)


def _sync_folder(folder: Path) -> None:
    """Keep the name of a new file through a power cut, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
