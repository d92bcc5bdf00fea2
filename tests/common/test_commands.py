"""How the operators' commands read their options and answer."""

import re
from datetime import date, timedelta

import pytest

from common.commands import day, duration, seconds, table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45s", timedelta(seconds=45)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
    ],
)
def test_stretch_of_time_is_read(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "15", "m", "-1h", "1w", "1 h", "1h30m"])
def test_what_is_no_stretch_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        duration(text)


def test_day_is_read_as_the_calendar_writes_it() -> None:
    assert day("2026-11-21") == date(2026, 11, 21)
    with pytest.raises(ValueError, match="Invalid isoformat"):
        day("21.11.2026")


def test_numbers_stand_on_the_right_and_nothing_is_a_dash() -> None:
    rows = [("mail", 12_000, "1 h"), ("sms", 3, None)]

    assert table(("who", "waiting", "oldest"), rows) == (
        "who   waiting  oldest\nmail   12,000  1 h\nsms         3  –"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (0.44, "0.4 s"), (119, "119.0 s"), (600, "10 min"), (90_000, "25 h")],
)
def test_time_is_written_as_people_say_it(value: float | None, expected: str) -> None:
    assert seconds(value) == expected
