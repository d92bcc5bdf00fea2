"""What is kept: an SQLite file that survives the program, each event once."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from demo.receiver.messages import Event

RECENT = 20
# The proof may write to the same file from a process of its own.
BUSY_SECONDS = 30
# By source and id: that is how CloudEvents says which are the same.
SCHEMA = """
    CREATE TABLE IF NOT EXISTS event (
        number   INTEGER PRIMARY KEY AUTOINCREMENT,
        source   TEXT NOT NULL,
        id       TEXT NOT NULL,
        type     TEXT NOT NULL,
        sequence INTEGER,
        at       INTEGER,
        body     TEXT NOT NULL,
        UNIQUE (source, id)
    );
    CREATE INDEX IF NOT EXISTS event_of_time ON event (type, at);
    CREATE INDEX IF NOT EXISTS event_of_sequence ON event (type, sequence);
"""
INSERT = """
    INSERT OR IGNORE INTO event (source, id, type, sequence, at, body)
    VALUES (?, ?, ?, ?, ?, ?)
"""


class Store:
    """Events in the order of arrival."""

    def __init__(self, path: Path, *, is_fsynced: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.Lock()
        self._file = sqlite3.connect(
            path, timeout=BUSY_SECONDS, check_same_thread=False
        )
        self._file.execute("PRAGMA journal_mode = WAL")
        # A killed program loses nothing either way; a power cut only with FULL.
        level = "FULL" if is_fsynced else "NORMAL"
        self._file.execute(f"PRAGMA synchronous = {level}")
        self._file.executescript(SCHEMA)

    def __len__(self) -> int:
        [(count,)] = self._query("SELECT count(*) FROM event")
        return int(count)

    def append(self, events: Sequence[Event]) -> int:
        """Keep the events that are new; return how many those were."""
        rows = [_row(event) for event in events]
        with self._lock, self._file:
            return sum(self._file.execute(INSERT, row).rowcount for row in rows)

    def read(self, *, after: int = 0, limit: int | None = None) -> Iterator[Event]:
        """Yield the events that came after the first ``after``."""
        for (body,) in self._query(
            "SELECT body FROM event ORDER BY number LIMIT ? OFFSET ?",
            -1 if limit is None else limit,
            after,
        ):
            yield json.loads(body)

    def recent(self) -> list[Event]:
        """Return what came last, oldest first."""
        found = self._query(
            "SELECT body FROM event ORDER BY number DESC LIMIT ?", RECENT
        )
        return [json.loads(body) for (body,) in reversed(found)]

    def ids(self, kind: str, start: str, end: str) -> list[tuple[int, str]]:
        """Return the sequences and ids of a type from ``start`` to before ``end``."""
        return self._query(
            "SELECT sequence, id FROM event WHERE type = ? AND at >= ? AND at < ?"
            " ORDER BY sequence",
            kind,
            _microseconds(start),
            _microseconds(end),
        )

    def gaps(self, kind: str, last: int) -> list[tuple[int, int]]:
        """Return the stretches of numbers up to ``last`` that are not there."""
        found: list[tuple[int, int]] = []
        expected = 1
        rows = self._query(
            "SELECT DISTINCT sequence FROM event WHERE type = ? AND sequence <= ?"
            " ORDER BY sequence",
            kind,
            last,
        )
        for (sequence,) in [*rows, (last + 1,)]:
            if sequence > expected:
                found.append((expected, sequence - 1))
            expected = max(expected, sequence + 1)
        return found

    def first_time(self, kind: str) -> datetime | None:
        """Return the moment of the oldest event of a type."""
        [(at,)] = self._query("SELECT min(at) FROM event WHERE type = ?", kind)
        return None if at is None else datetime.fromtimestamp(at / 1e6).astimezone()

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _query(self, sql: str, *values: object) -> list[Any]:
        with self._lock:
            return self._file.execute(sql, values).fetchall()


def digest(ids: Sequence[str]) -> str:
    """Return the SHA-256 of a manifest: each id, followed by a line feed."""
    return sha256("".join(f"{one}\n" for one in ids).encode("ascii")).hexdigest()


def _row(event: Event) -> tuple[object, ...]:
    sequence = str(event.get("sequence", ""))
    return (
        event["source"],
        event["id"],
        event["type"],
        int(sequence) if sequence.isascii() and sequence.isdigit() else None,
        _microseconds_or_none(event.get("time")),
        json.dumps(event),
    )


def _microseconds_or_none(text: object) -> int | None:
    try:
        return _microseconds(str(text))
    except ValueError:
        return None


def _microseconds(text: str) -> int:
    """Return a moment as a number that is exact and can be compared."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return round(moment.timestamp() * 1_000_000)
