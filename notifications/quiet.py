"""When somebody wants to be left alone."""

from datetime import datetime, timedelta

from common.days import shop_zone
from notifications.models import QuietHours


def quiet_until(hours: QuietHours | None, now: datetime) -> datetime:
    """Return when the quiet hours that ``now`` falls into end; else ``now`` itself.

    The clock is the shop's. Hours that begin later than they end go over midnight.
    """
    if hours is None:
        return now
    local = now.astimezone(shop_zone())
    clock = local.time()
    goes_over_midnight = hours.starts > hours.ends
    if goes_over_midnight:
        is_quiet = clock >= hours.starts or clock < hours.ends
    else:
        is_quiet = hours.starts <= clock < hours.ends
    if not is_quiet:
        return now
    is_evening = goes_over_midnight and clock >= hours.starts
    day = local.date() + timedelta(days=1 if is_evening else 0)
    return datetime.combine(day, hours.ends, tzinfo=shop_zone())
