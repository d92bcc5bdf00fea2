"""What the operators' commands share: what they are told, and how they answer."""

import json
import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

BAD_USE = 2  # exit code; 1 says that something was found wrong
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration(text: str) -> timedelta:
    """Read ``45s``, ``15m``, ``2h`` or ``7d``; for ``type=`` of an option."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None:
        raise ValueError(text)
    return timedelta(seconds=int(found[1]) * SECONDS[found[2]])


def day(text: str) -> date:
    """Read a shop day, ``2026-11-21``; for ``type=`` of an option."""
    return date.fromisoformat(text)


def as_json(value: Any) -> str:
    """Return what a script reads."""
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows in columns; numbers stand on the right."""
    shown = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(len(line[place]) for line in [list(head), *shown])
        for place in range(len(head))
    ]
    right = [
        bool(rows) and all(isinstance(row[place], int | float | None) for row in rows)
        for place in range(len(head))
    ]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [list(head), *shown]
    )


def seconds(value: float | None) -> str:
    """Return a stretch of time as people say it: ``0.4 s``, ``12 min``, ``3 h``."""
    if value is None:
        return "–"
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if value >= 2 * size:
            return f"{value / size:.0f} {unit}"
    return f"{value:.1f} s"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else str(value)
