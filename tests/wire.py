"""What goes over the wire to PostgreSQL, as libpq itself saw it."""

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection
from psycopg import pq

# Other lines are answers, or belong to the text of a statement.
TO_SERVER = re.compile(r"^F\t\d+\t(\w+)", re.MULTILINE)


@dataclass
class Wire:
    """Messages to the server, by kind."""

    sent: Counter[str] = field(default_factory=Counter)

    @property
    def statements(self) -> int:
        """Return how many statements ran, BEGIN and COMMIT included."""
        return self.sent["Execute"] + self.sent["Query"]

    @property
    def round_trips(self) -> int:
        """Return how often the client waited; a pipeline is one "Sync"."""
        return self.sent["Sync"] + self.sent["Query"]


@contextmanager
def watched_wire() -> Iterator[Wire]:
    """Count what this thread's connection sends."""
    connection.ensure_connection()
    libpq = connection.connection.pgconn
    wire = Wire()
    with tempfile.TemporaryFile("w+") as trace:
        libpq.trace(trace.fileno())
        libpq.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield wire
        finally:
            libpq.untrace()
        trace.seek(0, os.SEEK_SET)
        wire.sent.update(TO_SERVER.findall(trace.read()))
