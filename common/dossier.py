"""What the apps know of one thing, on the one page of the admin that shows all of it.

An app contributes under the name of what its events are about ("order"), so that the
page need not know the app: it may stand beside it, or above.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened: a line of a timeline. ``kind`` is that of a tag."""

    at: datetime
    what: Any
    detail: str = ""
    actor: str = ""
    kind: str = "off"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a panel; ``pk`` is what its button is about, if it has one."""

    cells: Sequence[Any]
    pk: Any = None


@dataclass(frozen=True, slots=True)
class Button:
    """An action of the admin that each row of a panel offers: where it is sent."""

    label: Any
    url: str
    action: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A table that is only read."""

    title: Any
    columns: Sequence[Any]
    rows: Sequence[Row]
    button: Button | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """All that one app tells of a thing."""

    moments: Sequence[Moment] = ()
    panels: Sequence[Panel] = field(default_factory=tuple)


# Tells whether whoever looks has a permission: not everybody may see everything.
Sees = Callable[[str], bool]
Source = Callable[[Sees, str], Chapter]
_sources: dict[str, dict[str, Source]] = {}


def contributes(kind: str) -> Callable[[Source], Source]:
    """Have a function asked whenever a thing of this kind is shown."""

    def declare(source: Source) -> Source:
        _sources.setdefault(kind, {})[source.__module__] = source
        return source

    return declare


def chapters(kind: str, key: str, sees: Sees) -> list[Chapter]:
    """Return what everybody has to tell of a thing to one who looks."""
    return [source(sees, key) for source in _sources.get(kind, {}).values()]
