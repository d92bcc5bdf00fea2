"""When a parcel arrives: cut-off, working days, weekends, public holidays."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from delivery.promise import Promise, promise, public_holidays
from delivery.terms import Schedule

SEOUL = ZoneInfo("Asia/Seoul")
THREE_PM = Schedule(cut_off=time(15), days_min=1, days_max=3)
DAWN = Schedule(cut_off=time(22), days_min=1, days_max=1, works_weekends=True)


def seoul(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


def days(first: str, last: str) -> Promise:
    return Promise(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        # Monday: leaves on the day until a second before three.
        ("2026-11-16T00:00:00", "2026-11-17", "2026-11-19"),
        ("2026-11-16T14:59:59.999999", "2026-11-17", "2026-11-19"),
        ("2026-11-16T15:00:00", "2026-11-18", "2026-11-20"),
        ("2026-11-16T23:59:59", "2026-11-18", "2026-11-20"),
        # Thursday: the weekend is in between.
        ("2026-11-19T14:00:00", "2026-11-20", "2026-11-24"),
        # Friday, after the cut-off: leaves on Monday.
        ("2026-11-20T16:00:00", "2026-11-24", "2026-11-26"),
        # Saturday and Sunday are Monday morning.
        ("2026-11-21T10:00:00", "2026-11-24", "2026-11-26"),
        ("2026-11-22T20:00:00", "2026-11-24", "2026-11-26"),
    ],
)
def test_parcel_leaves_before_the_cut_off_on_working_days(
    now: str, first: str, last: str
) -> None:
    assert promise(THREE_PM, now=seoul(now)) == days(first, last)


def test_cut_off_is_on_the_shops_clock() -> None:
    # 05:59 and 06:00 in London are 14:59 and 15:00 in Seoul.
    before = promise(THREE_PM, now=datetime(2026, 11, 16, 5, 59, tzinfo=UTC))
    after = promise(THREE_PM, now=datetime(2026, 11, 16, 6, 0, tzinfo=UTC))

    assert (before.earliest, after.earliest) == (
        date(2026, 11, 17),
        date(2026, 11, 18),
    )


def test_day_is_the_shops_too() -> None:
    # Sunday evening in London is Monday morning in Seoul.
    sunday = datetime(2026, 11, 15, 22, 0, tzinfo=UTC)

    assert promise(THREE_PM, now=sunday) == days("2026-11-17", "2026-11-19")


@pytest.mark.parametrize(
    ("now", "arrives"),
    [
        ("2026-11-20T21:59:00", "2026-11-21"),
        ("2026-11-20T22:00:00", "2026-11-22"),
        ("2026-11-21T12:00:00", "2026-11-22"),
        # Christmas Day is a Friday: nobody works, whatever the weekday.
        ("2026-12-24T12:00:00", "2026-12-26"),
        ("2026-12-25T12:00:00", "2026-12-27"),
    ],
)
def test_way_that_works_weekends_rests_on_holidays_only(now: str, arrives: str) -> None:
    assert promise(DAWN, now=seoul(now)) == days(arrives, arrives)


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        # Seollal 2026 is Monday to Wednesday, 16 to 18 February.
        ("2026-02-13T10:00:00", "2026-02-19", "2026-02-23"),
        ("2026-02-13T15:00:00", "2026-02-20", "2026-02-24"),
        ("2026-02-17T10:00:00", "2026-02-20", "2026-02-24"),
        # Chuseok 2026 is Thursday to Saturday, 24 to 26 September.
        ("2026-09-23T14:00:00", "2026-09-28", "2026-09-30"),
        ("2026-09-23T16:00:00", "2026-09-29", "2026-10-01"),
        # Liberation Day is a Saturday, so Monday is free instead.
        ("2026-08-14T10:00:00", "2026-08-18", "2026-08-20"),
    ],
)
def test_great_holidays_are_waited_out(now: str, first: str, last: str) -> None:
    assert promise(THREE_PM, now=seoul(now)) == days(first, last)


def test_new_year_is_counted_in_the_year_it_is_in() -> None:
    # Thursday, New Year's Eve; 1 January is a holiday, then comes the weekend.
    now = seoul("2026-12-31T10:00:00")

    assert promise(THREE_PM, now=now) == days("2027-01-04", "2027-01-06")


def test_without_cut_off_the_whole_day_counts() -> None:
    at_once = Schedule(cut_off=None, days_min=0, days_max=0)

    late = promise(at_once, now=seoul("2026-11-16T23:59:59"))

    assert late == days("2026-11-16", "2026-11-16")


def test_no_days_at_all_still_needs_a_working_day() -> None:
    at_once = Schedule(cut_off=None, days_min=0, days_max=0)

    assert promise(at_once, now=seoul("2026-11-21T10:00:00")).earliest == date(
        2026, 11, 23
    )


def test_holidays_are_those_of_the_shops_country(settings: Settings) -> None:
    settings.SHOP_COUNTRY = "US"
    # Thanksgiving is the Thursday.
    now = seoul("2026-11-25T10:00:00")

    assert promise(THREE_PM, now=now) == days("2026-11-27", "2026-12-01")


def test_country_nobody_has_listed_has_none() -> None:
    assert public_holidays("ZZ", 2026) == frozenset()


def test_year_is_worked_out_once() -> None:
    public_holidays.cache_clear()

    for _ in range(50):
        promise(THREE_PM, now=seoul("2026-12-30T10:00:00"))

    assert public_holidays.cache_info().misses == 2
