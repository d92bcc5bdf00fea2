"""Days that begin at midnight in the shop."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from common.days import bounds, shop_day

moments = st.datetimes(
    min_value=datetime(2000, 1, 2),  # noqa: DTZ001 — Hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(moment=moments)
def test_every_moment_is_within_its_day(moment: datetime) -> None:
    start, end = bounds(shop_day(moment))

    assert start <= moment < end
    assert shop_day(start) == shop_day(end - timedelta(microseconds=1))
    assert shop_day(end) == shop_day(start) + timedelta(days=1)


def test_day_in_seoul_begins_at_three_in_the_afternoon_in_greenwich() -> None:
    assert bounds(date(2026, 3, 1)) == (
        datetime(2026, 2, 28, 15, tzinfo=UTC),
        datetime(2026, 3, 1, 15, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 29), 23), (date(2026, 6, 1), 24), (date(2026, 10, 25), 25)],
)
def test_day_is_shorter_or_longer_when_the_clocks_change(
    settings: Settings, day: date, hours: int
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"

    start, end = bounds(day)

    assert end - start == timedelta(hours=hours)
    assert shop_day(start) == shop_day(end - timedelta(seconds=1)) == day
