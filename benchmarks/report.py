"""The table: on the terminal, as Markdown and as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Row

HERE = Path(__file__).parent
HEADINGS = ("what", "shop", "limit", "ratio", "bar", "", "CPU ms/op", "note")


def show(rows: Sequence[Row]) -> str:
    """Return the table for a terminal."""
    cells = [HEADINGS, *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in {0, 5, 7} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def save(rows: Sequence[Row], *, settings: str) -> None:
    """Write ``results.json`` and ``results.md``."""
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} × {platform.machine()}, {platform.system()}",
        "python": platform.python_version(),
        "settings": settings,
    }
    results = [asdict(row) | {"passed": row.passed} for row in rows]
    text = json.dumps({"about": about, "rows": results}, indent=1, ensure_ascii=False)
    (HERE / "results.json").write_text(text + "\n")
    (HERE / "results.md").write_text(_markdown(rows, about))


def _markdown(rows: Sequence[Row], about: dict[str, str]) -> str:
    circumstances = (
        f"{about['at']}, {about['machine']}, Python {about['python']},"
        f" {about['settings']}. Made by `make bench`; [README](README.md) says what the"
        " lines mean."
    )
    lines = [
        "# Results",
        "",
        circumstances,
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|---|--:|--:|--:|--:|---|--:|---|",
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    verdict = {True: "pass", False: "MISS", None: ""}[row.passed]
    sign = "≤" if row.at_most else "≥"
    return (
        row.name,
        row.subject,
        row.limit,
        "" if row.ratio is None else _number(row.ratio),
        "" if row.bar is None else f"{sign} {row.bar:g}",
        verdict,
        row.cpu,
        row.note,
    )


def _number(value: float) -> str:
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
