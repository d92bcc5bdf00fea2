"""Moments as text: in the shop's zone and the reader's language."""

from datetime import datetime

from babel.core import Locale
from babel.dates import format_date, format_skeleton
from django.utils import timezone

from common.languages import reader_locale


def moment_text(value: datetime) -> str:
    """Write a moment as plain text: day, month, year, hours and minutes."""
    local = timezone.localtime(value)
    locale = Locale.parse(reader_locale())
    date = format_date(local, format="medium", locale=locale)
    clock = format_skeleton("Hm", local, locale=locale)
    # The language's own way to join the two, e.g. "{1}, {0}".
    joined = str(locale.datetime_formats["medium"]).replace("'", "")
    return joined.format(clock, date)
