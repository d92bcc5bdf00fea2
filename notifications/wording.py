"""What is said in the reader's language: the active one."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from babel.core import Locale
from babel.numbers import format_decimal
from django.utils.functional import Promise

from common.languages import reader_locale
from common.moments import moment_text
from common.money import money
from notifications.kinds import Kind

Facts = Mapping[str, Any]


def words(kind: Kind, facts: Facts) -> tuple[str, str]:
    """Return title and body; raise ``KeyError`` if the facts do not suffice."""
    written = _Written(facts)
    title = str(kind.title) % written
    return title, _body(kind.body, kind.short_body, written)


def points_text(amount: int) -> str:
    """Write a number of points: ``12,400 P``; the space does not break."""
    locale = Locale.parse(reader_locale())
    return f"{format_decimal(amount, locale=locale)}\N{NO-BREAK SPACE}P"


def _body(body: Promise, short_body: Promise | None, written: "_Written") -> str:
    try:
        return str(body) % written
    except KeyError:
        if short_body is None:
            raise
        return str(short_body) % written


def _moment(value: str) -> str:
    return moment_text(datetime.fromisoformat(value))


FORMATS: Mapping[str, Callable[[Any], str]] = {
    "total": money,
    "refund_amount": money,
    "price": money,
    "old_price": money,
    "points": points_text,
    "balance": points_text,
    "held_until": _moment,
}


class _Written(dict[str, str]):
    """The facts as text; only what a sentence asks for is written."""

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self._facts = facts

    def __missing__(self, key: str) -> str:
        return FORMATS.get(key, str)(self._facts[key])
