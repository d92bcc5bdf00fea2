"""What the data platform finds in an event's data: a JSON Schema for each type."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@cache
def schema_names() -> frozenset[str]:
    """Return the types of events there is a schema of."""
    return frozenset(path.stem for path in FOLDER.glob("*.json"))


@cache
def schema(event_type: str) -> dict[str, Any]:
    """Return a type's schema, with the address it is served at left to the reader."""
    found: dict[str, Any] = json.loads((FOLDER / f"{event_type}.json").read_text())
    return found
