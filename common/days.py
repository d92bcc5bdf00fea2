"""The shop's days: they begin at midnight in the shop's own time zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings


def shop_zone() -> ZoneInfo:
    """Return the zone that says when a shop day begins."""
    return ZoneInfo(settings.TIME_ZONE)


def shop_day(moment: datetime) -> date:
    """Return the shop day that ``moment`` (aware) falls on."""
    return moment.astimezone(shop_zone()).date()


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return the half-open interval [start, end) of a shop day, in UTC.

    It is 23 or 25 hours long when the clocks change.
    """
    zone = shop_zone()
    start = datetime.combine(day, time.min, tzinfo=zone)
    end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
    return start.astimezone(UTC), end.astimezone(UTC)
