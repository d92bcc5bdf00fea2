"""Lists that grow without end are paged by the last row seen, never by an offset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows, newest first, and whether older ones follow."""

    rows: Sequence[M]
    has_older: bool


def first_rows(rows: models.QuerySet[M], *, size: int) -> Page[M]:
    """Read ``size`` rows of an ordered and already positioned list."""
    found = list(rows[: size + 1])
    return Page(rows=found[:size], has_older=len(found) > size)
