"""When a parcel arrives: cut-off, working days, weekends and public holidays."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

import holidays
from django.conf import settings

from common.days import shop_zone
from delivery.terms import Schedule

DAY = timedelta(days=1)
SATURDAY = 5

IsWorkingDay = Callable[[date], bool]


@dataclass(frozen=True, slots=True)
class Promise:
    """The first and the last day a parcel may arrive, both shop days."""

    earliest: date
    latest: date


def promise(schedule: Schedule, *, now: datetime) -> Promise:
    """Return when a parcel ordered at ``now`` (aware) arrives."""
    local = now.astimezone(shop_zone())

    def works(day: date) -> bool:
        is_open = schedule.works_weekends or day.weekday() < SATURDAY
        return is_open and day not in public_holidays(settings.SHOP_COUNTRY, day.year)

    leaves = leaving_day(schedule, local, works)
    return Promise(
        earliest=after(leaves, schedule.days_min, works),
        latest=after(leaves, schedule.days_max, works),
    )


def leaving_day(schedule: Schedule, local: datetime, works: IsWorkingDay) -> date:
    """Return the working day on which what is ordered now leaves the shop."""
    is_late = schedule.cut_off is not None and local.time() >= schedule.cut_off
    day = local.date() + DAY if is_late else local.date()
    return day if works(day) else after(day, 1, works)


def after(day: date, count: int, works: IsWorkingDay) -> date:
    """Return the ``count``-th working day after ``day``."""
    for _number in range(count):
        day += DAY
        while not works(day):
            day += DAY
    return day


@lru_cache(maxsize=64)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """Return the days off of a country; none for one that nobody has listed."""
    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()
