"""Moments as whole microseconds since 1970: quick to compare, exact to hash."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(time: datetime) -> int:
    """Return an aware time as a moment."""
    return (time - EPOCH) // timedelta(microseconds=1)


def aware(at: int) -> datetime:
    """Return a moment as an aware time in UTC."""
    return EPOCH + timedelta(microseconds=at)


def uuid7_at(at: int, rng: Random) -> UUID:
    """Return the UUID version 7 that ``common.ids`` could have made at that moment."""
    value = (at // 1000 << 80) | rng.getrandbits(80)
    value = value & ~(0xF000 << 64) | (0x7000 << 64)
    value = value & ~(0xC000 << 48) | (0x8000 << 48)
    return UUID(int=value)
